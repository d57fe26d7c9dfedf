package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Event is one record in the life of an outage: the whole state after it, with the event's name and the sequence number.
type Event struct {
	Outage bgp.Outage
	Key    Key
}

// Engine decides one address family. It is not safe for concurrent use.
type Engine struct {
	cfg      Config
	view     View
	entities map[Key]*entity
	medians  medians
}

// entity is what is known of one.
type entity struct {
	key  Key
	last Sample
	hist history
}

// New returns an engine without history. Zero fields of cfg are set to their defaults.
func New(cfg Config, view View) *Engine {
	return &Engine{cfg: cfg.withDefaults(), view: view, entities: make(map[Key]*entity)}
}

// Close decides the minute that starts at window (Unix seconds) and has just ended. changed holds the entities whose sample
// differs from the one before; the others keep theirs. The events are ordered by entity type, code, id and sequence.
func (e *Engine) Close(window int64, changed []Sample) []Event {
	changed = slices.Clone(changed)
	slices.SortFunc(changed, func(a, b Sample) int { return compareKeys(a.Key, b.Key) })
	for _, s := range changed {
		if s.Key.Type == bgp.EntityPrefix {
			continue
		}
		ent := e.entities[s.Key]
		if ent == nil {
			ent = &entity{key: s.Key}
			e.entities[s.Key] = ent
		}
		ent.last = s
		ent.hist.record(window/60+1, s.Space, s.Prefixes)
	}
	return nil
}

// compareKeys orders by type, code and family.
func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Family, b.Family))
}
