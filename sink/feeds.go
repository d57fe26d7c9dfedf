package sink

import (
	"fmt"
	"slices"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// feedRows is a block of feeds.
type feedRows struct {
	kafkaOffsetColumns
	position        positionColumns
	timestamp       *proto.ColDateTime64
	collector, peer lowCard
	peerASN         proto.ColUInt32
	table, event    proto.ColInt8
	reason, gap     proto.ColStr

	source, instance      lowCard
	gapBegin, gapEnd      *proto.ColDateTime64
	gapPeers              *proto.ColArr[string]
	state                 lowCard
	peersUp               proto.ColUInt32
	messages, done, total proto.ColUInt64
	perSecond, lag        proto.ColFloat64
	lastGap               *proto.ColDateTime64

	rec     pb.FeedRecord
	pos     bgp.Position
	peerKey bgp.Peer
	peers   []string
}

func newFeedRows(dataset string) rows {
	return &feedRows{
		kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, timestamp: micros(), gapBegin: micros(),
		gapEnd: micros(), lastGap: micros(), gapPeers: new(proto.ColStr).Array(),
	}
}

func (r *feedRows) count() int { return len(r.table) }

func (r *feedRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "timestamp", Data: r.timestamp},
		{Name: "collector", Data: &r.collector},
		{Name: "peer_address", Data: &r.peer},
		{Name: "peer_asn", Data: &r.peerASN},
		{Name: "table", Data: &r.table},
		{Name: "event", Data: &r.event},
		{Name: "reason", Data: &r.reason},
		{Name: "gap_id", Data: &r.gap},
		{Name: "source", Data: &r.source},
		{Name: "instance", Data: &r.instance},
		{Name: "gap_begin", Data: r.gapBegin},
		{Name: "gap_end", Data: r.gapEnd},
		{Name: "gap_peers", Data: r.gapPeers},
		{Name: "state", Data: &r.state},
		{Name: "peers_up", Data: &r.peersUp},
		{Name: "messages", Data: &r.messages},
		{Name: "messages_per_second", Data: &r.perSecond},
		{Name: "lag_seconds", Data: &r.lag},
		{Name: "last_gap", Data: r.lastGap},
		{Name: "done_bytes", Data: &r.done},
		{Name: "total_bytes", Data: &r.total},
	})
}

func (r *feedRows) reset() { r.input().Reset() }

func (r *feedRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	r.peerKey, r.peers = bgp.Peer{}, r.peers[:0]
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a feed record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	if e := r.rec.GetEvent(); e < 0 || e > pb.FeedEvent_FEED_EVENT_PROGRESS {
		return r.pos, 0, fmt.Errorf("feed event %d: %w", e, codec.ErrInvalid)
	}
	for _, p := range r.rec.GetPeers() {
		k, err := codec.ParsePeer(p)
		if err != nil {
			return r.pos, 0, fmt.Errorf("a peer of the gap: %w", err)
		}
		r.peers = append(r.peers, fmt.Sprintf("%v %v", k.Address, k.ASN))
	}
	if r.rec.GetPeer() == nil {
		return r.pos, 1, nil
	}
	var err error
	r.peerKey, err = codec.ParsePeer(r.rec.GetPeer())
	return r.pos, 1, err
}

func (r *feedRows) add(o *kafkaOffset, m mark) mark {
	if !m.below(r.pos, 0) {
		return m
	}
	r.kafkaOffsetColumns.add(o, 1)
	r.position.add(r.pos, 1)
	r.timestamp.AppendRaw(proto.DateTime64(r.rec.GetTimestampUs()))
	r.collector.add(r.rec.GetCollector(), 1)
	r.peer.add(addressText(r.peerKey), 1)
	r.peerASN.Append(uint32(r.peerKey.ASN))
	r.table.Append(int8(r.peerKey.Table) + 1)
	r.event.Append(int8(r.rec.GetEvent()))
	r.reason.Append(r.rec.GetReason())
	r.gap.Append(r.rec.GetGapId())
	r.source.add(r.rec.GetSource(), 1)
	r.instance.add(r.rec.GetInstance(), 1)
	r.gapBegin.AppendRaw(proto.DateTime64(r.rec.GetBeginUs()))
	r.gapEnd.AppendRaw(proto.DateTime64(r.rec.GetEndUs()))
	r.gapPeers.Append(r.peers)
	r.addStatus(r.rec.GetStatus())
	return markOf(r.pos, 0)
}

// addStatus appends the status of the stream. st is nil with most events.
func (r *feedRows) addStatus(st *pb.FeedStatus) {
	r.state.add(st.GetState(), 1)
	r.peersUp.Append(st.GetPeersUp())
	r.messages.Append(st.GetMessages())
	r.perSecond.Append(st.GetMessagesPerSecond())
	r.lag.Append(float64(st.GetLagUs()) / 1e6)
	r.lastGap.AppendRaw(proto.DateTime64(st.GetLastGapUs()))
	r.done.Append(st.GetDoneBytes())
	r.total.Append(st.GetTotalBytes())
}

// addressText returns the address of a peer, or "" if there is no peer.
func addressText(p bgp.Peer) string {
	if !p.Address.IsValid() {
		return ""
	}
	return p.Address.String()
}
