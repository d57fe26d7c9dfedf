package bgp

import (
	"fmt"
	"slices"
)

// EntityType is a kind of entity that can have an outage.
type EntityType uint8

// Entity types, in printing order.
const (
	EntityPrefix EntityType = iota + 1
	EntityAS
	EntityCountry
	EntityRegion
	EntityWorld
	EntityWatch
)

var entityTypes = [...]string{
	EntityPrefix: "prefix", EntityAS: "as", EntityCountry: "country", EntityRegion: "region",
	EntityWorld: "world", EntityWatch: "watch",
}

// String returns prefix, as, country, region, world or watch.
func (t EntityType) String() string {
	if int(t) < len(entityTypes) && t != 0 {
		return entityTypes[t]
	}
	return fmt.Sprintf("entity(%d)", uint8(t))
}

// Breadth orders the types by containment: prefix 1, AS 2, region 3, country 4, world 5. A watch
// list is outside of this order; it ranks highest, with 6. Breadth returns 0 for an unknown type.
func (t EntityType) Breadth() int {
	switch t {
	case EntityPrefix:
		return 1
	case EntityAS:
		return 2
	case EntityRegion:
		return 3
	case EntityCountry:
		return 4
	case EntityWorld:
		return 5
	case EntityWatch:
		return 6
	}
	return 0
}

// MarshalText returns the text of String.
func (t EntityType) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText parses a name that String returns. Any other name is an error.
func (t *EntityType) UnmarshalText(b []byte) error {
	if i := slices.Index(entityTypes[1:], string(b)); i >= 0 {
		*t = EntityType(i + 1)
		return nil
	}
	return fmt.Errorf("unknown entity type %q", b)
}

// Entity is the subject of an outage. Code is for example KP, KP-01, AS131279, 175.45.176.0/24 or
// world.
type Entity struct {
	Type EntityType `json:"type"`
	Code string     `json:"code"`
	Name string     `json:"name,omitempty"`
}
