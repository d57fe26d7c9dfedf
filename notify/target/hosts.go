package target

import (
	"fmt"
	"strings"
)

// maxHosts is how many hosts a fact names.
const maxHosts = 3

// hosts tells of the hosts of watch lists that the incident is about, each once.
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
