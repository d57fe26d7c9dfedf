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

// MaxRecord is the size in octets above which a record is split.
const MaxRecord = 512 << 10

// Counts is what an Enricher has done.
type Counts struct {
	Announced, Withdrawn uint64
	// Unlocated routes have no place.
	Unlocated uint64
	// Empty messages hold no route of a family that darkmap reads, and no End-of-RIB.
	Empty uint64
	// TreatedAsWithdraw counts messages (RFC 7606 §2).
	TreatedAsWithdraw uint64
	// Split counts records of which there were several parts.
	Split uint64
}

// Enricher is the stage's core. It reuses its memory from record to record and is not safe for concurrent use.
type Enricher struct {
	// Counts may be read and set to zero between calls.
	Counts Counts

	asns    *asn.DB
	owners  *asn.Snapshot
	places  *geo.Snapshot
	locator *geo.Locator
	// geography is the encoded field of a RouteRecord that says how much space the places have.
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

// NewEnricher returns an Enricher that looks things up in s.
func NewEnricher(s *Sources) *Enricher {
	e := &Enricher{asns: s.asn, locator: geo.NewLocator(s.geo), limit: MaxRecord}
	e.inBody.BgpMessage = &pb.BGPMessage{}
	e.outBody.Changes = &e.changes
	return e
}

// Transform appends to dst the records of bgp.routes.v1 that come of value, a record of bgp.updates.v1: mostly one. They
// may share memory with value, which must not change any more. The error is non-nil where value cannot be decoded; it
// names collector, peer and position, and wraps codec.ErrInvalid or the fault of internal/bgp/wire. Then dst is returned as it
// was, but for a BGP message that can be read in part: the records say what could be read, and what could not; and for one whose
// announcements count as withdrawals (RFC 7606).
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
		return append(dst, slices.Concat(value, e.geography)), nil // fields of a message may come in any order
	case *pb.UpdateRecord_PeerUp:
		_, err = codec.ParsePeer(body.PeerUp.GetPeer())
	case *pb.UpdateRecord_PeerDown:
		_, err = codec.ParsePeer(body.PeerDown.GetPeer())
	case *pb.UpdateRecord_WatchList: // its field has another number in the other topic
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

// read decodes value into e.in, whose strings and octets are value's own.
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
	case u.TreatAsWithdraw && len(u.Other) == 0: // the fault hides its prefixes
		dst = e.salvage(dst, m, peer.ASN, o)
		return fail(fault)
	case !said:
		e.Counts.Empty++
		return dst, nil
	}
	return e.update(dst, m.Peer, peer.ASN, u), nil
}

// update writes the changes of a decoded UPDATE.
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
		if len(path) == 0 {
			origin = peerASN // the peer's own route, heard within its AS
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

// room ends the part at hand if one more route could make it too large; index is that route's.
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

// route fills in a route of the part at hand.
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

// cover adds to a withdrawn route the less-specific prefix that the prefix-to-origin files have.
func (e *Enricher) cover(r *pb.Route, p netip.Prefix) *pb.Route {
	if less, origin, ok := e.owners.Cover(p); ok {
		r.CoveredLength, r.CoveredOriginAs = uint32(less.Bits()), uint32(origin)
	}
	return r
}
