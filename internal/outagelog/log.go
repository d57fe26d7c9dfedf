// Package outagelog folds the records of bgp.outages.v1 to the newest state of each outage, and
// selects outages by time, place and network.
//
// Its input are records of that topic, which the caller reads (kafka.ReadToEnd, kafka.TailSince).
// Its output are outages by start. A Log starts no goroutine and is safe for concurrent use. It
// holds the newest record of at most MaxOutages outages; Dropped reports whether it has dropped
// any. A dropped outage comes back with its next record.
package outagelog

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
)

// MaxOutages is the maximum number of outages in a Log. Beyond it the Log drops a tenth of them:
// first blips and retracted outages, then closed ones, then open ones, in each group those with the
// earliest end, or start if open.
const MaxOutages = 100_000

// Entry is the newest state of an outage.
type Entry struct {
	// Outage has no Previous, which would hold half of JSON again.
	Outage bgp.Outage
	// JSON is the object in the record of the topic. It must not be changed.
	JSON []byte
}

// Log holds the newest state of each outage. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	newest  map[key]Entry
	shown   int       // number of newest that are not hidden
	until   time.Time // event time reached
	decided time.Time // event time of the newest decision
	limit   int
	lasting bool // only open outages are held
	dropped bool
}

// key identifies an outage among those of all datasets.
type key struct{ dataset, id string }

// New returns a Log without outages.
func New() *Log { return &Log{newest: map[key]Entry{}, limit: MaxOutages} }

// NewLasting returns a Log that holds an outage until the record of its end.
func NewLasting() *Log {
	l := New()
	l.lasting = true
	return l
}

// Add puts the outage of a record of bgp.outages.v1. The error names the record that cannot be
// decoded.
func (l *Log) Add(rec *kgo.Record) (bgp.Outage, error) {
	e, decided, err := Decode(rec)
	if err != nil {
		return bgp.Outage{}, err
	}
	l.Put(e, decided)
	return e.Outage, nil
}

// Put sets the state of an outage, decided at the given event time. It ignores a state with a lower
// sequence than the one it holds, or the same.
func (l *Log) Put(e Entry, decided time.Time) {
	o := e.Outage
	l.mu.Lock()
	defer l.mu.Unlock()
	if decided.After(l.decided) {
		l.decided = decided
	}
	k := key{o.Dataset, o.ID}
	old, ok := l.newest[k]
	switch newer := !ok || old.Outage.Sequence < o.Sequence; {
	case newer && l.lasting && o.End != nil:
		l.remove(k)
	case newer:
		l.remove(k)
		held := o
		held.Previous = nil
		l.newest[k] = Entry{held, e.JSON}
		if !hidden(o) {
			l.shown++
		}
	}
	if len(l.newest) > l.limit {
		l.drop()
	}
}

// remove removes an outage, if the Log holds it. The caller holds mu.
func (l *Log) remove(k key) {
	if old, ok := l.newest[k]; ok && !hidden(old.Outage) {
		l.shown--
	}
	delete(l.newest, k)
}

// drop removes outages down to nine tenths of the limit. The caller holds mu.
func (l *Log) drop() {
	order := slices.SortedFunc(maps.Keys(l.newest), func(a, b key) int {
		x, y := l.newest[a].Outage, l.newest[b].Outage
		return cmp.Or(rank(x)-rank(y), last(x).Compare(last(y)), cmp.Compare(a.id, b.id),
			cmp.Compare(a.dataset, b.dataset))
	})
	for _, k := range order[:len(order)-l.limit*9/10] {
		l.remove(k)
		l.dropped = true
	}
}

// rank orders outages by their importance, the least first.
func rank(o bgp.Outage) int {
	switch {
	case hidden(o):
		return 0
	case o.End != nil:
		return 1
	}
	return 2
}

// last returns the end of an outage, or the start of an open one.
func last(o bgp.Outage) time.Time {
	if o.End != nil {
		return *o.End
	}
	return o.Start
}

// hidden reports whether an outage is shown only with Filter.All.
func hidden(o bgp.Outage) bool { return o.Blip || o.State == bgp.StateRetracted }

// within reports whether a short loss is part of an intermittent event of its entity, which began
// before it. The caller holds mu.
func (l *Log) within(o bgp.Outage) bool {
	if o.Successor == "" || !o.Blip || o.State != bgp.StateRetracted {
		return false
	}
	e, ok := l.newest[key{o.Dataset, o.Successor}]
	return ok && e.Outage.Kind == bgp.KindIntermittent && !e.Outage.Start.After(o.Start)
}

// Reached sets the event time up to which the detector has decided. Open outages last until then.
func (l *Log) Reached(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
}

// Find returns an outage of a dataset by its id.
func (l *Log) Find(dataset, id string) (bgp.Outage, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.newest[key{dataset, id}]
	return e.Outage, ok
}

// Decided returns the event time of the newest decision; zero before the first record.
func (l *Log) Decided() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.decided
}

// Count returns the number of outages without blips and retracted ones.
func (l *Log) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// Dropped reports whether outages were dropped because there were more than MaxOutages.
func (l *Log) Dropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Select returns the outages that pass the filter, in the order of Sort, without short losses that
// are part of an intermittent event. The duration of an open outage extends to the time given to
// Reached.
func (l *Log) Select(f Filter) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Entry
	for _, e := range l.newest {
		if !f.Shows(e.Outage) || l.within(e.Outage) {
			continue
		}
		if e.Outage.End == nil && l.until.After(e.Outage.Start) { // its last record may be older
			e.Outage.DurationSeconds = int64(l.until.Sub(e.Outage.Start).Seconds())
		}
		out = append(out, e)
	}
	Sort(out)
	return out
}

// Tally counts the outages for a filter. Its counts matter if Select returns none.
func (l *Log) Tally(f Filter) *Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := NewTally(f)
	for _, e := range l.newest {
		t.Add(e.Outage)
	}
	return t
}

// Sort orders entries by start, entity type, code, family, id and dataset.
func Sort(all []Entry) {
	slices.SortFunc(all, func(a, b Entry) int {
		x, y := a.Outage, b.Outage
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.Entity.Type, y.Entity.Type),
			cmp.Compare(x.Entity.Code, y.Entity.Code),
			cmp.Compare(x.Family, y.Family), cmp.Compare(x.ID, y.ID), cmp.Compare(x.Dataset, y.Dataset))
	})
}

// Outages returns the outages of entries, without their JSON.
func Outages(entries []Entry) []bgp.Outage {
	out := make([]bgp.Outage, len(entries))
	for i, e := range entries {
		out[i] = e.Outage
	}
	return out
}
