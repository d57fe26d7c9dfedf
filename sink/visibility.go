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

// visibilityRows is a block of visibility.
type visibilityRows struct {
	kafkaOffsetColumns
	position                           positionColumns
	timestamp                          proto.ColDateTime
	entityType, family                 proto.ColInt8
	code                               proto.ColStr
	name                               lowCard
	space, baselineSpace, usualSpace   proto.ColFloat64
	prefixes, baselinePrefixes, voters proto.ColUInt32
	usualPrefixes                      proto.ColUInt32

	rec      pb.VisibilityRecord
	pos      bgp.Position
	ofFamily bgp.Family
}

func newVisibilityRows(dataset string) rows {
	return &visibilityRows{kafkaOffsetColumns: kafkaOffsetColumns{name: dataset}}
}

func (r *visibilityRows) count() int { return len(r.family) }

func (r *visibilityRows) input() proto.Input {
	return slices.Concat(r.kafkaOffsetColumns.input(), r.position.input("position_"), proto.Input{
		{Name: "timestamp", Data: &r.timestamp},
		{Name: "entity_type", Data: &r.entityType},
		{Name: "entity_code", Data: &r.code},
		{Name: "entity_name", Data: &r.name},
		{Name: "family", Data: &r.family},
		{Name: "space", Data: &r.space},
		{Name: "prefixes", Data: &r.prefixes},
		{Name: "baseline_space", Data: &r.baselineSpace},
		{Name: "baseline_prefixes", Data: &r.baselinePrefixes},
		{Name: "usual_space", Data: &r.usualSpace},
		{Name: "usual_prefixes", Data: &r.usualPrefixes},
		{Name: "voters", Data: &r.voters},
	})
}

func (r *visibilityRows) reset() { r.input().Reset() }

func (r *visibilityRows) decode(rec *kgo.Record) (bgp.Position, int, error) {
	r.rec.Reset()
	if err := r.rec.UnmarshalVTUnsafe(rec.Value); err != nil {
		return bgp.Position{}, 0, fmt.Errorf("reading a visibility record: %w", err)
	}
	r.pos = codec.ParsePosition(r.rec.GetPosition())
	var err error
	if r.ofFamily, err = codec.ParseFamily(r.rec.GetFamily()); err != nil {
		return r.pos, 0, err
	}
	return r.pos, 1, checkEntity(r.rec.GetEntity())
}

func checkEntity(e *pb.Entity) error {
	if t := e.GetType(); t < pb.EntityType_ENTITY_TYPE_PREFIX || t > pb.EntityType_ENTITY_TYPE_WATCH {
		return fmt.Errorf("entity type %d: %w", t, codec.ErrInvalid)
	}
	return nil
}

func (r *visibilityRows) add(o *kafkaOffset, m mark) mark {
	if !m.below(r.pos, 0) {
		return m
	}
	r.kafkaOffsetColumns.add(o, 1)
	r.position.add(r.pos, 1)
	unit := float64(r.ofFamily.UnitSpace())
	r.timestamp.Data = append(r.timestamp.Data, proto.DateTime(r.rec.GetWindowUs()/1e6))
	r.entityType = append(r.entityType, int8(r.rec.GetEntity().GetType()))
	r.code.Append(r.rec.GetEntity().GetCode())
	r.name.add(r.rec.GetEntity().GetName(), 1)
	r.family = append(r.family, int8(r.ofFamily))
	r.space = append(r.space, float64(r.rec.GetSpace())/unit)
	r.prefixes = append(r.prefixes, r.rec.GetPrefixes())
	r.baselineSpace = append(r.baselineSpace, float64(r.rec.GetBaselineSpace())/unit)
	r.baselinePrefixes = append(r.baselinePrefixes, r.rec.GetBaselinePrefixes())
	usualSpace, usualPrefixes := r.rec.GetBaselineSpace(), r.rec.GetBaselinePrefixes()
	if r.rec.UsualSpace != nil {
		usualSpace, usualPrefixes = r.rec.GetUsualSpace(), r.rec.GetUsualPrefixes()
	}
	r.usualSpace = append(r.usualSpace, float64(usualSpace)/unit)
	r.usualPrefixes = append(r.usualPrefixes, usualPrefixes)
	r.voters = append(r.voters, r.rec.GetVoters())
	return markOf(r.pos, 0)
}
