package hosts

import (
	"net/netip"

	"github.com/miekg/dns"
)

// Read parses an answer as follow does, without further questions.
func Read(b []byte, name string, kind uint16) ([]netip.Addr, error) {
	msg := new(dns.Msg)
	if msg.Unpack(b) != nil {
		return nil, errMalformed
	}
	var found []netip.Addr
	for range maxAliases {
		next, _ := alias(msg, name)
		if next == "" {
			break
		}
		name = next
	}
	for _, rr := range msg.Answer {
		if a, ok := addressOf(rr, kind); ok {
			found = append(found, a)
		}
	}
	above(msg, name)
	return found, nil
}
