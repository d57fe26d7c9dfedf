package bmp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/internal/config"
)

// TestConfig checks that the defaults are valid, ten lines are enough, and all faults are reported
// at once.
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
	if err := config.Validate(&cfg); err != nil {
		t.Error(err)
	}
	if cfg.IdleTimeout != config.DurationOrOff(time.Hour) || len(cfg.Routers) != 3 {
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
	err := config.Validate(&cfg)
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, want := range []string{
		"listen: ", "max_sessions: got 0, want 1 to 10000", "initiation_timeout: got 0s, want 1ms to 1h", "tls.cert_file: is empty",
		"routers[0].address: ", `routers[1].name: got "a/b"`, `routers[2].address: got "192.0.2.1", want an IP address, or a prefix without bits`,
		`routers[3].name: got "net"`, `routers[4].tables[1]: got "inside", want pre, post, loc or out`, `routers[6].name: got "2001-db8--1"`,
		`routers[7].address: got "203.0.113.1/24"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

// TestListen checks that an impossible port is found before the station listens.
func TestListen(t *testing.T) {
	t.Parallel()
	for listen, sound := range map[string]bool{
		":11019": true, "192.0.2.1:0": true, "[2001:db8::1]:65535": true, ":99999": false, ":bmp": false, ":": false, "192.0.2.1": false,
	} {
		cfg := bmp.DefaultConfig()
		cfg.Listen = listen
		if err := config.Validate(&cfg); (err == nil) != sound || err != nil && !strings.HasPrefix(err.Error(), "listen: ") {
			t.Errorf("%s: got %v, want sound: %v", listen, err, sound)
		}
	}
}
