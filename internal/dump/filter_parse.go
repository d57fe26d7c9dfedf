package dump

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// ParsePeer parses a peer's address or AS number: 192.0.2.1, 2001:db8::1, 64496 or AS64496.
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

// CommunityMatch matches communities (RFC 1997) or large ones (RFC 8092). Each number can be a
// wildcard.
type CommunityMatch struct {
	parts []communityPart // two or three
}

type communityPart struct {
	any   bool
	value uint32
}

func (p communityPart) matches(v uint32) bool { return p.any || p.value == v }

// wellKnown are the communities that bgpdump prints by name (RFC 1997).
var wellKnown = map[string]string{
	"no-export": "65535:65281", "no-advertise": "65535:65282", "local-as": "65535:65283",
}

// ParseCommunity parses 64496:1, 64496:1:2 or a name that bgpdump prints; * matches any number.
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

// types are the type names that a user may give.
var types = map[string]Type{
	"announce": TypeAnnounce, "withdraw": TypeWithdraw, "table": TypeRIB, "rib": TypeRIB, "state": TypeState,
	"peer_up": TypePeerUp, "peer_down": TypePeerDown, "end_of_rib": TypeEndOfRIB,
}

// ParseType parses the name of a type in the JSON form; table is a synonym of rib.
func ParseType(s string) (Type, error) {
	if t, ok := types[strings.ReplaceAll(strings.ToLower(s), "-", "_")]; ok {
		return t, nil
	}
	return "", fmt.Errorf("%q is not one of announce, withdraw, table, state, peer_up, peer_down, end_of_rib", s)
}
