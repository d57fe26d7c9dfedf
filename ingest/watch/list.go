package watch

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// List is a complete watch list: its own members and those of its files.
type List struct {
	// Name is the name in the configuration. Title is never empty.
	Name, Title string
	// Public lists are visible without a login.
	Public bool
	// Home is a code of ISO 3166-1. Empty means none.
	Home string
	// Members are in the order of the configuration. Those of files come last. Each occurs once.
	Members []Member
}

// Member is one member of a list: a prefix, an AS, a country or a host. The other fields are zero.
type Member struct {
	Prefix  netip.Prefix
	ASN     bgp.ASN
	Country string
	// Host is a name in lower case, without a dot at its end.
	Host string
	// Origins are, for a prefix, the ASes that may originate it and its more-specific prefixes,
	// sorted. Empty means any.
	Origins []bgp.ASN
}

// String returns the written form of a member: 192.0.2.0/24, AS64496, TO, www.example.net.
func (m Member) String() string {
	switch {
	case m.Prefix.IsValid():
		return m.Prefix.String()
	case m.ASN != 0:
		return m.ASN.String()
	}
	return cmp.Or(m.Country, m.Host)
}

// TooLong reports whether routes to the member are too specific to be seen: longer than /24 or,
// IPv6, /48.
func (m Member) TooLong() bool {
	return m.Prefix.IsValid() && (m.Prefix.Addr().Is4() && m.Prefix.Bits() > 24 || m.Prefix.Bits() > 48)
}

// Hosts returns the names of the hosts in the lists, sorted, each once.
func Hosts(lists []List) []string {
	var all []string
	for _, l := range lists {
		for _, m := range l.Members {
			if m.Host != "" {
				all = append(all, m.Host)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Read builds the lists of a section without Faults, including the files that it names. The paths
// of the files are absolute. notes are sentences about likely mistakes that are no faults. The
// error joins all faults of the files, each with its line.
func Read(s Section) (lists []List, notes []string, err error) {
	var faults []error
	total := 0
	files := map[string][]Member{} // several lists may name the same file
	for _, c := range s {
		members, _ := c.members()
		for _, path := range c.Files {
			more, ok := files[path]
			if !ok {
				if more, err = readFile(path); err != nil {
					faults = append(faults, err)
				}
				files[path] = more
			}
			members = append(members, more...)
		}
		l := List{Name: c.Name, Title: cmp.Or(c.Title, c.Name), Public: c.Visibility == "public", Home: c.Home}
		var repeated, unlisted []string
		l.Members, repeated, unlisted = once(members)
		if n := len(l.Members); n > MaxMembers {
			faults = append(faults,
				fmt.Errorf("watch list %s has %s with those of its files: want %s", c.Name,
					bgp.Count(n, "member"), tooMany))
		}
		total += len(l.Members)
		notes = append(notes, l.notes(repeated, unlisted)...)
		lists = append(lists, l)
	}
	if total > MaxTotal {
		faults = append(faults,
			fmt.Errorf("the watch lists have %s together: want at most %d", bgp.Count(total, "member"),
				MaxTotal))
	}
	if n := len(Hosts(lists)); n > MaxHosts {
		faults = append(faults,
			fmt.Errorf("the watch lists name %s: want at most %d", bgp.Count(n, "host"), MaxHosts))
	}
	return lists, notes, errors.Join(faults...)
}

// once keeps the first of equal members, with the origins of all of them. repeated lists the
// members that occur more than once. unlisted lists the prefixes that only the key origins names.
func once(all []Member) (members []Member, repeated, unlisted []string) {
	at := map[string]int{}
	// by member: the number of its entries, without those in origins
	listed := make([]int, 0, len(all))
	for _, m := range all {
		name := m.String()
		i, ok := at[name]
		if !ok {
			i = len(members)
			at[name] = i
			members, listed = append(members, m), append(listed, 0)
		}
		if m.Origins != nil {
			members[i].Origins = m.Origins
			continue
		}
		if listed[i]++; listed[i] == 2 {
			repeated = append(repeated, name)
		}
	}
	for i, n := range listed {
		if n == 0 {
			unlisted = append(unlisted, members[i].String())
		}
	}
	return members, repeated, unlisted
}

// notes describes likely mistakes in a list.
func (l List) notes(repeated, unlisted []string) (notes []string) {
	say := func(members []string, one, many string) {
		if len(members) == 1 {
			notes = append(notes, fmt.Sprintf("watch list %s: %s %s", l.Name, members[0], one))
		} else if len(members) > 1 {
			notes = append(notes, fmt.Sprintf("watch list %s: %s %s", l.Name, firstOf(members), many))
		}
	}
	var long []string
	for _, m := range l.Members {
		if m.TooLong() {
			long = append(long, m.String())
		}
	}
	say(repeated, "is listed more than once: it counts once", "are listed more than once: each counts once")
	const tooLong = "longer than routes that the Internet passes on (/24, IPv6 /48): "
	say(long, "is "+tooLong+"it is judged by a route that covers it",
		"are "+tooLong+"each is judged by a route that covers it")
	say(unlisted, "stands among the origins only: it is a member too",
		"stand among the origins only: they are members too")
	if len(l.Members) == 0 {
		notes = append(notes, fmt.Sprintf("watch list %s has no members: its files name none", l.Name))
	}
	return notes
}

// maxNamed bounds the members that a note names.
const maxNamed = 5

// firstOf names the first members and counts the others.
func firstOf(all []string) string {
	if len(all) <= maxNamed {
		return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
	}
	return strings.Join(all[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(all)-maxNamed)
}
