package watch

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/darkmap/darkmap/internal/config"
)

// The bounds of a section.
const (
	// MaxLists bounds the lists, and MaxMembers the members of one list.
	MaxLists   = 1_000
	MaxMembers = 10_000
	// MaxTotal bounds the members of all lists together, and MaxHosts the hosts among them. DNS is
	// asked for each host every few minutes.
	MaxTotal = 200_000
	MaxHosts = 10_000
	// MaxOrigins bounds the ASes that may originate one prefix.
	MaxOrigins = 100
)

// Section is the section watch.
type Section []ListConfig

// ListConfig is one list of the section watch.
type ListConfig struct {
	// The name of the list, which is the code of its entity (type watch). At most 64 letters a to
	// z, digits and hyphens.
	Name string `yaml:"name" want:"1 to 64 letters a to z, digits and hyphens, that no other list has"`
	// What the list is called in texts. Empty: its name.
	Title string `yaml:"title" max:"100"`
	// Who may see the list: private (the default) keeps it off pages, streams and feeds that need
	// no login.
	Visibility string `yaml:"visibility" oneof:"private public"`
	// The country that "here" and "abroad" are measured against. Empty: they are not said.
	Home string `yaml:"home" want:"the code of a country in ISO 3166, such as TO"`
	// Prefixes. What is longer than /24 or, IPv6, /48 is judged by a route that covers it.
	Prefixes []string `yaml:"prefixes" want:"a prefix without bits beyond its length, such as 192.0.2.0/24 or 2001:db8::/32"`
	// Networks, as AS numbers.
	ASNs []string `yaml:"asns" want:"an AS number from 1 on, such as 64496"`
	// Countries, as codes of ISO 3166.
	Countries []string `yaml:"countries" want:"the code of a country in ISO 3166, such as TO"`
	// Names of hosts. ingest asks DNS for their addresses.
	Hosts []string `yaml:"hosts" want:"the name of a host, such as www.example.net"`
	// The ASes that may originate a prefix and what is more specific, by prefix: {192.0.2.0/24:
	// [64496]}. A prefix that is not listed elsewhere is a member too.
	Origins map[string][]string `yaml:"origins"`
	// Files with further members: one prefix, AS or host a line; a number sign begins a comment.
	Files []string `yaml:"files" max:"100"`
}

// Below makes relative paths of files of members absolute, relative to the folder dir.
func (s Section) Below(dir string) {
	for _, l := range s {
		for i, path := range l.Files {
			if path == "" || filepath.IsAbs(path) {
				continue
			}
			// otherwise there is no current folder
			if abs, err := filepath.Abs(filepath.Join(dir, path)); err == nil {
				l.Files[i] = abs
			}
		}
	}
}

// names matches the name of a list.
var names = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Faults reports the faults between the lists: their number and repeated names.
func (s Section) Faults() []config.Fault {
	var faults []config.Fault
	if len(s) > MaxLists {
		faults = append(faults, config.Fault{
			Value: []ListConfig(s), Want: fmt.Sprintf("at most %d lists", MaxLists),
		})
	}
	seen := map[string]bool{}
	for i, l := range s {
		if seen[l.Name] && names.MatchString(l.Name) {
			faults = append(faults, config.Fault{
				Key: fmt.Sprintf("[%d].name", i), Value: l.Name, Want: "a name that no other list has",
			})
		}
		seen[l.Name] = true
	}
	return faults
}

// Faults reports the faults of the list itself.
func (l ListConfig) Faults() []config.Fault {
	_, faults := l.members()
	if !names.MatchString(l.Name) {
		faults = append(faults, config.Fault{Key: "name", Value: l.Name})
	}
	if strings.ContainsFunc(l.Title, unicode.IsControl) {
		faults = append(faults, config.Fault{
			Key: "title", Value: l.Title, Want: "a title without control characters",
		})
	}
	if l.Home != "" {
		if _, want := country(l.Home); want != "" {
			faults = append(faults, config.Fault{Key: "home", Value: l.Home, Want: want})
		}
	}
	if n := len(l.Prefixes) + len(l.ASNs) + len(l.Countries) + len(l.Hosts) + len(l.Origins); n > MaxMembers {
		faults = append(faults, config.Fault{Key: "name", Value: l.Name, Want: tooMany})
	} else if n+len(l.Files) == 0 && names.MatchString(l.Name) {
		faults = append(faults, config.Fault{
			Key: "name", Value: l.Name,
			Want: "members: at least one of prefixes, asns, countries, hosts, origins or files",
		})
	}
	return faults
}

// tooMany is the wanted value in a fault about a list with too many members.
var tooMany = fmt.Sprintf("a list of at most %d members: make several lists of it", MaxMembers)
