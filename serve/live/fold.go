package live

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/schemas"
)

// The bounds of a Fold. It drops and counts everything beyond them, and Snapshot.Problems reports
// it.
const (
	// MaxEntities bounds the values: 80,000 networks, 4,000 places and the losing prefixes, in two
	// families.
	MaxEntities = 400_000
	// MaxOutages bounds the outages, both open ones and those that ended in the last 24 hours.
	MaxOutages = 50_000
	// MaxWaiting bounds the records of undecided minutes.
	MaxWaiting = 400_000
)

// Fold makes states of the world from records. It is pure: no clock, no goroutine, no I/O. It is
// not safe for concurrent use.
type Fold struct {
	dataset    string
	generation string
	feeds      *feedlog.Table
	outages    map[string]*held // by id: open, suspected, or ended in the last 24 hours
	values     map[bgp.EntityType]map[Key]Value
	held       int // the number of values
	lists      map[string]bool
	waiting    map[int64][]waiting // by minute since 1970
	waits      int
	positions  map[slot]position // positions behind the records of decided minutes
	windows    []*Window
	last       int64 // the newest decided minute, since 1970; 0 before the first
	dropped    int   // the number of records, values and outages beyond the bounds
	state      *state
}

// waiting is a record whose minute is not decided. One of entry and value is set.
type waiting struct {
	at    slot
	next  int64
	entry *outagelog.Entry
	value *Value
}

// NewFold returns a fold for a dataset. generation names the topics as they were created (letters
// and digits). starts holds the offsets at which reading of the partitions with records of minutes
// begins, by topic and partition.
func NewFold(dataset, generation string, starts map[string]map[int32]int64) *Fold {
	f := &Fold{
		dataset: dataset, generation: generation, feeds: feedlog.New(), outages: map[string]*held{},
		values: map[bgp.EntityType]map[Key]Value{},
		lists:  map[string]bool{}, waiting: map[int64][]waiting{}, positions: map[slot]position{},
	}
	for topic, partitions := range starts {
		for p, offset := range partitions {
			f.positions[slot{topic, p}] = position{next: offset}
		}
	}
	f.state = newState(time.Time{}, nil).seal()
	return f
}

// SeedValue adds a value that the store had at the start. Newer values from Kafka replace it.
func (f *Fold) SeedValue(v Value) { f.setValue(v) }

// SeedOutage adds an outage that the store had at the start. Newer records from Kafka replace it.
func (f *Fold) SeedOutage(e outagelog.Entry) { f.setOutage(e) }

// Apply adds a record of one of the topics in Topics. It ignores records of others. The error means
// that the record cannot be read; such a record changes nothing.
func (f *Fold) Apply(rec *kgo.Record) error {
	switch at := (slot{topicOf(rec.Topic), rec.Partition}); at.topic {
	case schemas.TopicFeeds, schemas.TopicPanel:
		return f.feeds.Add(rec)
	case schemas.TopicOutages:
		e, decided, err := outagelog.Decode(rec)
		if err != nil {
			return err
		}
		e.Outage.Previous = nil
		f.wait(decided.Add(-time.Minute), waiting{at: at, next: rec.Offset + 1, entry: &e})
	case schemas.TopicVisibility:
		v, err := parseValue(rec.Value)
		if err != nil {
			return fmt.Errorf("decoding visibility at offset %d: %w", rec.Offset, err)
		}
		f.wait(v.Minute, waiting{at: at, next: rec.Offset + 1, value: &v})
	}
	return nil
}

// Topics returns the topics of the registry from which a Fold takes records.
func Topics() []string {
	return []string{schemas.TopicOutages, schemas.TopicVisibility, schemas.TopicPanel, schemas.TopicFeeds}
}

// topicOf returns the name in the registry of a topic that may have a prefix.
func topicOf(full string) string {
	for _, t := range Topics() {
		if strings.HasSuffix(full, t) {
			return t
		}
	}
	return full
}

// wait keeps a record until its minute is decided. If the minute is decided already, the record
// goes into the minute after the newest decided one.
func (f *Fold) wait(minute time.Time, w waiting) {
	if f.waits >= MaxWaiting {
		f.dropped++
		return
	}
	m := max(minute.Unix()/60, f.last+1)
	f.waiting[m] = append(f.waiting[m], w)
	f.waits++
}

