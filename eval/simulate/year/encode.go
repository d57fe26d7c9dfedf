package year

import (
	"math/rand/v2"
	"net/netip"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// routeEncoder makes the records of a collector's messages. It uses its parts again for each
// message.
type routeEncoder struct {
	y         *Year
	collector int
	rng       *rand.Rand
	send      sender
	live      uint64 // the last sequence of lane live
	fills     map[string]uint64
	gaps      []outageOfFeed // the gaps of this collector that are still to come
	gapIDs    []string
	rec       pb.RouteRecord
	changes   pb.RouteChanges
	path      pb.PathSegment
	place     pb.Place
	owner     pb.Owner
	peers     []*pb.Peer
	routes    []*pb.Route
	position  pb.Position
}

func newRouteEncoder(y *Year, collector int) *routeEncoder {
	e := &routeEncoder{
		y: y, collector: collector, fills: map[string]uint64{},
		rng: rand.New(rand.NewPCG(y.cfg.Seed, 200+uint64(collector))), //nolint:gosec // repeatable on purpose
	}
	for n, g := range y.blackouts() {
		if g.collector == collector {
			e.gaps, e.gapIDs = append(e.gaps, g), append(e.gapIDs, gapID(n))
		}
	}
	for _, p := range y.world.collectors[collector].peers {
		e.peers = append(e.peers, codec.Peer(p, netip.Addr{}))
	}
	for range maxRoutes {
		e.routes = append(e.routes, &pb.Route{})
	}
	e.path.Type = uint32(bgp.ASSequence)
	e.changes.Places, e.changes.AsPath = []*pb.Place{&e.place}, []*pb.PathSegment{&e.path}
	e.rec.Body, e.rec.Position = &pb.RouteRecord_Changes{Changes: &e.changes}, &e.position
	return e
}

// record encodes a message. The caller passes messages in the order of time.
func (e *routeEncoder) record(u *update) (*kgo.Record, error) {
	w := e.y.world
	unit := bgp.Families[u.family].UnitSpace()
	routes := e.routes[:u.count]
	for i, r := range routes {
		r.Prefix = codec.AppendPrefix(r.Prefix[:0], prefix(u.family, u.first+i))
		r.PlaceShares = append(r.PlaceShares[:0], 0, unit)
	}
	a := &w.ases[u.place]
	c := &w.countries[a.country]
	e.place.Country, e.place.Region = c.code, c.regions[a.region].code
	e.changes.Peer = e.peers[u.peer]
	e.changes.Withdrawn, e.changes.Announced, e.changes.Owners = nil, nil, nil
	e.changes.OriginAs, e.changes.UpstreamAs, e.path.Asns = 0, 0, e.path.Asns[:0]
	if u.withdraw {
		e.changes.Withdrawn = routes
	} else {
		e.announce(u, routes)
	}
	e.rec.TimestampUs = u.at
	e.setPosition(u)
	return e.send.record(schemas.TopicRoutes, int32(e.collector), e.y.cfg.Appended, &e.rec)
}

// announce sets path and owner.
func (e *routeEncoder) announce(u *update, routes []*pb.Route) {
	origin, upstream := uint32(asn(u.origin)), uint32(asn(u.upstream))
	e.path.Asns = append(e.path.Asns, e.changes.Peer.Asn)
	if middle := uint32(asn((u.upstream + 1 + u.variant) % transits)); middle != upstream {
		e.path.Asns = append(e.path.Asns, middle)
	}
	e.path.Asns = append(e.path.Asns, upstream, origin)
	e.owner.Asn, e.owner.Name = origin, e.y.world.owner(u.origin)
	e.changes.Announced, e.changes.OriginAs, e.changes.UpstreamAs, e.changes.Owners = routes,
		origin, upstream, []*pb.Owner{&e.owner}
}

// setPosition sets the position of the message and the time of its reception: a short delay after
// it was sent, or for a message in a gap the time at which the gap was filled.
func (e *routeEncoder) setPosition(u *update) {
	c := &e.y.world.collectors[e.collector]
	lag := 300_000 + e.rng.Int64N(1_500_000)
	if c.source == "routeviews" {
		lag *= 40
	}
	e.position.Collector, e.position.Lane, e.position.Epoch = c.name, string(bgp.LaneLive), e.y.epoch()
	if c.source == "routeviews" {
		e.position.Lane = string(bgp.RouteViewsLane(c.name, 0))
	}
	e.rec.ReceivedAtUs = u.at + lag
	for len(e.gaps) > 0 && at(e.gaps[0].end) <= u.at {
		e.gaps, e.gapIDs = e.gaps[1:], e.gapIDs[1:]
	}
	if len(e.gaps) > 0 && at(e.gaps[0].begin) <= u.at {
		id := e.gapIDs[0]
		e.fills[id]++
		e.position.Lane, e.position.Epoch, e.position.Sequence = string(bgp.FillLane(id)), 0, e.fills[id]
		e.rec.ReceivedAtUs = at(e.gaps[0].end+2*minute) + lag
		return
	}
	e.live++
	e.position.Sequence = e.live
}
