package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unicode/utf8"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// MaxRecord is the largest size of a record in octets. A larger one is split into parts.
const MaxRecord = 512 << 10

// Counts holds the counters of an Enricher.
type Counts struct {
	Announced, Withdrawn uint64
	// Unlocated counts routes without a place.
	Unlocated uint64
	// Empty counts messages that have neither a route of a family that darkmap reads nor an
	// End-of-RIB.
	Empty uint64
	// TreatedAsWithdraw counts messages whose announcements were treated as withdrawals (RFC 7606
	// §2).
	TreatedAsWithdraw uint64
	// Split counts records that were split into several parts.
	Split uint64
}

// Enricher is the core of the stage: it enriches one record after the other. It reuses its memory
// for each record. It is not safe for concurrent use.
type Enricher struct {
	// Counts may be read and reset between calls.
	Counts Counts

	asns    *asn.DB
	owners  *asn.Snapshot
	places  *geo.Snapshot
	locator *geo.Locator
	// geography is the encoded field of a RouteRecord with the address space of each place.
	geography []byte
	decoder   wire.Decoder
	limit     int

	in      pb.UpdateRecord
	inPos   pb.Position
	inPeer  pb.Peer
	inBody  pb.UpdateRecord_BgpMessage
	out     pb.RouteRecord
	changes pb.RouteChanges
	outBody pb.RouteRecord_Changes
	build   parts
	arena   []byte
	shares  []geo.Share
}

// NewEnricher returns an Enricher that reads geography and owners from s.
func NewEnricher(s *Sources) *Enricher {
	e := &Enricher{asns: s.asn, locator: geo.NewLocator(s.geo), limit: MaxRecord}
	e.inBody.BgpMessage = &pb.BGPMessage{}
	e.outBody.Changes = &e.changes
	return e
}

// Transform decodes value, a record of bgp.updates.v1. It appends the resulting records of
// bgp.routes.v1 to dst, usually one, and returns the result. The records may share memory with
// value, so value must not change afterwards. If value cannot be decoded, Transform returns an
// error, and usually dst unchanged. The error names the collector, the peer and the position, and
// wraps codec.ErrInvalid or an error of internal/bgp/wire. Two kinds of BGP messages give records
// and an error: (1) a message of which only a part can be read; its records mark the unread part;
// (2) a message whose announcements count as withdrawals (RFC 7606).
func (e *Enricher) Transform(dst [][]byte, value []byte) ([][]byte, error) {
	if err := e.read(value); err != nil {
		return dst, err
	}
	e.owners = e.asns.Snapshot()
	if s := e.locator.Refresh(); s != e.places {
		e.places = s
		e.build.forget(s.Places())
		e.geography = geographyOf(s)
	}
	out, err := e.body(dst, value)
	if err != nil {
		return out, fmt.Errorf("enriching %v: %w", codec.ParsePosition(e.in.GetPosition()), err)
	}
	return out, nil
}

func (e *Enricher) body(dst [][]byte, value []byte) ([][]byte, error) {
	var err error
	switch body := e.in.Body.(type) {
	case *pb.UpdateRecord_BgpMessage:
		return e.message(dst, body.BgpMessage)
	case *pb.UpdateRecord_TableChunk:
		return e.table(dst, body.TableChunk)
	case *pb.UpdateRecord_CollectorUp, *pb.UpdateRecord_GapBegin, *pb.UpdateRecord_CheckBegin:
		// A plain append is correct because the fields of a protobuf message may come in any order.
		return append(dst, slices.Concat(value, e.geography)), nil
	case *pb.UpdateRecord_PeerUp:
		_, err = codec.ParsePeer(body.PeerUp.GetPeer())
	case *pb.UpdateRecord_PeerDown:
		_, err = codec.ParsePeer(body.PeerDown.GetPeer())
	// The field has another number in the other topic.
	case *pb.UpdateRecord_WatchList:
		e.begin(nil)
		e.out.Body = &pb.RouteRecord_WatchList{WatchList: body.WatchList}
		return append(dst, e.encode(false)), nil
	case *pb.UpdateRecord_HostAddresses:
		e.begin(nil)
		e.out.Body = &pb.RouteRecord_HostAddresses{HostAddresses: body.HostAddresses}
		return append(dst, e.encode(false)), nil
	}
	if err != nil {
		return dst, err
	}
	return append(dst, value), nil
}

// read decodes value into e.in. The strings and octets of e.in share memory with value.
func (e *Enricher) read(value []byte) error {
	m := e.inBody.BgpMessage
	e.in.Reset()
	e.inPos.Reset()
	e.inPeer.Reset()
	m.Reset()
	m.Peer, e.in.Position, e.in.Body = &e.inPeer, &e.inPos, &e.inBody
	if err := e.in.UnmarshalVTUnsafe(value); err != nil {
		return fmt.Errorf("decoding a record of bgp.updates of %d octets: %w", len(value),
			errors.Join(err, codec.ErrInvalid))
	}
	p := &e.inPos
	_, clock := e.in.Body.(*pb.UpdateRecord_Clock)
	if (p.Collector == "" && !clock) || p.Lane == "" || !utf8.ValidString(p.Collector) ||
		!utf8.ValidString(p.Lane) {
		return fmt.Errorf("decoding a record of bgp.updates: collector %q, lane %q: %w", p.Collector, p.Lane,
			codec.ErrInvalid)
	}
	return nil
}

