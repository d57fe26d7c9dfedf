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

// Value is how visible an entity was in one minute.
type Value struct {
	bgp.Entity
	Family bgp.Family
	// Minute is the beginning of the minute, UTC. A value is repeated at least once an hour: an older one is no measurement (Fresh).
	Minute time.Time
	// Visible is what the voters see, Usual what losses are measured against: the baseline of the entity's open outage where there is one. Of
	// records from before usual_space it is the known space while there is none.
	Visible, Usual bgp.Size
	// LossPercent is the space that is missing of Usual; 0 where more is visible than usual.
	LossPercent bgp.Decimal
	// Voters is how many networks voted in that minute.
	Voters int
	// Outage is the id of an open outage of the entity; empty where there is none.
	Outage string
}

// FreshFor is for how long a value tells how its entity stands: it is repeated once an hour.
const FreshFor = 70 * time.Minute

// Key is the key of the value.
func (v Value) Key() Key { return Key{v.Family, v.Type, v.Code} }

// Fresh reports whether the value tells how the entity stood in the minute; where it does not, a page says that there is no measurement.
func (v Value) Fresh(minute time.Time) bool { return minute.Sub(v.Minute) <= FreshFor }

// losing reports whether less is visible than usual.
func (v Value) losing() bool {
	return v.Visible.Space < v.Usual.Space || v.Visible.Prefixes < v.Usual.Prefixes
}

// withOutage is the value measured by an open outage, where that has a baseline.
func (v Value) withOutage(o *bgp.Outage) Value {
	v.Outage = o.ID
	if o.Baseline != (bgp.Size{}) {
		v.Usual = o.Baseline
	}
	return v.measured()
}

// measured computes LossPercent.
func (v Value) measured() Value {
	v.LossPercent = bgp.Hundredths(uint64(max(0, v.Usual.Space-v.Visible.Space)), uint64(max(0, v.Usual.Space)), 100)
	return v
}

// NewValue is a value of which the loss is computed.
func NewValue(e bgp.Entity, f bgp.Family, minute time.Time, visible, usual bgp.Size, voters int) Value {
	return Value{Entity: e, Family: f, Minute: minute, Visible: visible, Usual: usual, Voters: voters}.measured()
}

// parseValue reads a record of bgp.visibility.v1.
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
