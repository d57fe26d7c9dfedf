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

// Snapshot is the state of the world of one dataset at a moment: the present, or a moment of the
// past (history.Store.World). It never changes, so that any number of requests may read it. Callers
// must not change it.
type Snapshot struct {
	Dataset string
	// Minute is the beginning of the newest decided minute, UTC. It is zero before the first one is
	// known. All other fields are as of its end.
	Minute time.Time
	// LearnedAt is the time at which this process learned that the minute is decided. It is zero in
	// a snapshot of the past.
	LearnedAt time.Time
	// Made is the time at which the snapshot was made.
	Made time.Time
	// Past means that the snapshot is of a moment of the past, or of a dataset that has ended. It
	// is never stale.
	Past bool
	// Families holds for each family with peers whether verdicts are possible, and if not the
	// reason.
	Families []feedlog.Panel
	// Open are the open outages and Suspected the unconfirmed ones, in the order of outagelog.Sort.
	// The durations in Outage count to the end of Minute. JSON is the record as it came.
	Open, Suspected []outagelog.Entry
	// Closed are the outages that ended in the 24 hours before, the newest end first. It leaves out
	// blips and retracted ones.
	Closed []outagelog.Entry
	// Feeds are the collectors by name. PrivateFeeds is the number of those left out of a public
	// snapshot.
	Feeds        []feedlog.Row
	PrivateFeeds int
	// Stale means that no minute was decided for StaleAfter, so the shown state may be over. A page
	// reports that, and never that nothing is dark.
	Stale bool
	// Problems lists in sentences everything that makes the snapshot incomplete. It is empty if
	// nothing does.
	Problems []string

	*state
	public func() *Snapshot
}

// StaleAfter is the time without a decided minute after which a snapshot is stale.
const StaleAfter = 3 * time.Minute

// Until returns the end of Minute. All of the snapshot is as of then. It is zero if no minute is
// known.
func (s *Snapshot) Until() time.Time {
	if s.Minute.IsZero() {
		return time.Time{}
	}
	return s.Minute.Add(time.Minute)
}

// Quiet reports whether a page may show that nothing is dark: a minute is decided and not stale,
// verdicts are possible in every family of Families, no outage is open, and the snapshot has no
// problems.
func (s *Snapshot) Quiet() bool {
	return s.Whole() && len(s.Open) == 0 && len(s.Families) > 0 &&
		!slices.ContainsFunc(s.Families, func(p feedlog.Panel) bool { return !p.Verdicts })
}

// Whole reports whether the snapshot is complete: a minute is decided and not stale, and there are
// no problems.
func (s *Snapshot) Whole() bool { return !s.Minute.IsZero() && !s.Stale && len(s.Problems) == 0 }

// WithProblem returns the snapshot with one more problem, in a sentence. It does not change s.
func (s *Snapshot) WithProblem(sentence string) *Snapshot {
	out := *s
	out.Problems = append(slices.Clone(s.Problems), sentence)
	return &out
}

// Value returns the newest value of an entity. ok is false if none is known. A prefix has a value
// only while it loses. A value that is not Fresh is no measurement.
func (s *Snapshot) Value(k Key) (Value, bool) {
	v, ok := s.values[k.Type][k]
	return v, ok
}

// Values yields the newest value of each entity of a type, in no order.
func (s *Snapshot) Values(t bgp.EntityType) iter.Seq[Value] { return maps.Values(s.values[t]) }

// Find returns an outage by its id. The outage is open, suspected, or ended in the last 24 hours.
func (s *Snapshot) Find(id string) (outagelog.Entry, bool) {
	if e, ok := s.byID[id]; ok {
		return *e, true
	}
	return outagelog.Entry{}, false
}

// Last returns the changes of the newest minute. It is nil before the first one.
func (s *Snapshot) Last() *Window {
	if len(s.windows) == 0 {
		return nil
	}
	return s.windows[len(s.windows)-1]
}

// Tag returns a text for ETags. It changes with everything in the snapshot except ages and the
// state of the feeds.
func (s *Snapshot) Tag() string {
	id := ""
	if w := s.Last(); w != nil {
		id = w.ID
	}
	return fmt.Sprintf("%s %d %t %s", id, s.Minute.Unix(), s.Stale, strings.Join(s.Problems, "\n"))
}

// Changes returns the minutes after the one that id names, the oldest first. ok is false if id
// names none of the last RingMinutes minutes. The missed changes are unknown then, and the client
// needs a whole snapshot (a `reset`).
func (s *Snapshot) Changes(id string) ([]*Window, bool) {
	minute, generation, at, err := parseID(id)
	if err != nil {
		return nil, false
	}
	i, ok := slices.BinarySearchFunc(s.windows, minute, func(w *Window, m int64) int {
		return cmp.Compare(w.Minute.Unix()/60, m)
	})
	if !ok || !s.windows[i].agrees(generation, at) {
		return nil, false
	}
	return s.windows[i+1:], true
}

// Public returns the snapshot without private data: watch lists that are not public, and the
// operator's own routers. It is made once, on demand.
func (s *Snapshot) Public() *Snapshot { return s.public() }

// publicValue reports whether anybody may see a value.
func publicValue(v Value, lists map[string]bool) bool {
	return v.Type != bgp.EntityWatch || lists[v.Code]
}

// publicEntries returns the entries without private data.
func publicEntries(all []outagelog.Entry) []outagelog.Entry {
	out := make([]outagelog.Entry, 0, len(all))
	for _, e := range all {
		if shown, ok := PublicEntry(e); ok {
			out = append(out, shown)
		}
	}
	return out
}

// PublicEntry returns an entry without private data. ok is false if nothing of it is public. If
// PublicEntry removes anything, it writes a new JSON.
func PublicEntry(e outagelog.Entry) (outagelog.Entry, bool) {
	var whole bgp.Outage // with Previous, which e.Outage does not have
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
