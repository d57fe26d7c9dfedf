package enrich

import (
	"math/bits"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// worstShares bounds what the places of one prefix take: a pair of varints and an entry in places each.
	worstShares = geo.MaxShares * (3 + 10 + 16)
	// coverSize bounds what a less-specific prefix takes.
	coverSize = 2 + 6
	// worstRoute bounds a Route's encoding: prefix, path id, shares, cover and the lengths around them.
	worstRoute = 20 + 6 + worstShares + coverSize + 12
	// arenaBytes is how much memory for encoded records is taken at once.
	arenaBytes = 64 << 10
)

// parts holds the memory of which the records under construction are made, and counts their size.
type parts struct {
	size int // an upper bound of the part's encoded size so far

	routes   []*pb.Route
	used     int
	segments []*pb.PathSegment

	places []*pb.Place
	placed int
	index  []int32 // by geo.PlaceID: the place's index in the part, if mark says so
	mark   []uint32
	part   uint32

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
	if b.part++; b.part == 0 { // wrapped: the old marks would read as this part's
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

// owner adds who a is, where that is known.
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

// routeSize bounds a route's encoding from above.
func routeSize(r *pb.Route) int {
	n := len(r.Prefix) + coverSize + 16
	for _, v := range r.PlaceShares {
		n += 1 + bits.Len64(v)/7
	}
	return n
}

// begin starts a record: part 0, under the position of the one that was read.
func (e *Enricher) begin(body *pb.RouteRecord_Changes) {
	r := &e.out
	r.Reset()
	r.Position, r.TimestampUs, r.ReceivedAtUs = e.in.Position, e.in.TimestampUs, e.in.ReceivedAtUs
	if body != nil {
		r.Body = body
	}
}

// beginChanges starts a part of a message's changes: all parts say who sent it and who originates.
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

// marshal encodes the part at hand; more says that another one follows.
func (e *Enricher) marshal(c *pb.RouteChanges, more bool) []byte {
	c.Places, c.Owners = e.build.places[:e.build.placed], e.build.owners[:e.build.owned]
	return e.encode(more)
}

func (e *Enricher) encode(more bool) []byte {
	e.out.MoreParts = more
	b := e.take(e.out.SizeVT())
	if _, err := e.out.MarshalToSizedBufferVT(b); err != nil {
		panic(err) // it fails only where SizeVT lies
	}
	e.out.Part++
	return b
}

// take returns n octets that nobody else has.
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
