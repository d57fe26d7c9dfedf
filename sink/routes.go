package sink

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Values of the enums type and safi.
const (
	typeAnnounce  int8 = 1
	typeWithdraw  int8 = 2
	safiUnicast   int8 = 1
	safiMulticast int8 = 2
)

// routeRows is a block of route_change_log.
type routeRows struct {
	kafkaOffsetColumns
	position             positionColumns
	timestamp, received  *proto.ColDateTime64
	idx                  proto.ColUInt32
	repeats              proto.ColUInt64
	peer                 lowCard
	peerASN              proto.ColUInt32
	table                proto.ColInt8
	pathID               proto.ColUInt32
	safi, kind           proto.ColInt8
	prefix               proto.ColStr
	asPath               proto.ColStr
	originAS             proto.ColUInt32
	country, region, own lowCard

	// The decoded record.
	rec      pb.RouteRecord
	pos      bgp.Position
	peerKey  bgp.Peer
	prefixes []netip.Prefix // withdrawn, then announced
	path     bgp.ASPath
	// Buffers that are reused for each record.
	peerText, pathText []byte
	asns               []bgp.ASN
	shares             map[string]uint64

	// The state for comparing the decoded record with earlier rows. Stage.prepare sets it. past is
	// nil if no row is compared. window is nil if no row of the record can repeat another.
	earlier *earlierRows
	history *history
	newest  *newest // of the record's peer
	window  *window
	source  source
	change  change
	// repeated is the number of rows of the block that repeat other rows.
	repeated int
}

func newRouteRows(dataset string) rows {
	return &routeRows{
		kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, timestamp: micros(), received: micros(),
		shares: map[string]uint64{},
	}
}

func (r *routeRows) count() int { return len(r.idx) }

func (r *routeRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input(""), proto.Input{
		{Name: "timestamp", Data: r.timestamp},
		{Name: "received_at", Data: r.received},
		{Name: "idx", Data: &r.idx},
		{Name: "repeats", Data: &r.repeats},
		{Name: "peer_address", Data: &r.peer},
		{Name: "peer_asn", Data: &r.peerASN},
		{Name: "table", Data: &r.table},
		{Name: "path_id", Data: &r.pathID},
		{Name: "safi", Data: &r.safi},
		{Name: "type", Data: &r.kind},
		{Name: "prefix", Data: &r.prefix},
		{Name: "as_path", Data: &r.asPath},
		{Name: "origin_as", Data: &r.originAS},
		{Name: "country", Data: &r.country},
		{Name: "region", Data: &r.region},
		{Name: "owner", Data: &r.own},
	})
}

func (r *routeRows) reset() {
	r.input().Reset()
	r.earlier, r.history, r.newest, r.window, r.repeated = nil, nil, nil, nil, 0
}

func (r *routeRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	r.prefixes = r.prefixes[:0]
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a route record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	changes := r.rec.GetChanges()
	if changes == nil || len(changes.Withdrawn)+len(changes.Announced) == 0 {
		return r.pos, 0, nil
	}
	var err error
	if r.peerKey, err = codec.ParsePeer(changes.GetPeer()); err != nil {
		return r.pos, 0, err
	}
	for _, routes := range [...][]*pb.Route{changes.Withdrawn, changes.Announced} {
		for _, route := range routes {
			p, err := codec.ParsePrefix(route.GetPrefix())
			if err != nil {
				return r.pos, 0, err
			}
			if err := checkShares(route.GetPlaceShares(), len(changes.Places)); err != nil {
				return r.pos, 0, err
			}
			r.prefixes = append(r.prefixes, p)
		}
	}
	return r.pos, len(r.prefixes), r.decodePath(changes.GetAsPath())
}

func checkShares(shares []uint64, places int) error {
	if len(shares)%2 != 0 {
		return fmt.Errorf("place shares in %d numbers: %w", len(shares), codec.ErrInvalid)
	}
	for i := 0; i < len(shares); i += 2 {
		if shares[i] >= uint64(places) {
			return fmt.Errorf("place %d of %d: %w", shares[i], places, codec.ErrInvalid)
		}
	}
	return nil
}

func (r *routeRows) decodePath(segments []*pb.PathSegment) error {
	r.path, r.asns = r.path[:0], r.asns[:0]
	for _, s := range segments {
		if s.GetType() < uint32(bgp.ASSet) || s.GetType() > uint32(bgp.ASConfedSet) {
			return fmt.Errorf("AS path segment of type %d: %w", s.GetType(), codec.ErrInvalid)
		}
		from := len(r.asns)
		for _, a := range s.GetAsns() {
			r.asns = append(r.asns, bgp.ASN(a))
		}
		r.path = append(r.path,
			bgp.PathSegment{Type: bgp.SegmentType(s.GetType()), ASNs: r.asns[from:len(r.asns):len(r.asns)]})
	}
	return nil
}

// above reports whether the last row of the decoded record is above m.
func (r *routeRows) above(m mark) bool {
	return m.below(r.pos, r.rec.GetChanges().GetFirstIndex()+uint32(len(r.prefixes))-1)
}

