package watch

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
)

// Bounds of what is watched.
const (
	// MaxLists is the most lists, MaxMembers the most members of one.
	MaxLists   = 1_000
	MaxMembers = 10_000
	// MaxTotal is the most members of all lists together, and MaxHosts the most hosts among them: each is asked for every few minutes.
	MaxTotal = 200_000
	MaxHosts = 10_000
	// MaxOrigins is the most ASes that may originate one prefix.
	MaxOrigins = 100
)

// Section is the section watch.
type Section []ListConfig

// ListConfig is one list of the section watch.
type ListConfig struct {
	// The name of the list, which is the code of its entity (type watch). At most 64 letters a to z, digits and hyphens.
	Name string `yaml:"name" want:"1 to 64 letters a to z, digits and hyphens, that no other list has"`
	// What the list is called in texts. Empty: its name.
	Title string `yaml:"title" max:"100"`
	// Who may see the list: private (the default) keeps it off pages, streams and feeds that need no login.
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
	// The ASes that may originate a prefix and what is more specific, by prefix: {192.0.2.0/24: [64496]}. A prefix that is not listed
	// elsewhere is a member too.
	Origins map[string][]string `yaml:"origins"`
	// Files with further members: one prefix, AS or host a line; a number sign begins a comment.
	Files []string `yaml:"files" max:"100"`
}

// Below makes relative paths of files of members absolute, from a folder on.
func (s Section) Below(dir string) {
	for _, l := range s {
		for i, path := range l.Files {
			if path == "" || filepath.IsAbs(path) {
				continue
			}
			if abs, err := filepath.Abs(filepath.Join(dir, path)); err == nil { // else there is no present folder
				l.Files[i] = abs
			}
		}
	}
}

// names is what the name of a list looks like.
var names = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// Faults are those of the lists among each other.
func (s Section) Faults() []config.Fault {
	var faults []config.Fault
	if len(s) > MaxLists {
		faults = append(faults, config.Fault{Value: []ListConfig(s), Want: fmt.Sprintf("at most %d lists", MaxLists)})
	}
	seen := map[string]bool{}
	for i, l := range s {
		if seen[l.Name] && names.MatchString(l.Name) {
			faults = append(faults, config.Fault{Key: fmt.Sprintf("[%d].name", i), Value: l.Name, Want: "a name that no other list has"})
		}
		seen[l.Name] = true
	}
	return faults
}

// Faults are those of the list alone.
func (l ListConfig) Faults() []config.Fault {
	_, faults := l.members()
	if !names.MatchString(l.Name) {
		faults = append(faults, config.Fault{Key: "name", Value: l.Name})
	}
	if strings.ContainsFunc(l.Title, unicode.IsControl) {
		faults = append(faults, config.Fault{Key: "title", Value: l.Title, Want: "a title without control characters"})
	}
	if l.Home != "" {
		if _, want := country(l.Home); want != "" {
			faults = append(faults, config.Fault{Key: "home", Value: l.Home, Want: want})
		}
	}
	if n := len(l.Prefixes) + len(l.ASNs) + len(l.Countries) + len(l.Hosts) + len(l.Origins); n > MaxMembers {
		faults = append(faults, config.Fault{Key: "name", Value: l.Name, Want: tooMany})
	} else if n+len(l.Files) == 0 && names.MatchString(l.Name) {
		faults = append(faults, config.Fault{Key: "name", Value: l.Name, Want: "members: at least one of prefixes, asns, countries, hosts, origins or files"})
	}
	return faults
}

// tooMany is what is wanted where a list has too many members.
var tooMany = fmt.Sprintf("a list of at most %d members: make several lists of it", MaxMembers)

