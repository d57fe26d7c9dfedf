package target

import (
	"fmt"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxHosts is how many hosts a fact names, maxAddresses how many addresses of each.
	maxHosts, maxAddresses = 3, 4
)

// hosts tells of the hosts of watch lists that the incident is about, each once.
func (m *Message) hosts() string {
	var all []string
	told := map[string]bool{}
	for w := range m.watched() {
		if w.Host != nil && !told[w.Member] {
			told[w.Member] = true
			all = append(all, hostText(w.Member, w.Host))
		}
	}
	if n := len(all); n > maxHosts {
		all = append(all[:maxHosts], fmt.Sprintf("and %d more", n-maxHosts))
	}
	return strings.Join(all, "; ")
}

// hostText describes a host: the time of its last addresses, whether it resolves, and the state of the routes to its addresses.
func hostText(name string, h *bgp.WatchHost) string {
	s := name + " never resolved"
	if h.ResolvedAt != nil {
		s = name + ": addresses as of " + Clock(*h.ResolvedAt)
	}
	if h.Problem != "" {
		if h.ResolvedAt != nil {
			s += ", does not resolve since"
		}
		s += " (" + h.Problem + ")"
	}
	var all []string
	for _, a := range h.Addresses[:min(len(h.Addresses), maxAddresses)] {
		all = append(all, addressText(&a))
	}
	if n := h.AddressesTotal - len(all); n > 0 && len(all) > 0 {
		all = append(all, fmt.Sprintf("and %d more", n))
	}
	if len(all) > 0 {
		s += ": " + strings.Join(all, ", ")
	}
	return s
}

// stateWords are states of routes in words.
var stateWords = map[string]string{"partly": "partly visible", "not_counted": "without a verdict", "never_seen": "never seen", "too_long": "never seen"}

func addressText(a *bgp.HostAddress) string {
	s := a.Address
	if a.NameServer {
		s = "name server " + s
	}
	if word, ok := stateWords[a.State]; ok {
		s += " " + word
	} else {
		s += " " + a.State
	}
	if a.Abroad {
		s += " and announced abroad (" + strings.Join(a.Countries, " ") + ")"
	}
	return s
}
