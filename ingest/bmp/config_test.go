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
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}
