package target

import (
	"fmt"
	"strings"
)

// maxHosts is the maximum number of hosts in a fact.
const maxHosts = 3

// hosts describes the hosts of watch lists in the incident's events, without duplicates.
func (m *Message) hosts() string {
	var all []string
	told := map[string]bool{}
	for w := range m.watched() {
		if w.Host != nil && !told[w.Member] {
			told[w.Member] = true
			all = append(all, w.Host.Text(w.Member))
		}
	}
	if n := len(all); n > maxHosts {
		all = append(all[:maxHosts], fmt.Sprintf("and %d more", n-maxHosts))
	}
	return strings.Join(all, "; ")
}
