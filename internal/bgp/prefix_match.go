package bgp

import (
	"fmt"
	"net/netip"
	"strings"
)

// PrefixMode is the relation between a matching prefix and the given one.
type PrefixMode uint8

// The modes. Every mode includes the given prefix itself.
const (
	PrefixExact        PrefixMode = iota // only the prefix itself
	PrefixMoreSpecific                   // the prefix and those that it covers
	PrefixLessSpecific                   // the prefix and those that cover it
	PrefixOverlapping                    // all of these
)

// PrefixMatch selects prefixes. It is a value: safe for concurrent use.
type PrefixMatch struct {
	Prefix netip.Prefix // masked; the zero prefix matches nothing
	Mode   PrefixMode
}

// ParsePrefixMatch parses a prefix or an address. A bare address has all of its bits: 192.0.2.1 is
// 192.0.2.1/32. Bits beyond the length of a prefix are an error, because the user may have meant
// another length.
func ParsePrefixMatch(s string, mode PrefixMode) (PrefixMatch, error) {
	p, err := parsePrefix(s)
	if err != nil {
		return PrefixMatch{}, err
	}
	return PrefixMatch{Prefix: p, Mode: mode}, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	var p netip.Prefix
	var err error
	if strings.Contains(s, "/") {
		p, err = netip.ParsePrefix(s)
	} else {
		var a netip.Addr
		if a, err = netip.ParseAddr(s); err == nil && a.Zone() == "" {
			p = netip.PrefixFrom(a, a.BitLen())
		}
	}
	switch {
	case err != nil || !p.IsValid():
		return p, fmt.Errorf("%q is not a prefix or an address, as 192.0.2.0/24, 192.0.2.1 or 2001:db8::/32", s)
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%q is an IPv4 address written in IPv6: write it as %s", s, p.Addr().Unmap())
	case p != p.Masked():
		return p, fmt.Errorf("%q has bits beyond its length: did you mean %s, or %s?",
			s, p.Masked(), netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
	}
	return p, nil
}

// Matches reports whether p, masked, has the mode's relation to the prefix. IPv4 and IPv6 never
// match each other.
func (m PrefixMatch) Matches(p netip.Prefix) bool {
	switch m.Mode {
	case PrefixMoreSpecific:
		return m.covers(p)
	case PrefixLessSpecific:
		return m.coveredBy(p)
	case PrefixOverlapping:
		return m.covers(p) || m.coveredBy(p)
	case PrefixExact:
	}
	return p.IsValid() && p == m.Prefix
}

func (m PrefixMatch) covers(p netip.Prefix) bool {
	return p.IsValid() && p.Bits() >= m.Prefix.Bits() && m.Prefix.Contains(p.Addr())
}

func (m PrefixMatch) coveredBy(p netip.Prefix) bool {
	return m.Prefix.IsValid() && p.IsValid() && p.Bits() <= m.Prefix.Bits() && p.Contains(m.Prefix.Addr())
}
