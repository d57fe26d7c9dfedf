// Package outagelog folds the records of bgp.outages.v1 to the newest state of each outage, and selects outages by time,
// place and network.
//
// In: records of that topic; the caller reads them (kafka.ReadToEnd, kafka.TailSince). Out: outages by
// start. A Log starts no goroutine and may be used by several at once. It holds the newest record of at most MaxOutages
// outages; Dropped tells whether it gave any up. What is given up comes back with the next record of its outage.
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

// MaxOutages is how many outages a Log holds. When there are more it drops a tenth of them: first blips and retracted
// outages, then closed ones, then open ones, of each those that ended or began first.
const MaxOutages = 100_000

// Entry is the newest state of an outage.
type Entry struct {
	// Outage is without Previous, which would hold the half of JSON again.
	Outage bgp.Outage
	// JSON is the object of the record, as the topic carries it. It must not be changed.
	JSON []byte
}

// Log holds the newest state of each outage. It is safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	newest  map[key]Entry
	shown   int       // of newest that are not hidden
	until   time.Time // event time that was reached
	decided time.Time // of the newest record
	limit   int
	lasting bool // only those that have not ended are held
	dropped bool
}

// key names an outage among those of all datasets.
type key struct{ dataset, id string }

// New returns a Log without outages.
func New() *Log { return &Log{newest: map[key]Entry{}, limit: MaxOutages} }

// NewLasting returns a Log that holds an outage until the record that ends it.
func NewLasting() *Log {
	l := New()
	l.lasting = true
	return l
}

// Add is Put of a record of bgp.outages.v1. The error names the record that cannot be decoded.
func (l *Log) Add(rec *kgo.Record) (bgp.Outage, error) {
	e, decided, err := Decode(rec)
	if err != nil {
		return bgp.Outage{}, err
	}
	l.Put(e, decided)
	return e.Outage, nil
}

// Put takes an outage as a record has it that was decided then. One with a lower sequence than the one that is held changes nothing.
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

// remove takes an outage out, if it is there. mu is held.
func (l *Log) remove(k key) {
	if old, ok := l.newest[k]; ok && !hidden(old.Outage) {
		l.shown--
	}
	delete(l.newest, k)
}

// drop leaves nine tenths of the limit. mu is held.
func (l *Log) drop() {
	order := slices.SortedFunc(maps.Keys(l.newest), func(a, b key) int {
		x, y := l.newest[a].Outage, l.newest[b].Outage
		return cmp.Or(rank(x)-rank(y), last(x).Compare(last(y)), cmp.Compare(a.id, b.id), cmp.Compare(a.dataset, b.dataset))
	})
	for _, k := range order[:len(order)-l.limit*9/10] {
		l.remove(k)
		l.dropped = true
	}
}

// rank orders outages by how much their loss matters, the least first.
func rank(o bgp.Outage) int {
	switch {
	case hidden(o):
		return 0
	case o.End != nil:
		return 1
	}
	return 2
}

// last is the end of an outage, of an open one its start.
func last(o bgp.Outage) time.Time {
	if o.End != nil {
		return *o.End
	}
	return o.Start
}

// hidden reports whether an outage is shown only where all are asked for.
func hidden(o bgp.Outage) bool { return o.Blip || o.State == bgp.StateRetracted }

// within reports whether a short loss is told in the intermittent event of its entity, which began before it. mu is held.
func (l *Log) within(o bgp.Outage) bool {
	if o.Successor == "" || !o.Blip || o.State != bgp.StateRetracted {
		return false
	}
	e, ok := l.newest[key{o.Dataset, o.Successor}]
	return ok && e.Outage.Kind == bgp.KindIntermittent && !e.Outage.Start.After(o.Start)
}

// Reached notes the event time up to which the detector has decided: open outages last until then.
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

// Decided is the time at which the newest record was decided, in event time; zero before the first.
func (l *Log) Decided() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.decided
}

// Count returns how many outages there are, blips and retracted ones left out.
func (l *Log) Count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown
}

// Dropped reports whether outages were given up because there were more than MaxOutages.
func (l *Log) Dropped() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Select returns the outages that pass the filter, in the order of Sort, without short losses that an intermittent event tells of. The
// duration of an open one counts to the time that was given to Reached.
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

// Tally counts the outages for a filter: what it says matters where Select finds none.
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
		return cmp.Or(x.Start.Compare(y.Start), cmp.Compare(x.Entity.Type, y.Entity.Type), cmp.Compare(x.Entity.Code, y.Entity.Code),
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
