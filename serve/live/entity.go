package live

import (
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// Key names an entity in a family.
type Key struct {
	Family bgp.Family
	Type   bgp.EntityType
	Code   string
}

// Value is the visibility of an entity in one minute.
type Value struct {
	bgp.Entity
	Family bgp.Family
	// Minute is the beginning of the minute, UTC. Each entity has a value at least once an hour. An
	// older one is no measurement (Fresh).
	Minute time.Time
	// Visible is the size that the voters see. Losses are measured against Usual. Usual is the
	// baseline of the entity's open outage, if it has one. In records without usual_space it is the
	// baseline of the record, which is the known space while there is no baseline.
	Visible, Usual bgp.Size
	// LossPercent is the share of Usual.Space that is missing. It is 0 if more is visible than
	// usual.
	LossPercent bgp.Decimal
	// Voters is the number of networks that voted in that minute.
	Voters int
	// Outage is the id of an open outage of the entity, or empty.
	Outage string
}

// FreshFor is the time for which a value describes its entity. Values repeat once an hour.
const FreshFor = 70 * time.Minute

// Key returns the key of the value.
func (v Value) Key() Key { return Key{v.Family, v.Type, v.Code} }

// Fresh reports whether the value describes the entity in the minute. If it does not, pages show
// that there is no measurement.
func (v Value) Fresh(minute time.Time) bool { return minute.Sub(v.Minute) <= FreshFor }

// losing reports whether less is visible than usual.
func (v Value) losing() bool {
	return v.Visible.Space < v.Usual.Space || v.Visible.Prefixes < v.Usual.Prefixes
}

// withOutage returns the value with the id of an open outage, measured against the outage's
// baseline if it has one.
func (v Value) withOutage(o *bgp.Outage) Value {
	v.Outage = o.ID
	if o.Baseline != (bgp.Size{}) {
		v.Usual = o.Baseline
	}
	return v.measured()
}

// measured returns the value with its LossPercent computed.
func (v Value) measured() Value {
	v.LossPercent = bgp.Hundredths(uint64(max(0, v.Usual.Space-v.Visible.Space)),
		uint64(max(0, v.Usual.Space)), 100)
	return v
}

// NewValue returns a value with its LossPercent computed.
func NewValue(e bgp.Entity, f bgp.Family, minute time.Time, visible, usual bgp.Size, voters int) Value {
	return Value{Entity: e, Family: f, Minute: minute, Visible: visible, Usual: usual, Voters: voters}.measured()
}

// parseValue decodes a record of bgp.visibility.v1.
func parseValue(b []byte) (Value, error) {
	var rec pb.VisibilityRecord
	if err := rec.UnmarshalVT(b); err != nil {
		return Value{}, err
	}
	f, err := codec.ParseFamily(rec.GetFamily())
	if err != nil {
		return Value{}, err
	}
	t := bgp.EntityType(rec.GetEntity().GetType())
	if t.Breadth() == 0 {
		return Value{}, fmt.Errorf("entity type %d: %w", t, codec.ErrInvalid)
	}
	unit := f.UnitSpace()
	e := bgp.Entity{Type: t, Code: rec.GetEntity().GetCode(), Name: rec.GetEntity().GetName()}
	visible := bgp.Size{Prefixes: int(rec.GetPrefixes()), Space: bgp.Hundredths(rec.GetSpace(), unit, 1)}
	space, prefixes := rec.GetBaselineSpace(), rec.GetBaselinePrefixes()
	if rec.UsualSpace != nil {
		space, prefixes = rec.GetUsualSpace(), rec.GetUsualPrefixes()
	}
	usual := bgp.Size{Prefixes: int(prefixes), Space: bgp.Hundredths(space, unit, 1)}
	return NewValue(e, f, time.UnixMicro(rec.GetWindowUs()).UTC(), visible, usual, int(rec.GetVoters())), nil
}
