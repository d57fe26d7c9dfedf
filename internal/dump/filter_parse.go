package dump

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// ParsePeer reads a peer's address or AS number: 192.0.2.1, 2001:db8::1, 64496 or AS64496.
func ParsePeer(s string) (PeerMatch, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return PeerMatch{Address: a}, nil
	}
	asn, err := bgp.ParseASN(s)
	if err != nil {
		return PeerMatch{}, fmt.Errorf("%q is not an address or an AS number, as 192.0.2.1 or AS64496", s)
	}
	return PeerMatch{ASN: asn}, nil
}

// CommunityMatch is a community (RFC 1997) or a large one (RFC 8092), each of whose numbers may be any.
type CommunityMatch struct {
	parts []communityPart // two or three
}

type communityPart struct {
	any   bool
	value uint32
}

func (p communityPart) matches(v uint32) bool { return p.any || p.value == v }

// wellKnown are the communities that bgpdump prints by name (RFC 1997).
var wellKnown = map[string]string{"no-export": "65535:65281", "no-advertise": "65535:65282", "local-as": "65535:65283"}

// ParseCommunity reads 64496:1, 64496:1:2 or a name that bgpdump prints; * stands for any number.
func ParseCommunity(s string) (CommunityMatch, error) {
	numbers := s
	if n, ok := wellKnown[strings.ToLower(s)]; ok {
		numbers = n
	}
	fields := strings.Split(numbers, ":")
	bits := 16
	if len(fields) == 3 {
		bits = 32
	}
	var m CommunityMatch
	for _, f := range fields {
		v, err := strconv.ParseUint(f, 10, bits)
		if err != nil && f != "*" || len(fields) < 2 || len(fields) > 3 {
			return m, fmt.Errorf("%q is not a community, as 64496:1, 64496:*, 64496:1:2 or no-export", s)
		}
		m.parts = append(m.parts, communityPart{any: f == "*", value: uint32(v)})
	}
	return m, nil
}

func (m CommunityMatch) matches(a *wire.Attributes) bool {
	if len(m.parts) == 3 {
		return slices.ContainsFunc(a.LargeCommunities, func(c [3]uint32) bool {
			return m.parts[0].matches(c[0]) && m.parts[1].matches(c[1]) && m.parts[2].matches(c[2])
		})
	}
	return slices.ContainsFunc(a.Communities, func(c uint32) bool {
		return m.parts[0].matches(c>>16) && m.parts[1].matches(c&0xffff)
	})
}

// types are the names of the types that a user may give.
var types = map[string]Type{
	"announce": TypeAnnounce, "withdraw": TypeWithdraw, "table": TypeRIB, "rib": TypeRIB, "state": TypeState,
	"peer_up": TypePeerUp, "peer_down": TypePeerDown, "end_of_rib": TypeEndOfRIB,
}

// ParseType reads a type as JSON names it; table is rib.
func ParseType(s string) (Type, error) {
	if t, ok := types[strings.ReplaceAll(strings.ToLower(s), "-", "_")]; ok {
		return t, nil
	}
	return "", fmt.Errorf("%q is not one of announce, withdraw, table, state, peer_up, peer_down, end_of_rib", s)
}

// timeForms are the forms of a time with how long each of them lasts. A time without a zone is UTC.
var timeForms = []struct {
	layout string
	lasts  time.Duration
}{
	{time.RFC3339Nano, time.Microsecond},
	{"2006-01-02T15:04:05.999999", time.Microsecond}, {"2006-01-02 15:04:05.999999", time.Microsecond},
	{"2006-01-02T15:04Z07:00", time.Minute}, {"2006-01-02T15:04", time.Minute}, {"2006-01-02 15:04", time.Minute},
	{"2006-01-02", 24 * time.Hour},
}

// ParseTime reads a date, a date with a time, or seconds since 1970, as bgpdump prints them. It returns the first microsecond of
// what is named and the first one after it: a date is its whole day.
func ParseTime(s string) (from, to int64, err error) {
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 && n < 1e11 {
		from = int64(n*1e6 + 0.5)
		if !strings.Contains(s, ".") {
			return from, from + 1e6, nil
		}
		return from, from + 1, nil
	}
	for _, f := range timeForms {
		t, err := time.ParseInLocation(f.layout, s, time.UTC)
		if err != nil {
			continue
		}
		lasts := f.lasts
		if lasts == time.Microsecond && !strings.Contains(s, ".") {
			lasts = time.Second
		}
		return t.UnixMicro(), t.Add(lasts).UnixMicro(), nil
	}
	return 0, 0, fmt.Errorf("%q is not a time, as 2014-12-22, 2014-12-22T10:30, 2014-12-22T10:30:00Z or 1419244200 (UTC)", s)
}