// Close marks every minute up to the given one as decided. The caller must have applied all records
// of these minutes. Close returns the new minutes, the oldest first, at most the last RingMinutes.
func (f *Fold) Close(minute time.Time) []*Window {
	m := minute.Unix() / 60
	if m <= f.last {
		return nil
	}
	first := f.last + 1
	if f.last == 0 {
		first = f.firstWaiting(m)
	}
	for _, w := range f.before(max(first, m-RingMinutes+1)) { // too old for the ring
		f.take(w, nil)
	}
	from := len(f.windows)
	for at := max(first, m-RingMinutes+1); at <= m; at++ {
		w := &Window{Minute: time.Unix(at*60, 0).UTC()}
		for _, x := range f.waiting[at] {
			f.take(x, w)
		}
		f.waits -= len(f.waiting[at])
		delete(f.waiting, at)
		sortValues(w.Values)
		w.place = place{f.generation, maps.Clone(f.positions)}
		w.ID = windowID(w.Minute, w.place)
		f.windows = append(f.windows, w.seal(f.lists))
	}
	added := slices.Clone(f.windows[from:])
	f.windows = slices.Clone(f.windows[max(0, len(f.windows)-RingMinutes):])
	f.last = m
	f.finish()
	return added
}

// firstWaiting returns the first minute with a waiting record, or m if none is older.
func (f *Fold) firstWaiting(m int64) int64 {
	for at := range f.waiting {
		m = min(m, at)
	}
	return m
}

// before removes and returns the waiting records of minutes before m, in the order of the minutes.
func (f *Fold) before(m int64) []waiting {
	var out []waiting
	for _, at := range slices.Sorted(maps.Keys(f.waiting)) {
		if at < m {
			out = append(out, f.waiting[at]...)
			f.waits -= len(f.waiting[at])
			delete(f.waiting, at)
		}
	}
	return out
}

// take applies a record of a decided minute. It adds the record to w unless w is nil.
func (f *Fold) take(x waiting, w *Window) {
	f.positions[x.at] = position{next: x.next, seen: true}
	switch {
	case x.entry != nil:
		f.setOutage(*x.entry)
		if w != nil {
			w.Outages = append(w.Outages, *x.entry)
		}
	case x.value != nil:
		f.setValue(*x.value)
		if w != nil {
			w.Values = append(w.Values, *x.value)
		}
	}
}

// setOutage keeps the newest record of an outage.
func (f *Fold) setOutage(e outagelog.Entry) {
	id := e.Outage.ID
	old, known := f.outages[id]
	switch {
	case known && old.Outage.Sequence >= e.Outage.Sequence:
		return
	case !known && len(f.outages) >= MaxOutages:
		f.dropped++
		return
	}
	for _, m := range e.Outage.Watch {
		f.lists = withList(f.lists, m.List, m.Public)
	}
	f.outages[id] = newHeld(e)
}

// withList returns lists with the public mark of one list set. It does not change lists, since
// others may hold it.
func withList(lists map[string]bool, name string, public bool) map[string]bool {
	if lists[name] == public {
		return lists
	}
	lists = maps.Clone(lists)
	lists[name] = public
	return lists
}

// setValue keeps the newest value of an entity. It keeps only losing prefixes.
func (f *Fold) setValue(v Value) {
	k, of := v.Key(), f.values[v.Type]
	old, known := of[k]
	switch {
	case known && old.Minute.After(v.Minute):
		return
	case v.Type == bgp.EntityPrefix && !v.losing():
		if known {
			delete(of, k)
			f.held--
		}
		return
	case !known && f.held >= MaxEntities:
		f.dropped++
		return
	case of == nil:
		of = map[Key]Value{}
		f.values[v.Type] = of
	}
	if !known {
		f.held++
	}
	of[k] = v
}

// finish makes the state as of the last decided minute.
func (f *Fold) finish() {
	minute := time.Unix(f.last*60, 0).UTC()
	maps.DeleteFunc(f.outages, func(_ string, h *held) bool {
		return h.Outage.End != nil && minute.Sub(*h.Outage.End) > closedFor
	})
	s := newState(minute, f.outages)
	s.setValues(f.values)
	s.windows, s.lists = f.windows, f.lists
	f.state = s.seal()
}

// Snapshot returns the state after the last decided minute, and the state of the feeds at the time
// now.
func (f *Fold) Snapshot(now time.Time) *Snapshot {
	return f.state.snapshot(standing{
		dataset: f.dataset, now: now, dropped: f.dropped, families: f.feeds.Panels(now),
		feeds: f.feeds.Rows(now),
	})
}
