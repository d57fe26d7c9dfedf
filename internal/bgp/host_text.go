package bgp

import (
	"fmt"
	"strings"
)

// maxHostAddresses caps the addresses of a host in a text.
const maxHostAddresses = 4

// Text describes a host with its name: the time of its last known addresses, any fault of its
// resolution, and the state of the routes to its addresses.
func (h *WatchHost) Text(name string) string {
	s := name + " never resolved"
	if h.ResolvedAt != nil {
		s = name + ": addresses as of " + h.ResolvedAt.UTC().Format("2 Jan 2006 15:04 UTC")
	}
	if h.Problem != "" {
		if h.ResolvedAt != nil {
			s += ", does not resolve since"
		}
		s += " (" + h.Problem + ")"
	}
	var all []string
	for _, a := range h.Addresses[:min(len(h.Addresses), maxHostAddresses)] {
		all = append(all, a.text())
	}
	if n := h.AddressesTotal - len(all); n > 0 && len(all) > 0 {
		all = append(all, fmt.Sprintf("and %d more", n))
	}
	if len(all) > 0 {
		s += ": " + strings.Join(all, ", ")
	}
	return s
}

// stateWords holds the words for those states of a route whose name is not itself the word.
var stateWords = map[string]string{
	"partly": "partly visible", "not_counted": "without a verdict",
	"never_seen": "never seen", "too_long": "never seen",
}

func (a *HostAddress) text() string {
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
