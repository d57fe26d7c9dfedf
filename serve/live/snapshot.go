package live

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// Snapshot is how the world of one dataset stands at a moment: the present, or one of the past (history.Store.World). Nothing of it
// changes once it is made, so that any number of requests may read it. It must not be changed.
type Snapshot struct {
	Dataset string
	// Minute is the beginning of the newest decided minute, UTC; zero before the first one is known. All else is as of its end.
	Minute time.Time
	// LearnedAt is when this process learned that the minute is decided; zero in a snapshot of the past.
	LearnedAt time.Time
	// Made is when the snapshot was made.
	Made time.Time
	// Past: the snapshot tells of a moment of the past, or of a dataset that has ended. It is never stale.
	Past bool
	// Families tells of each family that any peer speaks of whether verdicts are possible, or why not.
	Families []feedlog.Panel
	// Open are the outages that go on, Suspected those that are not confirmed, in the order of outagelog.Sort. The durations in Outage count to the
	// end of Minute; JSON is the record as it came.
	Open, Suspected []outagelog.Entry
	// Closed are those that ended in the 24 hours before, the newest end first. Blips and retracted ones are left out.
	Closed []outagelog.Entry
	// Feeds are the collectors by name. PrivateFeeds is how many were left out of a public snapshot.
	Feeds        []feedlog.Row
	PrivateFeeds int
	// Stale: no minute was decided for StaleAfter, so what is shown may be over. A page says so, and never that nothing is dark.
	Stale bool
	// Problems says in sentences what keeps the snapshot from telling all; empty where nothing does.
	Problems []string

	*state
	standing standing
}

// StaleAfter is for how long no minute may be decided until what is shown is called stale.
const StaleAfter = 3 * time.Minute

// Until is the end of Minute: all of the snapshot is as of then. Zero where no minute is known.
func (s *Snapshot) Until() time.Time {
	if s.Minute.IsZero() {
		return time.Time{}
	}
	return s.Minute.Add(time.Minute)
}

// Quiet reports whether a page may say that nothing is dark: a minute is decided and not stale, verdicts are possible in every family that is spoken
// of, no outage is open, and nothing keeps the snapshot from telling all.
func (s *Snapshot) Quiet() bool {
	return s.Whole() && len(s.Open) == 0 && len(s.Families) > 0 &&
		!slices.ContainsFunc(s.Families, func(p feedlog.Panel) bool { return !p.Verdicts })
}

// Whole reports whether nothing keeps the snapshot from telling all: a minute is decided and not stale, and there are no problems.
func (s *Snapshot) Whole() bool { return !s.Minute.IsZero() && !s.Stale && len(s.Problems) == 0 }

// WithProblem is the snapshot with one more problem, in a sentence. s is not changed.
func (s *Snapshot) WithProblem(sentence string) *Snapshot {
	out := *s
	out.Problems = append(slices.Clone(s.Problems), sentence)
	return &out
}

// Value is the newest value of an entity; false where none is known. Prefixes are there while they lose. A value that is not Fresh is no
// measurement.
func (s *Snapshot) Value(k Key) (Value, bool) {
	v, ok := s.values[k.Type][k]
	return v, ok
}

// Values yields the newest value of each entity of a type, in no order.
func (s *Snapshot) Values(t bgp.EntityType) iter.Seq[Value] { return maps.Values(s.values[t]) }

// Find returns an outage that is open, suspected or ended in the last 24 hours, by its id.
func (s *Snapshot) Find(id string) (outagelog.Entry, bool) {
	if e, ok := s.byID[id]; ok {
		return *e, true
	}
	return outagelog.Entry{}, false
}

// Last is the newest minute's changes; nil before the first.
func (s *Snapshot) Last() *Window {
	if len(s.windows) == 0 {
		return nil
	}
	return s.windows[len(s.windows)-1]
}

// Tag changes with all that the snapshot tells but ages and how the feeds stand: what an ETag is made of.
func (s *Snapshot) Tag() string {
	id := ""
	if w := s.Last(); w != nil {
		id = w.ID
	}
	return fmt.Sprintf("%s %d %t %s", id, s.Minute.Unix(), s.Stale, strings.Join(s.Problems, "\n"))
}

// Changes returns the minutes after the one that id names, the oldest first. It is false where the id names none of the last RingMinutes
// minutes: what was missed is not known then, and the client needs a whole snapshot (a `reset`).
func (s *Snapshot) Changes(id string) ([]*Window, bool) {
	minute, generation, at, err := parseID(id)
	if err != nil {
		return nil, false
	}
	i, ok := slices.BinarySearchFunc(s.windows, minute, func(w *Window, m int64) int { return cmp.Compare(w.Minute.Unix()/60, m) })
	if !ok || !s.windows[i].agrees(generation, at) {
		return nil, false
	}
	return s.windows[i+1:], true
}

// Public is the snapshot without what only people who are logged in may see: watch lists that are not public, and routers of the
// operator's own.
func (s *Snapshot) Public() *Snapshot { return s.state.public().snapshot(s.standing.public()) }

// publicValue reports whether anybody may see a value.
func publicValue(v Value, lists map[string]bool) bool {
	return v.Type != bgp.EntityWatch || lists[v.Code]
}

// publicEntries are the entries without what is private.
func publicEntries(all []outagelog.Entry) []outagelog.Entry {
	out := make([]outagelog.Entry, 0, len(all))
	for _, e := range all {
		if shown, ok := PublicEntry(e); ok {
			out = append(out, shown)
		}
	}
	return out
}

// PublicEntry is what anybody may see of an entry; false where that is nothing. Where anything is left out, JSON is written anew.
func PublicEntry(e outagelog.Entry) (outagelog.Entry, bool) {
	var whole bgp.Outage // with Previous, which Outage lacks
	if json.Unmarshal(e.JSON, &whole) != nil {
		return outagelog.Entry{}, false
	}
	if !whole.Private() {
		return e, true
	}
	shown, ok := whole.Public()
	if !ok {
		return outagelog.Entry{}, false
	}
	b, err := json.Marshal(shown)
	if err != nil {
		return outagelog.Entry{}, false
	}
	shown.Previous, shown.DurationSeconds = nil, e.Outage.DurationSeconds
	return outagelog.Entry{Outage: shown, JSON: b}, true
}
