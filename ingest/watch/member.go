package watch

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"golang.org/x/net/idna"
)

// members returns the members that the configuration itself names, in its order, including repeated
// ones. Faults have keys relative to the list.
func (l ListConfig) members() (all []Member, faults []config.Fault) {
	note := func(key, value, want string) {
		faults = append(faults, config.Fault{Key: key, Value: value, Want: want})
	}
	for _, field := range []struct {
		key    string
		values []string
		parse  func(string) (Member, string)
	}{{"prefixes", l.Prefixes, prefix}, {"asns", l.ASNs, network}, {
		"countries", l.Countries, country,
	}, {"hosts", l.Hosts, host}} {
		for i, v := range field.values {
			m, want := field.parse(v)
			switch {
			case v == "": // the limits of the key report an empty value
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

// prefix parses a prefix. want describes the accepted form if s is not one.
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

// network parses an AS number, with or without the prefix AS. want describes the accepted form if s
// is not one.
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

// country parses a code of ISO 3166-1. want describes the accepted form if s is not one.
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

// label matches a part of a host's name, between dots.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// host parses the name of a host. Letters of other scripts are converted to the form that DNS uses
// (RFC 5891). want describes the accepted form if s is not one.
func host(s string) (m Member, want string) {
	const plain = "the name of a host, such as www.example.net"
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return m,
			"the name of a host; for an address, " + netip.PrefixFrom(a, a.BitLen()).String() + " among the prefixes"
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
