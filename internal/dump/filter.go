package dump

import (
	"net/netip"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// Filter selects lines. A line must match one of the values of each field that is not empty. A line
// without such a field does not match: a withdrawal has no path, a change of state has no prefix.
type Filter struct {
	Prefixes    []bgp.PrefixMatch
	Peers       []PeerMatch
	Origins     []bgp.ASN
	Path        *PathMatch // nil matches any path
	PathASNs    []bgp.ASN  // anywhere in the path
	Communities []CommunityMatch
	Types       []Type
	// From is the first selected microsecond since 1970, To the first one after the selection; 0 is
	// no limit.
	From, To int64
}

// Type is the type of a line, in the words of the JSON form.
type Type string

// The types. TypeState includes TypePeerUp and TypePeerDown, which come from BMP.
const (
	TypeAnnounce Type = "announce"
	TypeWithdraw Type = "withdraw"
	TypeRIB      Type = "rib"
	TypeState    Type = "state"
	TypePeerUp   Type = "peer_up"
	TypePeerDown Type = "peer_down"
	TypeEndOfRIB Type = "end_of_rib"
)

// PeerMatch matches a peer by its address or, if that is invalid, by its AS number.
type PeerMatch struct {
	Address netip.Addr
	ASN     bgp.ASN
}

func (m PeerMatch) matches(p bgp.Peer) bool {
	if m.Address.IsValid() {
		return m.Address == p.Address
	}
	return m.ASN == p.ASN
}

// Selection applies a Filter to decoded records, counts the matching lines and stops at a limit. A
// nil Selection matches every line. One goroutine uses it.
type Selection struct {
	filter  Filter
	limit   uint64 // 0 is no limit
	matched uint64
	text    []byte
}

// NewSelection returns a Selection of at most limit lines; 0 is no limit.
func NewSelection(f Filter, limit uint64) *Selection {
	return &Selection{filter: f, limit: limit}
}

// Matched returns the number of selected lines.
func (s *Selection) Matched() uint64 { return s.matched }

// Done reports whether the limit is reached.
func (s *Selection) Done() bool { return s != nil && s.limit > 0 && s.matched >= s.limit }

// take selects at most n more lines, within the limit, and returns their number.
func (s *Selection) take(n int) int {
	if s == nil {
		return n
	}
	if s.limit > 0 {
		n = int(min(uint64(n), s.limit-s.matched))
	}
	s.matched += uint64(n)
	return n
}

// record reports whether a record may hold a selected line, by its time and, except for a table, by
// its peer.
func (s *Selection) record(it *capture.Item) bool {
	if s == nil {
		return true
	}
	if f := &s.filter; f.From != 0 || f.To != 0 {
		if it.Timestamp == 0 || it.Timestamp < f.From || f.To != 0 && it.Timestamp >= f.To {
			return false
		}
	}
	return it.Kind == capture.RIB || s.peer(it.Peer)
}

func (s *Selection) peer(p bgp.Peer) bool {
	if s == nil || len(s.filter.Peers) == 0 {
		return true
	}
	for _, m := range s.filter.Peers {
		if m.matches(p) {
			return true
		}
	}
	return false
}

func (s *Selection) kind(t Type) bool {
	return s == nil || len(s.filter.Types) == 0 || slices.Contains(s.filter.Types, t)
}

func (s *Selection) prefix(p netip.Prefix) bool {
	if s == nil || len(s.filter.Prefixes) == 0 {
		return true
	}
	for _, m := range s.filter.Prefixes {
		if m.Matches(p) {
			return true
		}
	}
	return false
}

// state reports whether a change of state is selected. Its time and peer already match.
func (s *Selection) state(t Type) bool {
	if s == nil {
		return true
	}
	return (s.kind(t) || s.kind(TypeState)) && len(s.filter.Prefixes) == 0 && !s.onAttributes() && s.take(1) == 1
}

// onAttributes reports whether the filter tests attributes. Only an announcement and a route of a
// table have attributes.
func (s *Selection) onAttributes() bool {
	f := &s.filter
	return len(f.Origins) > 0 || f.Path != nil || len(f.PathASNs) > 0 || len(f.Communities) > 0
}

// update removes the routes and the End-of-RIBs that are not selected from u.
func (s *Selection) update(u *wire.Update) {
	if s == nil {
		return
	}
	attributes := s.onAttributes()
	u.Withdrawn = s.routes(u.Withdrawn, s.kind(TypeWithdraw) && !attributes)
	u.Announced = s.routes(u.Announced,
		s.kind(TypeAnnounce) && len(u.Announced) > 0 && s.attributes(&u.Attributes))
	if !s.kind(TypeEndOfRIB) || attributes || len(s.filter.Prefixes) > 0 {
		u.EndOfRIB = nil
	}
	u.EndOfRIB = u.EndOfRIB[:s.take(len(u.EndOfRIB))]
}

// routes returns the routes with a selected prefix, in place; none if wanted is false.
func (s *Selection) routes(routes []wire.NLRI, wanted bool) []wire.NLRI {
	if !wanted {
		return routes[:0]
	}
	if len(s.filter.Prefixes) > 0 {
		routes = slices.DeleteFunc(routes, func(n wire.NLRI) bool { return !s.prefix(n.Prefix) })
	}
	return routes[:s.take(len(routes))]
}

// attributes reports whether a route with these attributes is selected.
func (s *Selection) attributes(a *wire.Attributes) bool {
	if s == nil {
		return true
	}
	f := &s.filter
	switch {
	case len(f.Origins) > 0 && !slices.Contains(f.Origins, a.Path.Origin()):
		return false
	case len(f.PathASNs) > 0 && !crosses(a.Path, f.PathASNs):
		return false
	case len(f.Communities) > 0 &&
		!slices.ContainsFunc(f.Communities, func(m CommunityMatch) bool { return m.matches(a) }):
		return false
	}
	return f.Path == nil || s.path(a.Path)
}

// crosses reports whether the path contains one of the AS numbers.
func crosses(path bgp.ASPath, asns []bgp.ASN) bool {
	for i := range path {
		for _, a := range path[i].ASNs {
			if slices.Contains(asns, a) {
				return true
			}
		}
	}
	return false
}

// path reports whether the regular expression matches the printed path.
func (s *Selection) path(p bgp.ASPath) bool {
	s.text = p.AppendText(s.text[:0])
	return s.filter.Path.Match(s.text)
}
