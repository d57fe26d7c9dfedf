package live

import (
	"maps"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// World is the store's data about a moment of the past.
type World struct {
	Dataset string
	// Minute is the beginning of the last minute that was decided by then.
	Minute   time.Time
	Families []feedlog.Panel
	Outages  []outagelog.Entry
	Values   []Value
	// Lists marks the public watch lists. Lists that Outages mark as public need no entry.
	Lists map[string]bool
}

// Past makes a snapshot of a moment of the past. The snapshot has no feeds and no changes.
func Past(w World) *Snapshot {
	outages, lists := map[string]*held{}, maps.Clone(w.Lists)
	if lists == nil {
		lists = map[string]bool{}
	}
	for _, e := range w.Outages {
		outages[e.Outage.ID] = newHeld(e)
		for _, m := range e.Outage.Watch {
			lists[m.List] = m.Public
		}
	}
	s := newState(w.Minute.UTC(), outages)
	values := map[bgp.EntityType]map[Key]Value{}
	for _, v := range w.Values {
		if values[v.Type] == nil {
			values[v.Type] = map[Key]Value{}
		}
		values[v.Type][v.Key()] = v
	}
	s.setValues(values)
	s.lists = lists
	return s.seal().snapshot(standing{dataset: w.Dataset, past: true, families: w.Families})
}
