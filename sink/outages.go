package sink

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// outageRows is a block of outage_events.
type outageRows struct {
	kafkaOffsetColumns
	position                           positionColumns
	id, entityCode, entityName         proto.ColStr
	headline, post, summary, json      proto.ColStr
	successor, predecessor             proto.ColStr
	sequence                           proto.ColUInt32
	event, kind, state, severity       lowCard
	endReason                          lowCard
	decided                            *proto.ColDateTime64
	family, entityType                 proto.ColInt8
	start                              proto.ColDateTime
	end                                *proto.ColNullable[time.Time]
	duration, score                    proto.ColInt64
	baselinePrefixes, peakPrefixes     proto.ColUInt32
	lostTotal, voters, collectors      proto.ColUInt32
	baselineSpace, peakSpace, peakLoss proto.ColFloat64
	lost                               *proto.ColArr[string]
	origins, upstreams                 *proto.ColArr[uint32]
	countries                          *proto.ColArr[string]
	blip                               proto.ColBool
	parents                            parentColumn
	watch                              watchColumn
	unexpected                         unexpectedColumn

	rec    pb.OutageRecord
	pos    bgp.Position
	outage bgp.Outage
}

func newOutageRows(dataset string) rows {
	return &outageRows{
		kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}, decided: micros(),
		end:  new(proto.ColDateTime).Nullable(),
		lost: new(proto.ColStr).Array(), origins: new(proto.ColUInt32).Array(),
		upstreams: new(proto.ColUInt32).Array(),
		countries: new(proto.ColStr).Array(), unexpected: newUnexpectedColumn(),
	}
}

func (r *outageRows) count() int { return len(r.sequence) }

func (r *outageRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "id", Data: &r.id},
		{Name: "sequence", Data: &r.sequence},
		{Name: "event", Data: &r.event},
		{Name: "decided_at", Data: r.decided},
		{Name: "kind", Data: &r.kind},
		{Name: "state", Data: &r.state},
		{Name: "family", Data: &r.family},
		{Name: "entity_type", Data: &r.entityType},
		{Name: "entity_code", Data: &r.entityCode},
		{Name: "entity_name", Data: &r.entityName},
		{Name: "start", Data: &r.start},
		{Name: "end", Data: r.end},
		{Name: "end_reason", Data: &r.endReason},
		{Name: "successor", Data: &r.successor},
		{Name: "predecessor", Data: &r.predecessor},
		{Name: "duration_seconds", Data: &r.duration},
		{Name: "severity", Data: &r.severity},
		{Name: "score", Data: &r.score},
		{Name: "baseline_prefixes", Data: &r.baselinePrefixes},
		{Name: "baseline_space", Data: &r.baselineSpace},
		{Name: "peak_lost_prefixes", Data: &r.peakPrefixes},
		{Name: "peak_lost_space", Data: &r.peakSpace},
		{Name: "peak_loss_percent", Data: &r.peakLoss},
		{Name: "lost_prefixes", Data: r.lost},
		{Name: "lost_prefixes_total", Data: &r.lostTotal},
		{Name: "origins", Data: r.origins},
		{Name: "countries", Data: r.countries},
		{Name: "upstreams", Data: r.upstreams},
		{Name: "parents", Data: r.parents.column()},
		{Name: "watch", Data: r.watch.column()},
		{Name: "unexpected", Data: r.unexpected.column()},
		{Name: "voters", Data: &r.voters},
		{Name: "collectors", Data: &r.collectors},
		{Name: "blip", Data: &r.blip},
		{Name: "headline", Data: &r.headline},
		{Name: "post", Data: &r.post},
		{Name: "summary", Data: &r.summary},
		{Name: "json", Data: &r.json},
	})
}

func (r *outageRows) reset() { r.input().Reset() }

func (r *outageRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	r.outage = bgp.Outage{}
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading an outage record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	if _, err := codec.ParseFamily(r.rec.GetFamily()); err != nil {
		return r.pos, 0, err
	}
	if err := checkEntity(r.rec.GetEntity()); err != nil {
		return r.pos, 0, err
	}
	if err := json.Unmarshal(r.rec.GetJson(), &r.outage); err != nil {
		return r.pos, 0, fmt.Errorf("reading an outage's JSON: %w: %w", codec.ErrInvalid, err)
	}
	return r.pos, 1, nil
}

func (r *outageRows) add(o *kafkaOffset, m mark) mark {
	if !m.below(r.pos, 0) {
		return m
	}
	rec, out := &r.rec, &r.outage
	r.kafkaOffsetColumns.add(o, 1)
	r.position.add(r.pos, 1)
	r.id.Append(rec.GetId())
	r.sequence.Append(rec.GetSequence())
	r.event.add(rec.GetEvent(), 1)
	r.decided.AppendRaw(proto.DateTime64(rec.GetDecidedAtUs()))
	r.kind.add(rec.GetKind(), 1)
	r.state.add(rec.GetState(), 1)
	r.family.Append(int8(rec.GetFamily()))
	r.entityType.Append(int8(rec.GetEntity().GetType()))
	r.entityCode.Append(rec.GetEntity().GetCode())
	r.entityName.Append(rec.GetEntity().GetName())
	r.start.AppendRaw(proto.DateTime(rec.GetStartS()))
	end := proto.Null[time.Time]()
	if rec.EndS != nil {
		end = proto.NewNullable(time.Unix(rec.GetEndS(), 0))
	}
	r.end.Append(end)
	r.endReason.add(rec.GetEndReason(), 1)
	r.successor.Append(rec.GetSuccessor())
	r.predecessor.Append(rec.GetPredecessor())
	r.severity.add(rec.GetSeverity(), 1)
	r.blip.Append(rec.GetBlip())
	r.json.AppendBytes(rec.GetJson())
	r.addOutage(out)
	return markOf(r.pos, 0)
}

// addOutage appends the columns that come only from the JSON.
func (r *outageRows) addOutage(out *bgp.Outage) {
	r.duration.Append(out.DurationSeconds)
	r.score.Append(out.Score)
	r.baselinePrefixes.Append(uint32(out.Baseline.Prefixes))
	r.baselineSpace.Append(float64(out.Baseline.Space) / 100)
	r.peakPrefixes.Append(uint32(out.Peak.LostPrefixes))
	r.peakSpace.Append(float64(out.Peak.LostSpace) / 100)
	r.peakLoss.Append(float64(out.Peak.LossPercent) / 100)
	r.lost.Append(out.LostPrefixes)
	r.lostTotal.Append(uint32(out.LostPrefixesTotal))
	r.origins.Append(asNumbers(out.Origins))
	r.countries.Append(out.Countries)
	r.upstreams.Append(asNumbers(out.Upstreams))
	r.parents.add(out.Parents)
	r.watch.add(out.Watch)
	r.unexpected.add(out.Unexpected)
	r.voters.Append(uint32(out.Panel.Voters))
	r.collectors.Append(uint32(out.Panel.Collectors))
	r.headline.Append(out.Headline)
	r.post.Append(out.Post)
	r.summary.Append(out.Summary)
}

func asNumbers(all []bgp.AS) []uint32 {
	numbers := make([]uint32, len(all))
	for i, a := range all {
		numbers[i] = uint32(a.ASN)
	}
	return numbers
}
