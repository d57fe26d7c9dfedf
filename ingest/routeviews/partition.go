package routeviews

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// perRecord bounds the records of bgp.updates that one record of the topic may produce. Positions
// are offset x perRecord + number.
const perRecord = 1 << 16

// collector is a collector that this member has.
type collector struct {
	name   string
	stream *stream.Stream
	parts  int // guarded by Source.mu
	// waiting is true until the first message of a collector that has records to catch up with, or
	// until it has caught up if there is no message. It belongs to the poll loop.
	waiting bool
}

// up writes that the collector is up, if it is waiting.
func (c *collector) up(ctx context.Context) error {
	if !c.waiting {
		return nil
	}
	c.waiting = false
	return c.stream.Up(ctx)
}

// partition is a partition of a topic. Source.work guards it once it is assigned.
type partition struct {
	topic  string
	number int32
	c      *collector // nil: the topic names none
	lane   *stream.Lane
	// epoch is the epoch of the positions. If the topic was created again, it is later than any
	// before.
	epoch uint64
	next  int64 // the expected offset
	end   int64 // end of the topic when it was taken over
	clock int64 // time of the last message, microseconds
	bmp   wire.BMPSession
	peers map[bgp.Peer]*stream.Peer // the known peers that are not down
	// doubted are the peers that may have been down since an Initiation. It is nil if there is no
	// doubt.
	doubted map[bgp.Peer]*stream.Peer
	// unheard is true if there may be unknown peers, which an earlier owner knew, or which were
	// never seen.
	unheard bool
	made    uint64 // records produced from the current one
}

// seek sets the position of the lane's next record.
func (p *partition) seek(offset int64) {
	p.made++
	p.lane.Seek(p.epoch, uint64(offset)*perRecord+p.made)
}

// record processes a record of the topic. Data that cannot be decoded go to the dead letters. The
// error is the producer's.
func (s *Source) record(ctx context.Context, p *partition, rec *kgo.Record) error {
	s.metrics.records.Inc()
	s.metrics.bytes.Add(float64(len(rec.Value)))
	p.made = 0
	if p.c == nil {
		return s.dead(ctx, p, rec, rec.Value, "topic", errors.New("the topic names no collector"))
	}
	if err := wire.ParseOpenBMP(rec.Value, &s.header); err != nil {
		return s.dead(ctx, p, rec, rec.Value, "openbmp", err)
	}
	for b := s.header.BMP; len(b) > 0; {
		n, _, err := wire.ParseBMPHeader(b)
		if err == nil && n > len(b) && len(b) >= wire.BMPHeaderLength+42 {
			// a cut Route Monitoring still yields its peer, and the withdrawals before the cut
			b, n = cutShort(b), len(b)
		}
		if err == nil && n > len(b) {
			err = fmt.Errorf("a BMP message of %d octets, %d there: %w", n, len(b), wire.ErrTruncated)
		}
		if err == nil && p.made >= perRecord-1 {
			err = fmt.Errorf("more than %d messages", perRecord-1)
		}
		if err != nil {
			return s.dead(ctx, p, rec, b, "bmp", err)
		}
		if err := s.message(ctx, p, rec, b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// cutShort converts a truncated BMP message into one of the octets that are left.
func cutShort(b []byte) []byte {
	out := slices.Clone(b)
	binary.BigEndian.PutUint32(out[1:], uint32(len(b)))
	return out
}

// message passes on a BMP message.
func (s *Source) message(ctx context.Context, p *partition, rec *kgo.Record, raw []byte) error {
	m := &s.bmp
	if err := p.bmp.Decode(raw, m); err != nil {
		if err := s.dead(ctx, p, rec, raw, "bmp", err); err != nil || !m.Salvaged {
			return err
		}
	}
	switch m.Type {
	case wire.BMPRouteMonitoring, wire.BMPPeerUp, wire.BMPPeerDown:
		return s.ofPeer(ctx, p, rec, raw)
	case wire.BMPInitiation:
		p.doubted = maps.Clone(p.peers)
	case wire.BMPTermination:
		return s.ended(ctx, p, rec.Offset, p.peers)
	default: // statistics and mirrored messages are not passed on
	}
	return nil
}

// ofPeer passes on a message about a peer.
func (s *Source) ofPeer(ctx context.Context, p *partition, rec *kgo.Record, raw []byte) error {
	m := &s.bmp
	peer, err := p.c.stream.Peer(m.Peer.Peer, m.Peer.BGPID)
	if err != nil {
		return s.dead(ctx, p, rec, raw, "peers", err)
	}
	t := s.timestamp(m.Peer.Timestamp)
	if !p.c.stream.Ahead(t) { // clock is where a gap begins: an impossible time would hide the gap
		p.clock = max(p.clock, t)
	}
	if err := p.c.up(ctx); err != nil {
		return err
	}
	if err := s.judge(ctx, p, rec.Offset); err != nil {
		return err
	}
	p.seek(rec.Offset)
	switch m.Type {
	case wire.BMPPeerUp:
		p.peers[m.Peer.Peer] = peer
		return p.lane.PeerUp(ctx, peer, t)
	case wire.BMPPeerDown:
		delete(p.peers, m.Peer.Peer)
		return p.lane.PeerDown(ctx, peer, t, m.Down.String())
	default:
		p.peers[m.Peer.Peer] = peer
		return s.update(ctx, p, peer, t)
	}
}

// update passes on an UPDATE without the collector's own AS. The Peer Up of a session that began
// before this owner did is not repeated. Path identifiers then count as off, except for the peers
// in the last commit's metadata.
func (s *Source) update(ctx context.Context, p *partition, peer *stream.Peer, t int64) error {
	m := &s.bmp
	raw, width, what := wire.StripFirstAS(s.buf, m.Update, m.Options.ASOctets, s.own, m.Peer.Peer.ASN)
	s.stripped[what].Inc()
	if what >= wire.StripPeer {
		s.buf = raw
	}
	octets := m.Options.ASOctets
	if width != 0 {
		octets = width // the remaining path may fit another width, too
	}
	return p.lane.Message(ctx, &stream.Message{
		Peer: peer, Timestamp: t, Raw: raw, ASOctets: octets, AddPathIPv4: m.Options.AddPathIPv4,
		AddPathIPv6: m.Options.AddPathIPv6,
	})
}

// timestamp returns the router's own time, or the collector's if the former is absent or too far
// off.
func (s *Source) timestamp(own int64) int64 {
	heard, slack := s.header.Timestamp, s.cfg.TimestampSlack.Microseconds()
	if own == 0 || heard != 0 && (own-heard > slack || heard-own > slack) {
		return heard
	}
	return own
}

// dead keeps data that cannot be decoded as a dead letter.
func (s *Source) dead(
	ctx context.Context, p *partition, rec *kgo.Record, raw []byte, reason string, err error,
) error {
	name := ""
	if p.c != nil {
		name = p.c.name
	}
	s.undecodable.Warn("cannot decode a record of routeviews", "topic", rec.Topic, "partition", rec.Partition,
		"offset", rec.Offset, "err", err)
	return s.d.Streams.DeadLetter(ctx, stream.DeadLetter{
		Collector: name, Origin: fmt.Sprintf("%s/%d", rec.Topic, rec.Partition), Offset: rec.Offset, Raw: raw,
		Reason: reason, Err: err,
	})
}