func (r *routeRows) add(o *kafkaOffset, m mark) mark {
	changes := r.rec.GetChanges()
	first := changes.GetFirstIndex()
	last := first + uint32(len(r.prefixes)) - 1
	skip := 0
	for skip < len(r.prefixes) && !m.below(r.pos, first+uint32(skip)) {
		skip++
	}
	n := len(r.prefixes) - skip
	if n == 0 {
		return m
	}
	r.addMessage(o, n)
	r.pathText = r.path.AppendText(r.pathText[:0])
	r.compare(skip)
	owner := ownerOf(changes, changes.GetOriginAs())
	for i := skip; i < len(r.prefixes); i++ {
		r.idx = append(r.idx, first+uint32(i))
		r.addPrefix(r.prefixes[i])
		if i < len(changes.Withdrawn) {
			r.addRoute(changes, changes.Withdrawn[i])
			r.kind = append(r.kind, typeWithdraw)
			r.asPath.AppendBytes(nil)
			r.originAS = append(r.originAS, 0)
			r.own.add("", 1)
			continue
		}
		r.addRoute(changes, changes.Announced[i-len(changes.Withdrawn)])
		r.kind = append(r.kind, typeAnnounce)
		r.asPath.AppendBytes(r.pathText)
		r.originAS = append(r.originAS, changes.GetOriginAs())
		r.own.add(owner, 1)
	}
	return markOf(r.pos, last)
}

// compare appends, for the routes of the record from skip on, the names of the rows that they
// repeat. It records the routes that repeat no row.
func (r *routeRows) compare(skip int) {
	n := len(r.prefixes) - skip
	if r.earlier == nil {
		appendN(&r.repeats, 0, n)
		return
	}
	at := r.rec.GetTimestampUs()
	if r.window == nil && !r.earlier.near(r.pos.Collector, r.source, at) {
		appendN(&r.repeats, 0, n)
		r.history.note(r.newest, r.source, at)
		return
	}
	changes := r.rec.GetChanges()
	fresh := false
	r.change = change{peer: string(r.peerText), peerASN: uint32(r.peerKey.ASN), table: int8(r.peerKey.Table) + 1}
	for i := skip; i < len(r.prefixes); i++ {
		key := r.earlier.key.of(r.changeAt(i))
		var repeats uint64
		if r.window != nil {
			repeats = r.window.pair(key, at)
		}
		r.repeats = append(r.repeats, repeats)
		if repeats != 0 {
			r.repeated++
			continue
		}
		fresh = true
		idx := changes.GetFirstIndex() + uint32(i)
		r.earlier.add(r.pos.Collector, r.source, key, candidate{
			at: at, name: rowName(r.pos.Collector, r.pos.Lane, r.pos.Epoch, r.pos.Sequence, idx), source: r.source,
		})
	}
	if fresh {
		r.history.note(r.newest, r.source, at)
	}
}

// changeAt returns the change that the row of the i-th route shows. The next call overwrites it.
func (r *routeRows) changeAt(i int) *change {
	changes := r.rec.GetChanges()
	c := &r.change
	var route *pb.Route
	if i < len(changes.Withdrawn) {
		route, c.kind, c.path = changes.Withdrawn[i], typeWithdraw, ""
	} else {
		route, c.kind, c.path = changes.Announced[i-len(changes.Withdrawn)], typeAnnounce, string(r.pathText)
	}
	c.pathID, c.safi, c.prefix = route.GetPathId(), safiOf(route), r.prefixes[i].String()
	return c
}

func safiOf(route *pb.Route) int8 {
	if route.GetMulticast() {
		return safiMulticast
	}
	return safiUnicast
}

// addMessage appends the columns that all n routes of the record share.
func (r *routeRows) addMessage(o *kafkaOffset, n int) {
	r.kafkaOffsetColumns.add(o, n)
	r.position.add(r.pos, n)
	appendN(&r.timestamp.Data, proto.DateTime64(r.rec.GetTimestampUs()), n)
	received := r.rec.GetReceivedAtUs()
	if received == 0 {
		received = int64(o.appendedAt) * 1e6
	}
	appendN(&r.received.Data, proto.DateTime64(received), n)
	r.peerText = r.peerKey.Address.AppendTo(r.peerText[:0])
	r.peer.add(string(r.peerText), n)
	appendN(&r.peerASN, uint32(r.peerKey.ASN), n)
	appendN(&r.table, int8(r.peerKey.Table)+1, n)
}

func (r *routeRows) addPrefix(p netip.Prefix) {
	start := len(r.prefix.Buf)
	r.prefix.Buf = p.AppendTo(r.prefix.Buf)
	r.prefix.Pos = append(r.prefix.Pos, proto.Position{Start: start, End: len(r.prefix.Buf)})
}

func (r *routeRows) addRoute(changes *pb.RouteChanges, route *pb.Route) {
	r.pathID = append(r.pathID, route.GetPathId())
	r.safi = append(r.safi, safiOf(route))
	country, region := r.dominant(changes.Places, route.GetPlaceShares())
	r.country.add(country, 1)
	r.region.add(region, 1)
}

// dominant returns the country with most of the prefix and its largest region. Of equal ones the
// first named is taken.
func (r *routeRows) dominant(places []*pb.Place, shares []uint64) (country, region string) {
	switch len(shares) {
	case 0:
		return "", ""
	case 2:
		p := places[shares[0]]
		return p.GetCountry(), p.GetRegion()
	}
	clear(r.shares)
	for i := 0; i < len(shares); i += 2 {
		r.shares[places[shares[i]].GetCountry()] += shares[i+1]
	}
	var most, mostOfRegion uint64
	for i := 0; i < len(shares); i += 2 {
		p := places[shares[i]]
		if of := r.shares[p.GetCountry()]; of > most {
			country, most, mostOfRegion = p.GetCountry(), of, 0
			region = ""
		}
		if p.GetCountry() == country && shares[i+1] > mostOfRegion {
			region, mostOfRegion = p.GetRegion(), shares[i+1]
		}
	}
	return country, region
}

// ownerOf returns the name of the AS, or its organisation if it has no name.
func ownerOf(changes *pb.RouteChanges, asn uint32) string {
	if asn == 0 {
		return ""
	}
	for _, o := range changes.Owners {
		if o.GetAsn() == asn {
			if o.GetName() != "" {
				return o.GetName()
			}
			return o.GetOrganisation()
		}
	}
	return ""
}
