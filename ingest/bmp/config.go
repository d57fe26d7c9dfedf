package bmp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
)

// Config is the section ingest.bmp of the configuration.
type Config struct {
	// Listen is the address of the station, host:port. Default ":11019", all addresses of the machine: it is opened only where
	// routers are configured, and whoever is not among them is refused before a byte is read.
	Listen string `yaml:"listen"`
	// Routers that may connect. Default none: the port stays closed.
	Routers []Router `yaml:"routers"`
	// MaxSessions is how many connections there may be at once. Default 1000.
	MaxSessions int `yaml:"max_sessions"`
	// InitiationTimeout is the time for a connection's first message, TLS handshake included. Default 30s.
	InitiationTimeout time.Duration `yaml:"initiation_timeout"`
	// MaxInitiations is how many Initiation messages a session may send; RFC 7854 wants one. Default 16.
	MaxInitiations int `yaml:"max_initiations"`
	// MaxPeers is how many peers a session may speak of, each table of a neighbour counted; each takes about 1 kB. Where there are as many,
	// those that are down are forgotten. Default 4096.
	MaxPeers int `yaml:"max_peers"`
	// MessageTimeout is the time for the rest of a message that has begun to come. Default 1m.
	MessageTimeout time.Duration `yaml:"message_timeout"`
	// IdleTimeout is how long a router may say nothing. BMP has no keepalive of its own, and a router with quiet neighbours and
	// without statistics is silent for long: a router that is gone is noticed by Keepalive. Default 24h; 0 is no limit.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// Keepalive is the time after which TCP asks a silent router whether it is there, and again every third of it, three times.
	// Default 15s.
	Keepalive time.Duration `yaml:"keepalive"`
	// Drain is the time for the last records of all sessions when the station ends. Default 5s.
	Drain time.Duration `yaml:"drain"`
	// ReadBufferBytes is what a session reads at once. Default 65536.
	ReadBufferBytes int `yaml:"read_buffer_bytes"`
	// TLS on the port. Default off.
	TLS TLS `yaml:"tls"`
}

// Router is one router, or all of a network.
type Router struct {
	// Address it connects from: an IP address, or a prefix of several; the longest that fits counts.
	Address string `yaml:"address"`
	// Name of its collector, bmp/<name>: [A-Za-z0-9._-]+. Default empty: its address, with - for each : of IPv6. Routers of a
	// prefix go by their addresses.
	Name string `yaml:"name"`
	// Tables that are passed on, of pre, post, loc and out. Default empty: all that it sends. Detection reads pre.
	Tables []string `yaml:"tables"`
}

// TLS is the station's side of it.
type TLS struct {
	// CertFile and KeyFile are the station's certificate, PEM. Default empty: no TLS.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ClientCAFile holds the certificates that sign the routers', PEM. Default empty: routers need none.
	ClientCAFile string `yaml:"client_ca_file"`
}

// maxSessions bounds what a slip of the keyboard can allow, and so the memory of buffers.
const maxSessions = 10_000

// DefaultConfig is what stands at each field.
func DefaultConfig() Config {
	return Config{
		Listen: ":11019", MaxSessions: 1000, InitiationTimeout: 30 * time.Second, MaxInitiations: 16, MaxPeers: 4096, MessageTimeout: time.Minute,
		IdleTimeout: 24 * time.Hour, Keepalive: 15 * time.Second, Drain: 5 * time.Second, ReadBufferBytes: 64 << 10,
	}
}

// Validate reports all faults, joined.
func (c *Config) Validate() error {
	faults := c.validateLimits()
	if _, port, err := net.SplitHostPort(c.Listen); err != nil {
		faults = append(faults, fmt.Errorf("ingest.bmp.listen: %q is not host:port", c.Listen))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		faults = append(faults, fmt.Errorf("ingest.bmp.listen: %q: port %q: want 0 to 65535", c.Listen, port))
	}
	if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
		faults = append(faults, errors.New("ingest.bmp.tls: cert_file and key_file go together"))
	}
	if c.TLS.ClientCAFile != "" && c.TLS.CertFile == "" {
		faults = append(faults, errors.New("ingest.bmp.tls: client_ca_file needs cert_file and key_file"))
	}
	_, more := parseRouters(c.Routers)
	return errors.Join(append(faults, more...)...)
}

