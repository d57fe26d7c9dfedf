package hosts

import (
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/config"
)

// Config is the section watch_dns.
type Config struct {
	// The DNS servers that are asked for the addresses of hosts of watch lists, in this order.
	// Empty: the system's (/etc/resolv.conf).
	Servers []string `yaml:"servers" max:"10" want:"an IP address, with a port where it is not 53, such as 192.0.2.53 or [2001:db8::53]:5353"`
}

// Faults reports the faults that struct tags cannot express.
func (c Config) Faults() []config.Fault {
	var faults []config.Fault
	for i, s := range c.Servers {
		if _, ok := address(s); !ok && s != "" {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("servers[%d]", i), Value: s})
		}
	}
	return faults
}

// address returns host:port of a server.
func address(s string) (string, bool) {
	if a, err := netip.ParseAddrPort(s); err == nil && a.Port() != 0 {
		return a.String(), true
	}
	a, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(a, 53).String(), err == nil
}
