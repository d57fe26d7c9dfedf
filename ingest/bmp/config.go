package bmp

import (
	"time"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section ingest.bmp: the station for routers.
type Config struct {
	// The address of the station; without a host all addresses of the machine. It is opened only
	// where routers are configured, and who is not among them is refused before an octet is read.
	Listen string `yaml:"listen" min:"1" form:"host:port"`
	// The routers that may connect. Empty: the port stays closed.
	Routers []Router `yaml:"routers"`
	// The connections at one time.
	MaxSessions int `yaml:"max_sessions" min:"1" max:"10000"`
	// The time for a connection's first message, TLS handshake included.
	InitiationTimeout time.Duration `yaml:"initiation_timeout" min:"1ms" max:"1h"`
	// The Initiation messages of a session. RFC 7854 wants one.
	MaxInitiations int `yaml:"max_initiations" min:"1" max:"1048576"`
	// The peers of a session, each table of a neighbour counted; each takes about 1 kB. Where there
	// are as many, those that are down are forgotten.
	MaxPeers int `yaml:"max_peers" min:"1" max:"16384"`
	// The time for the rest of a message that has begun to come.
	MessageTimeout time.Duration `yaml:"message_timeout" min:"1ms" max:"1h"`
	// How long a router may send nothing. BMP has no keepalive of its own, and a router with quiet
	// neighbours and without statistics is silent for long: a router that is gone is noticed by
	// keepalive_interval.
	IdleTimeout config.DurationOrOff `yaml:"idle_timeout" min:"1ms" max:"10000h"`
	// The time after which TCP asks a silent router whether it is there, and again every third of
	// it, three times.
	KeepaliveInterval time.Duration `yaml:"keepalive_interval" min:"1s" max:"1h"`
	// The octets that a session reads at once.
	ReadBufferBytes int `yaml:"read_buffer_bytes" min:"4096" max:"1048576"`
	// Encryption on the port.
	TLS TLS `yaml:"tls"`
}

// Router is one router, or all routers of a network.
type Router struct {
	// The address that it connects from, or a prefix of several; the longest that fits counts.
	Address string `yaml:"address" min:"1" want:"an IP address, or a prefix without bits beyond its mask, that no other entry has"`
	// The name of its collector, bmp/<name>. Empty: its address, with - for each : of IPv6. Routers
	// of a prefix go by their addresses.
	Name string `yaml:"name" want:"[A-Za-z0-9._-]+ that no other entry has, and none beside a prefix"`
	// The tables that are passed on. Empty: all that it sends. Detection reads pre.
	Tables []string `yaml:"tables" oneof:"pre post loc out"`
}

// TLS is the station's side of TLS.
type TLS struct {
	// The station's certificate, PEM. Empty: no TLS.
	CertFile string `yaml:"cert_file"`
	// The key of cert_file, PEM.
	KeyFile string `yaml:"key_file"`
	// The certificates, PEM, of the authorities that sign the routers'. Empty: routers need none.
	ClientCAFile string `yaml:"client_ca_file"`
}

// DefaultConfig returns the default of each field.
func DefaultConfig() Config {
	return Config{
		Listen: ":11019", MaxSessions: 1000, InitiationTimeout: 30 * time.Second, MaxInitiations: 16,
		MaxPeers: 4096, MessageTimeout: time.Minute,
		IdleTimeout: config.DurationOrOff(24 * time.Hour), KeepaliveInterval: 15 * time.Second,
		ReadBufferBytes: 64 << 10,
	}
}

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	_, faults := parseRouters(c.Routers)
	return faults
}

// Faults reports the faults that struct tags cannot express.
func (t TLS) Faults() []config.Fault {
	var faults []config.Fault
	if t.CertFile == "" && (t.KeyFile != "" || t.ClientCAFile != "") {
		faults = append(faults, config.Fault{
			Key: "cert_file", Value: t.CertFile, Want: "a file beside the other keys of TLS",
		})
	}
	if t.KeyFile == "" && t.CertFile != "" {
		faults = append(faults, config.Fault{Key: "key_file", Value: t.KeyFile, Want: "a file beside cert_file"})
	}
	return faults
}