func (c *Config) validateLimits() []error {
	var faults []error
	for _, f := range []struct {
		name            string
		value, min, max int64
		unit            func(int64) string
	}{
		{"max_sessions", int64(c.MaxSessions), 1, maxSessions, decimal},
		{"max_initiations", int64(c.MaxInitiations), 1, 1 << 20, decimal},
		{"max_peers", int64(c.MaxPeers), 1, stream.MaxPeers, decimal},
		{"read_buffer_bytes", int64(c.ReadBufferBytes), 4 << 10, 1 << 20, decimal},
		{"initiation_timeout", int64(c.InitiationTimeout), int64(time.Millisecond), int64(time.Hour), duration},
		{"message_timeout", int64(c.MessageTimeout), int64(time.Millisecond), int64(time.Hour), duration},
		{"idle_timeout", int64(c.IdleTimeout), 0, int64(10_000 * time.Hour), duration},
		{"keepalive", int64(c.Keepalive), int64(time.Second), int64(time.Hour), duration},
		{"drain", int64(c.Drain), int64(time.Millisecond), int64(time.Hour), duration},
	} {
		if f.value < f.min || f.value > f.max {
			faults = append(faults, fmt.Errorf("ingest.bmp.%s: %s: want %s to %s", f.name, f.unit(f.value), f.unit(f.min), f.unit(f.max)))
		}
	}
	return faults
}

func decimal(n int64) string { return fmt.Sprint(n) }

func duration(n int64) string { return time.Duration(n).String() }

// router is a Router that was checked.
type router struct {
	prefix netip.Prefix
	name   string // empty: by address
	tables tableSet
}

// tableSet has a bit for each bgp.Table.
type tableSet uint8

const allTables tableSet = 1<<bgp.TablePre | 1<<bgp.TablePost | 1<<bgp.TableLoc | 1<<bgp.TableOut

func (s tableSet) has(t bgp.Table) bool { return s>>t&1 != 0 }

// parseRouters checks the list; the faults are all there are.
func parseRouters(list []Router) ([]router, []error) {
	var (
		out    []router
		faults []error
	)
	byPrefix, byName := map[netip.Prefix]int{}, map[string]int{}
	for i, r := range list {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("ingest.bmp.routers[%d]: "+format, append([]any{i}, args...)...))
		}
		given, err := parseAddress(r.Address)
		if err != nil {
			fault("address: %q is neither an IP address nor a prefix", r.Address)
			continue
		}
		p := given.Masked()
		if given != p {
			fault("address: %q has bits beyond its mask: want %v, or %v for one router", r.Address, p, given.Addr())
		}
		if first, twice := byPrefix[p]; twice {
			fault("address: %q is that of routers[%d]", r.Address, first)
		}
		byPrefix[p] = i
		name := r.Name
		switch {
		case name == "" && p.IsSingleIP():
			name = addressName(p.Addr())
		case name != "" && !p.IsSingleIP():
			fault("name: %q: leave name out: the routers of a prefix go by their addresses", name)
		case name != "":
			if err := bgp.CheckCollectorName(name); err != nil {
				fault("name: %w", err)
			}
		}
		if first, twice := byName[name]; twice && name != "" {
			fault("name: %q is that of routers[%d]", name, first)
		}
		byName[name] = i
		tables, unknown := parseTables(r.Tables)
		for _, t := range unknown {
			fault("tables: %q: want pre, post, loc or out", t)
		}
		out = append(out, router{p, r.Name, tables})
	}
	return out, faults
}

// parseAddress reads an address or a prefix, whose host bits are left as they are.
func parseAddress(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func parseTables(list []string) (set tableSet, unknown []string) {
	for _, text := range list {
		found := false
		for t := bgp.TablePre; t <= bgp.TableOut; t++ {
			if t.String() == text {
				set |= 1 << t
				found = true
			}
		}
		if !found {
			unknown = append(unknown, text)
		}
	}
	if set == 0 {
		set = allTables
	}
	return set, unknown
}

// addressName writes an address as part of a collector's name.
func addressName(a netip.Addr) string {
	return strings.ReplaceAll(a.Unmap().WithZone("").String(), ":", "-")
}

// find returns the router that a connection from the address belongs to: the longest prefix counts.
func find(routers []router, from netip.Addr) (best router, ok bool) {
	from = from.Unmap().WithZone("")
	for _, r := range routers {
		if r.prefix.Contains(from) && (!ok || r.prefix.Bits() > best.prefix.Bits()) {
			best, ok = r, true
		}
	}
	return best, ok
}

// collector is the name of the one that the router is.
func (r *router) collector(from netip.Addr) string {
	if r.name != "" {
		return "bmp/" + r.name
	}
	return "bmp/" + addressName(from)
}