// members are those that stand in the configuration itself, in its order, repeated ones too. Faults have keys relative to the list.
func (l ListConfig) members() (all []Member, faults []config.Fault) {
	note := func(key, value, want string) {
		faults = append(faults, config.Fault{Key: key, Value: value, Want: want})
	}
	for _, field := range []struct {
		key    string
		values []string
		parse  func(string) (Member, string)
	}{{"prefixes", l.Prefixes, prefix}, {"asns", l.ASNs, network}, {"countries", l.Countries, country}, {"hosts", l.Hosts, host}} {
		for i, v := range field.values {
			m, want := field.parse(v)
			switch {
			case v == "": // which the key's own limits say
			case want != "":
				note(fmt.Sprintf("%s[%d]", field.key, i), v, want)
			default:
				all = append(all, m)
			}
		}
	}
	for _, p := range slices.Sorted(maps.Keys(l.Origins)) {
		key := "origins." + p
		m, want := prefix(p)
		if want != "" {
			note(key, p, want)
		}
		if n := len(l.Origins[p]); n == 0 || n > MaxOrigins {
			note(key, strings.Join(l.Origins[p], ", "), fmt.Sprintf("1 to %d AS numbers", MaxOrigins))
		}
		for i, v := range l.Origins[p] {
			as, want := network(v)
			if want != "" {
				note(fmt.Sprintf("%s[%d]", key, i), v, want)
			}
			m.Origins = append(m.Origins, as.ASN)
		}
		slices.Sort(m.Origins)
		m.Origins = slices.Compact(m.Origins)
		all = append(all, m)
	}
	return all, faults
}

// prefix reads a prefix; want says what is wanted instead of a wrong one.
func prefix(s string) (m Member, want string) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" && !a.Is4In6() {
			return m, "a prefix: " + netip.PrefixFrom(a, a.BitLen()).String() + " is this address alone"
		}
		return m, "a prefix such as 192.0.2.0/24 or 2001:db8::/32"
	}
	switch {
	case p.Addr().Is4In6():
		return m, "an IPv4 prefix such as 192.0.2.0/24"
	case p.Bits() == 0:
		return m, "a prefix, not all addresses that there are"
	case p.Masked() != p:
		return m, p.Masked().String() + ": bits are set beyond the length of the prefix"
	}
	return Member{Prefix: p}, ""
}

// network reads an AS number, with AS before it or without.
func network(s string) (m Member, want string) {
	asn, err := bgp.ParseASN(s)
	switch {
	case err != nil:
		return m, "an AS number from 1 to 4294967295, such as 64496"
	case asn == 0:
		return m, "an AS number from 1 on: AS 0 originates nothing (RFC 7607)"
	}
	return Member{ASN: asn}, ""
}

// country reads a code of ISO 3166-1.
func country(s string) (m Member, want string) {
	switch upper := strings.ToUpper(s); {
	case bgp.CountryName(s) != "":
		return Member{Country: s}, ""
	case bgp.CountryName(upper) != "":
		return m, upper + ", for " + bgp.CountryName(upper) + ": codes of countries are written in upper case"
	case upper == "UK":
		return m, "GB, which is the code of the United Kingdom in ISO 3166"
	}
	return m, "the code of a country in ISO 3166, such as TO for Tonga"
}

// label is a part of the name of a host, between dots.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// host reads the name of a host. Letters of other scripts become what DNS asks for (RFC 5891).
func host(s string) (m Member, want string) {
	const plain = "the name of a host, such as www.example.net"
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return m, "the name of a host; for an address, " + netip.PrefixFrom(a, a.BitLen()).String() + " among the prefixes"
	}
	if strings.Contains(s, "://") {
		return m, "the name of a host alone, without what stands before and behind it in a URL"
	}
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(s, "."))
	if err != nil || len(ascii) > 253 {
		return m, plain
	}
	labels := strings.Split(ascii, ".")
	for _, l := range labels {
		if !label.MatchString(l) {
			return m, plain
		}
	}
	switch top := labels[len(labels)-1]; {
	case len(labels) == 1:
		return m, "a whole name, such as " + labels[0] + ".example.net: no domain is added"
	case strings.Trim(top, "0123456789") == "":
		return m, plain
	}
	return Member{Host: ascii}, ""
}
