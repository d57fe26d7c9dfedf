package outage

import "github.com/darkmap/darkmap/internal/bgp"

// newID returns the id for an event of the entity. If an earlier event has the same id already,
// the new id is a minute later.
func (ent *entity) newID(start int64) string {
	minute := start - start%60
	if minute <= ent.lastID {
		minute = ent.lastID + 60
	}
	ent.lastID = minute
	return bgp.OutageID(ent.key.Type, ent.key.Code, ent.key.Family, at(minute))
}
