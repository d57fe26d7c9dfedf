package outage

import "github.com/darkmap/darkmap/internal/bgp"

// newID gives an event of the entity its id, a minute later where an earlier event has taken it.
func (ent *entity) newID(start int64) string {
	minute := start - start%60
	if minute <= ent.lastID {
		minute = ent.lastID + 60
	}
	ent.lastID = minute
	return bgp.OutageID(ent.key.Type, ent.key.Code, ent.key.Family, at(minute))
}
