package query

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Kind is the kind of a question's subject.
type Kind string

// The kinds.
const (
	KindPrefix  Kind = "prefix"
	KindAddress Kind = "address"
	KindAS      Kind = "as"
	KindCountry Kind = "country"
	KindRegion  Kind = "region"
	KindOutage  Kind = "outage"
	KindWatch   Kind = "watch"
)

// Question is a question about one subject. Parse makes one.
type Question struct {
	Kind Kind
	// Code is the usual form of the subject: 192.0.2.0/24, 192.0.2.1, AS64496, KP, KP-01, the id of
	// an outage, or watch/ and the name of a watch list. watch alone means all lists.
	Code string
	// Prefix is the prefix, or the address as a prefix of full length. It is zero for other kinds.
	Prefix netip.Prefix
}

var (
	asPattern      = regexp.MustCompile(`^(?i:as)?[0-9]+$`)
	countryPattern = regexp.MustCompile(`^[A-Za-z]{2}$`)
	regionPattern  = regexp.MustCompile(`^[A-Za-z]{2}-[A-Za-z0-9]{1,3}$`)
	watchPattern   = regexp.MustCompile(`^watch(/[a-z0-9-]{1,64})?$`)
	outagePattern  = regexp.MustCompile(
		`^(prefix|as|country|region|world|watch)-[A-Za-z0-9._~-]+-(ipv4|ipv6)-[0-9]{8}T[0-9]{4}Z$`)
)

// Possible lists the subjects that a question can have, with an example each.
const Possible = "a prefix (192.0.2.0/24), an address (192.0.2.1), an AS (AS64496 or 64496), " +
	"a country (KP), a region (KP-01) or an outage's id (country-KP-ipv4-20141222T1615Z)"

// maxText bounds the text that is parsed: longer text names no subject.
const maxText = 200

// Parse recognises the subject that a text names. It masks the host bits of a prefix. The error
// lists the possible subjects.
func Parse(text string) (Question, error) {
	s := strings.TrimSpace(text)
	switch {
	case s == "" || len(s) > maxText:
		return Question{}, fmt.Errorf("%.40q names nothing: want %s", text, Possible)
	case outagePattern.MatchString(s):
		return Question{Kind: KindOutage, Code: s}, nil
	case watchPattern.MatchString(s):
		return Question{Kind: KindWatch, Code: s}, nil
	case strings.Contains(s, "/"):
		p, err := netip.ParsePrefix(s)
		if err != nil || p.Addr().Is4In6() {
			return Question{}, fmt.Errorf("%q is no prefix: want one such as 192.0.2.0/24 or 2001:db8::/32", s)
		}
		p = p.Masked()
		return Question{Kind: KindPrefix, Code: p.String(), Prefix: p}, nil
	case asPattern.MatchString(s):
		asn, err := bgp.ParseASN(s)
		if err != nil {
			return Question{}, fmt.Errorf("%q is no AS number: they go up to 4294967295", s)
		}
		return Question{Kind: KindAS, Code: asn.String()}, nil
	case countryPattern.MatchString(s):
		return Question{Kind: KindCountry, Code: strings.ToUpper(s)}, nil
	case regionPattern.MatchString(s):
		return Question{Kind: KindRegion, Code: strings.ToUpper(s)}, nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return Question{}, fmt.Errorf("%q names nothing that can be shown: want %s", s, Possible)
	}
	a = a.Unmap()
	return Question{Kind: KindAddress, Code: a.String(), Prefix: netip.PrefixFrom(a, a.BitLen())}, nil
}

// Type returns the type of the entity of a question; ok is false for addresses, outages and all
// watch lists.
func (q Question) Type() (t bgp.EntityType, ok bool) {
	switch q.Kind {
	case KindPrefix:
		return bgp.EntityPrefix, true
	case KindAS:
		return bgp.EntityAS, true
	case KindCountry:
		return bgp.EntityCountry, true
	case KindRegion:
		return bgp.EntityRegion, true
	case KindWatch:
		return bgp.EntityWatch, q.Code != WatchCode
	case KindAddress, KindOutage:
	}
	return 0, false
}

// String describes the subject: the prefix 192.0.2.0/24.
func (q Question) String() string {
	switch q.Kind {
	case KindAS:
		return "the network " + q.Code
	case KindCountry:
		if name := bgp.CountryName(q.Code); name != "" {
			return "the country " + q.Code + " (" + name + ")"
		}
	case KindWatch:
		if name, ok := strings.CutPrefix(q.Code, WatchCode+"/"); ok {
			return "the watch list " + name
		}
		return "all watch lists"
	case KindPrefix, KindAddress, KindRegion, KindOutage:
	}
	return "the " + string(q.Kind) + " " + q.Code
}

// Limits of the lists in an answer.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)
