package bmp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/internal/config"
)

// TestConfig: the defaults are sound, ten lines are enough, and all faults are told at once.
func TestConfig(t *testing.T) {
	t.Parallel()
	cfg := bmp.DefaultConfig()
	good := `
routers:
  - {address: 192.0.2.1, name: edge1}
  - {address: "2001:db8::1", tables: [pre, loc]}
  - {address: 198.51.100.0/24}
idle_timeout: 1h
tls: {cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem}
`
	if err := config.Decode(&cfg, []byte(good)); err != nil {
		t.Fatal(err)
	}
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if cfg.IdleTimeout != time.Hour || len(cfg.Routers) != 3 {
		t.Errorf("got %+v", cfg)
	}
	cfg = bmp.DefaultConfig()
	bad := `
listen: nowhere
max_sessions: 0
initiation_timeout: 0s
tls: {client_ca_file: ca.pem, key_file: key.pem}
routers:
  - {address: 192.0.2.256}
  - {address: 192.0.2.1, name: "a/b"}
  - {address: 192.0.2.1}
  - {address: 198.51.100.0/24, name: net}
  - {address: 198.51.100.1, tables: [pre, inside]}
  - {address: "2001:db8::1"}
  - {address: 198.51.100.2, name: 2001-db8--1}
  - {address: 203.0.113.1/24}
`
	if err := config.Decode(&cfg, []byte(bad)); err != nil {
		t.Fatal(err)
	}
	err := cfg.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		"listen: ", "max_sessions: 0", "initiation_timeout: 0s", "cert_file and key_file", "client_ca_file needs",
		"routers[0]: address", "routers[1]: name: octet 2", "routers[2]: address: \"192.0.2.1\" is that of routers[1]",
		"routers[3]: name: \"net\": leave name out", "routers[4]: tables: \"inside\"", "routers[6]: name: \"2001-db8--1\" is that of routers[5]",
		"routers[7]: address: \"203.0.113.1/24\" has bits beyond its mask: want 203.0.113.0/24, or 203.0.113.1 for one router",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

// TestListen: a port that cannot be is found before anything listens.
func TestListen(t *testing.T) {
	t.Parallel()
	for listen, sound := range map[string]bool{
		":11019": true, "192.0.2.1:0": true, "[2001:db8::1]:65535": true, ":99999": false, ":bmp": false, ":": false, "192.0.2.1": false,
	} {
		cfg := bmp.DefaultConfig()
		cfg.Listen = listen
		if err := cfg.Validate(); (err == nil) != sound || err != nil && !strings.HasPrefix(err.Error(), "ingest.bmp.listen: ") {
			t.Errorf("%s: got %v, want sound: %v", listen, err, sound)
		}
	}
}
