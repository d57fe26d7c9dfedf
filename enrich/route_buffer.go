package enrich

import (
	"math/bits"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// worstShares bounds the size of the places of one prefix: a pair of varints and an entry in
	// places for each.
	worstShares = geo.MaxShares * (3 + 10 + 16)
	// coverSize bounds the size of a less-specific prefix.
	coverSize = 2 + 6
	// worstRoute bounds a Route's encoding: prefix, path id, shares, cover and the lengths around
	// them.
	worstRoute = 20 + 6 + worstShares + coverSize + 12
	// arenaBytes is the size of one allocation for encoded records.
	arenaBytes = 64 << 10
)

// parts owns the reusable memory of the records under construction and counts their size.
type parts struct {
	size int // an upper bound of the part's encoded size so far

	routes   []*pb.Route
	used     int
	segments []*pb.PathSegment

	places []*pb.Place
	placed int
	// index holds the index of a place in the part, by geo.PlaceID. It is valid if mark has the
	// part's number.
	index []int32
	mark  []uint32
	part  uint32

	owners []*pb.Owner
	owned  int
}

// forget makes room for the places of another snapshot.
func (b *parts) forget(places int) {
	b.index, b.mark, b.part = make([]int32, places), make([]uint32, places), 0
}

// begin starts a part.
func (b *parts) begin() {
	b.size, b.used, b.placed, b.owned = 0, 0, 0, 0
	// After a wrap, old marks would look like marks of this part.
	if b.part++; b.part == 0 {
		clear(b.mark)
		b.part = 1
	}
}

func (b *parts) route() *pb.Route {
	if b.used == len(b.routes) {
		b.routes = append(b.routes, &pb.Route{})
	}
	b.used++
	return b.routes[b.used-1]
}

// path converts an AS path.
func (b *parts) path(p bgp.ASPath) []*pb.PathSegment {
	for len(b.segments) < len(p) {
		b.segments = append(b.segments, &pb.PathSegment{})
	}
	for i, s := range p {
		out := b.segments[i]
		out.Type = uint32(s.Type)
		out.Asns = out.Asns[:0]
		for _, a := range s.ASNs {
			out.Asns = append(out.Asns, uint32(a))
		}
	}
	return b.segments[:len(p)]
}

// shares appends pairs of an index into the part's places and a space.
func (b *parts) shares(dst []uint64, all []geo.Share, s *geo.Snapshot) []uint64 {
	for _, share := range all {
		if b.mark[share.Place] != b.part {
			b.mark[share.Place] = b.part
			b.index[share.Place] = int32(b.placed)
			b.place(s.Place(share.Place))
		}
		dst = append(dst, uint64(b.index[share.Place]), share.Space)
	}
	return dst
}

func (b *parts) place(p geo.Place) {
	if b.placed == len(b.places) {
		b.places = append(b.places, &pb.Place{})
	}
	out := b.places[b.placed]
	out.Country, out.Region = p.Country, p.Region
	b.placed++
	b.size += 6 + len(p.Country) + len(p.Region)
}

// owner adds the owner of a, if known.
func (b *parts) owner(a bgp.ASN, s *asn.Snapshot) {
	o, ok := s.Lookup(a)
	if !ok {
		return
	}
	if b.owned == len(b.owners) {
		b.owners = append(b.owners, &pb.Owner{})
	}
	out := b.owners[b.owned]
	out.Asn, out.Name, out.Organisation, out.Country = uint32(a), o.Name, o.Organisation, o.Country
	b.owned++
	b.size += 20 + len(o.Name) + len(o.Organisation) + len(o.Country)
}

// routeSize returns an upper bound of a route's encoding.
func routeSize(r *pb.Route) int {
	n := len(r.Prefix) + coverSize + 16
	for _, v := range r.PlaceShares {
		n += 1 + bits.Len64(v)/7
	}
	return n
}

// begin starts a record: part 0, under the position of the input record.
func (e *Enricher) begin(body *pb.RouteRecord_Changes) {
	r := &e.out
	r.Reset()
	r.Position, r.TimestampUs, r.ReceivedAtUs = e.in.Position, e.in.TimestampUs, e.in.ReceivedAtUs
	if body != nil {
		r.Body = body
	}
}

// beginChanges starts a part of a message's changes. Every part holds the peer and the origin.
func (e *Enricher) beginChanges() {
	e.build.begin()
	c := &e.changes
	c.Places, c.Owners = nil, nil
	e.build.size += c.SizeVT() + e.out.Position.SizeVT() + 64
	if c.OriginAs != 0 {
		e.build.owner(bgp.ASN(c.OriginAs), e.owners)
	}
	if c.UpstreamAs != 0 {
		e.build.owner(bgp.ASN(c.UpstreamAs), e.owners)
	}
}

// marshal encodes the current part. more reports whether another part follows.
func (e *Enricher) marshal(c *pb.RouteChanges, more bool) []byte {
	c.Places, c.Owners = e.build.places[:e.build.placed], e.build.owners[:e.build.owned]
	return e.encode(more)
}

func (e *Enricher) encode(more bool) []byte {
	e.out.MoreParts = more
	b := e.take(e.out.SizeVT())
	if _, err := e.out.MarshalToSizedBufferVT(b); err != nil {
		panic(err) // it fails only if SizeVT is wrong
	}
	e.out.Part++
	return b
}

// take returns n octets that no other record uses.
func (e *Enricher) take(n int) []byte {
	if n > arenaBytes/4 {
		return make([]byte, n)
	}
	if n > len(e.arena) {
		e.arena = make([]byte, arenaBytes)
	}
	b := e.arena[:n:n]
	e.arena = e.arena[n:]
	return b
}