// message enriches one BGP message.
func (e *Enricher) message(dst [][]byte, m *pb.BGPMessage) ([][]byte, error) {
	peer, err := codec.ParsePeer(m.GetPeer())
	if err != nil {
		return dst, err
	}
	fail := func(err error) ([][]byte, error) {
		return dst, fmt.Errorf("peer %v %v: %w", peer.Address, peer.ASN, err)
	}
	if m.AsOctets != 0 && m.AsOctets != 2 && m.AsOctets != 4 {
		return fail(fmt.Errorf("AS numbers of %d octets: %w", m.AsOctets, codec.ErrInvalid))
	}
	o := wire.Options{
		ASOctets: uint8(m.AsOctets), AddPathIPv4: m.AddPathIpv4, AddPathIPv6: m.AddPathIpv6,
		Multicast: true, NextHopOptional: peer.Table != bgp.TablePre,
	}
	kind, body, err := wire.SplitMessage(m.Raw)
	if err != nil {
		dst = e.salvage(dst, m, peer.ASN, o)
		return fail(err)
	}
	switch kind {
	case wire.MessageUpdate:
	case wire.MessageRouteRefresh:
		return e.refresh(dst, m.Peer, body), nil
	case wire.MessageOpen, wire.MessageNotification, wire.MessageKeepalive:
		e.Counts.Empty++
		return dst, nil
	default:
		return fail(fmt.Errorf("%v: %w", kind, wire.ErrUnsupported))
	}
	u, err := e.decoder.DecodeUpdate(body, o)
	if err != nil {
		dst = e.salvage(dst, m, peer.ASN, o)
		return fail(err)
	}
	said := len(u.Withdrawn)+len(u.Announced)+len(u.EndOfRIB) > 0
	switch fault := u.Malformed; {
	case u.TreatAsWithdraw && said:
		dst = e.update(dst, m.Peer, peer.ASN, u)
		return fail(fault)
	// The fault hides the prefixes.
	case u.TreatAsWithdraw && len(u.Other) == 0:
		dst = e.salvage(dst, m, peer.ASN, o)
		return fail(fault)
	case !said:
		e.Counts.Empty++
		return dst, nil
	}
	return e.update(dst, m.Peer, peer.ASN, u), nil
}

// update appends the changes of a decoded UPDATE to dst.
func (e *Enricher) update(dst [][]byte, peer *pb.Peer, peerASN bgp.ASN, u *wire.Update) [][]byte {
	e.Counts.Announced += uint64(len(u.Announced))
	e.Counts.Withdrawn += uint64(len(u.Withdrawn))
	c := &e.changes
	withdrawn, announced, ended := c.Withdrawn, c.Announced, c.EndOfRib
	c.Reset()
	c.Peer, c.TreatAsWithdraw, c.Unread = peer, u.TreatAsWithdraw, unread(u)
	if u.TreatAsWithdraw {
		e.Counts.TreatedAsWithdraw++
	}
	e.begin(&e.outBody)
	if len(u.Announced) > 0 {
		path := u.Attributes.Path
		origin, upstream := path.Origin(), path.Upstream()
		// An empty path is a route of the peer's own AS.
		if len(path) == 0 {
			origin = peerASN
		}
		c.AsPath = e.build.path(path)
		c.OriginAs, c.UpstreamAs = uint32(origin), uint32(upstream)
	}
	c.Withdrawn, c.Announced, c.EndOfRib = withdrawn[:0], announced[:0], ended[:0]
	e.beginChanges()
	index, parts := uint32(0), len(dst)
	for _, n := range u.Withdrawn {
		dst = e.room(dst, index)
		c.Withdrawn = append(c.Withdrawn, e.cover(e.route(n), n.Prefix))
		index++
	}
	for _, n := range u.Announced {
		dst = e.room(dst, index)
		c.Announced = append(c.Announced, e.route(n))
		index++
	}
	for _, f := range u.EndOfRIB {
		c.EndOfRib = append(c.EndOfRib, codec.Family(f))
	}
	dst = append(dst, e.marshal(c, false))
	if len(dst)-parts > 1 {
		e.Counts.Split++
	}
	return dst
}

// room ends the current part if one more route could make it too large. index is the index of that
// route.
func (e *Enricher) room(dst [][]byte, index uint32) [][]byte {
	if e.build.size+worstRoute <= e.limit {
		return dst
	}
	c := &e.changes
	dst = append(dst, e.marshal(c, true))
	c.FirstIndex, c.Unread = index, nil
	c.Withdrawn, c.Announced = c.Withdrawn[:0], c.Announced[:0]
	e.beginChanges()
	return dst
}

// route adds a route to the current part.
func (e *Enricher) route(n wire.NLRI) *pb.Route {
	r := e.build.route()
	r.Prefix = codec.AppendPrefix(r.Prefix[:0], n.Prefix)
	r.CoveredLength, r.CoveredOriginAs = 0, 0
	r.PathId, r.Multicast = n.PathID, n.Multicast
	e.shares = e.locator.AppendPlaces(e.shares[:0], n.Prefix)
	if len(e.shares) == 0 {
		e.Counts.Unlocated++
	}
	r.PlaceShares = e.build.shares(r.PlaceShares[:0], e.shares, e.places)
	e.build.size += routeSize(r)
	return r
}

// cover adds to a withdrawn route the less-specific prefix of the prefix-to-origin files.
func (e *Enricher) cover(r *pb.Route, p netip.Prefix) *pb.Route {
	if less, origin, ok := e.owners.Cover(p); ok {
		r.CoveredLength, r.CoveredOriginAs = uint32(less.Bits()), uint32(origin)
	}
	return r
}
