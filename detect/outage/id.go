package outage

import (
	"strings"
	"time"
)

// makeID builds an outage's id from what never changes: country-KP-ipv4-20141222T1615Z. Characters outside [A-Za-z0-9.-] of
// the code become _, so that it fits into a URL.
func makeID(k Key, start int64) string {
	code := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '_'
	}, k.Code)
	return k.Type.String() + "-" + code + "-" + k.Family.String() + "-" + time.Unix(start, 0).UTC().Format("20060102T1504Z")
}

// newID gives an event of the entity its id, a minute later where an earlier event has taken it.
func (ent *entity) newID(start int64) string {
	minute := start - start%60
	if minute <= ent.lastID {
		minute = ent.lastID + 60
	}
	ent.lastID = minute
	return makeID(ent.key, minute)
}
