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
	originColumns
	position        positionColumns
	timestamp       *proto.ColDateTime64
	collector, peer lowCard
	peerASN         proto.ColUInt32
	table, event    proto.ColInt8
	reason, gap     proto.ColStr

	rec     pb.FeedRecord
	pos     bgp.Position
	peerKey bgp.Peer
}

func newFeedRows(dataset string) rows {
	return &feedRows{originColumns: originColumns{name: dataset}, timestamp: micros()}
}

func (r *feedRows) count() int { return len(r.table) }

func (r *feedRows) input() proto.Input {
	return slices.Concat(r.originColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "timestamp", Data: r.timestamp},
		{Name: "collector", Data: &r.collector},
		{Name: "peer_address", Data: &r.peer},
		{Name: "peer_asn", Data: &r.peerASN},
		{Name: "table", Data: &r.table},
		{Name: "event", Data: &r.event},
		{Name: "reason", Data: &r.reason},
		{Name: "gap_id", Data: &r.gap},
	})
}

func (r *feedRows) reset() { r.input().Reset() }

func (r *feedRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	r.peerKey = bgp.Peer{}
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a feed record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	if e := r.rec.GetEvent(); e < 0 || e > pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED {
		return r.pos, 0, fmt.Errorf("feed event %d: %w", e, codec.ErrInvalid)
	}
	if r.rec.GetPeer() == nil {
		return r.pos, 1, nil
	}
	var err error
	r.peerKey, err = codec.ParsePeer(r.rec.GetPeer())
	return r.pos, 1, err
}

func (r *feedRows) add(o *origin, m mark) mark {
	if !m.below(r.pos, 0) {
		return m
	}
	r.originColumns.add(o, 1)
	r.position.add(r.pos, 1)
	r.timestamp.AppendRaw(proto.DateTime64(r.rec.GetTimestampUs()))
	r.collector.add(r.rec.GetCollector(), 1)
	r.peer.add(addressText(r.peerKey), 1)
	r.peerASN.Append(uint32(r.peerKey.ASN))
	r.table.Append(int8(r.peerKey.Table) + 1)
	r.event.Append(int8(r.rec.GetEvent()))
	r.reason.Append(r.rec.GetReason())
	r.gap.Append(r.rec.GetGapId())
	return markOf(r.pos, 0)
}

// addressText is empty where there is no peer.
func addressText(p bgp.Peer) string {
	if !p.Address.IsValid() {
		return ""
	}
	return p.Address.String()
}
