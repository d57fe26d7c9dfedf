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

// panelRows is a block of panel: one row per peer, or one row without a peer if no peer is known.
type panelRows struct {
	kafkaOffsetColumns
	position                 positionColumns
	timestamp                *proto.ColDateTime64
	family, knowledge, table proto.ColInt8
	voters, collectors       proto.ColUInt32
	minVoters, minCollectors proto.ColUInt32
	collector, peer, reason  lowCard
	noVerdict                lowCard
	peerASN, prefixes, idx   proto.ColUInt32
	votes, verdicts          proto.ColBool

	rec   pb.PanelRecord
	pos   bgp.Position
	peers []bgp.Peer
}

func newPanelRows(dataset string) rows {
	return &panelRows{kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, timestamp: micros()}
}

func (r *panelRows) count() int { return len(r.idx) }

func (r *panelRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "timestamp", Data: r.timestamp},
		{Name: "family", Data: &r.family},
		{Name: "knowledge", Data: &r.knowledge},
		{Name: "voters", Data: &r.voters},
		{Name: "collectors", Data: &r.collectors},
		{Name: "min_voters", Data: &r.minVoters},
		{Name: "min_collectors", Data: &r.minCollectors},
		{Name: "verdicts", Data: &r.verdicts},
		{Name: "no_verdict", Data: &r.noVerdict},
		{Name: "collector", Data: &r.collector},
		{Name: "peer_address", Data: &r.peer},
		{Name: "peer_asn", Data: &r.peerASN},
		{Name: "table", Data: &r.table},
		{Name: "votes", Data: &r.votes},
		{Name: "reason", Data: &r.reason},
		{Name: "prefixes", Data: &r.prefixes},
		{Name: "idx", Data: &r.idx},
	})
}

func (r *panelRows) reset() { r.input().Reset() }

func (r *panelRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	r.peers = r.peers[:0]
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a panel record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	if _, err := codec.ParseFamily(r.rec.GetFamily()); err != nil {
		return r.pos, 0, err
	}
	if _, err := codec.ParseTableKnowledge(r.rec.GetTable()); err != nil {
		return r.pos, 0, err
	}
	for _, p := range r.rec.GetPeers() {
		peer, err := codec.ParsePeer(p.GetPeer())
		if err != nil {
			return r.pos, 0, err
		}
		r.peers = append(r.peers, peer)
	}
	return r.pos, max(len(r.peers), 1), nil
}

func (r *panelRows) add(o *kafkaOffset, m mark) mark {
	peers := r.rec.GetPeers()
	if len(peers) == 0 {
		peers, r.peers = []*pb.PanelPeer{nil}, append(r.peers, bgp.Peer{})
	}
	for i, p := range peers {
		if !m.below(r.pos, uint32(i)) {
			continue
		}
		r.kafkaOffsetColumns.add(o, 1)
		r.position.add(r.pos, 1)
		r.timestamp.AppendRaw(proto.DateTime64(r.rec.GetTimeUs()))
		r.family.Append(int8(r.rec.GetFamily()))
		r.knowledge.Append(int8(r.rec.GetTable()))
		r.voters.Append(r.rec.GetVoters())
		r.collectors.Append(r.rec.GetCollectors())
		r.minVoters.Append(r.rec.GetMinVoters())
		r.minCollectors.Append(r.rec.GetMinCollectors())
		r.verdicts.Append(r.rec.GetVerdicts())
		r.noVerdict.add(r.rec.GetNoVerdict(), 1)
		r.collector.add(p.GetCollector(), 1)
		r.peer.add(addressText(r.peers[i]), 1)
		r.peerASN.Append(uint32(r.peers[i].ASN))
		r.table.Append(int8(r.peers[i].Table) + 1)
		r.votes.Append(p.GetVotes())
		r.reason.add(p.GetReason(), 1)
		r.prefixes.Append(p.GetPrefixes())
		r.idx.Append(uint32(i))
		m = markOf(r.pos, uint32(i))
	}
	return m
}
