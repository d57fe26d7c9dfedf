package live

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// closedFor is the time for which ended outages are shown.
const closedFor = 24 * time.Hour

// state is the result of the decided minutes. It never changes after it is made.
type state struct {
	minute                  time.Time
	open, suspected, closed []outagelog.Entry
	byID                    map[string]*outagelog.Entry // the entries of open, suspected and closed
	outages                 map[string]*held            // by id
	values                  map[bgp.EntityType]map[Key]Value
	windows                 []*Window       // the oldest first
	lists                   map[string]bool // the watch lists that are public
	public                  func() *state
}

// held is the newest record of an outage. Its public form is made once, on demand, however many
// minutes pass.
type held struct {
	outagelog.Entry
	public func() (outagelog.Entry, bool)
}

func newHeld(e outagelog.Entry) *held {
	return &held{e, sync.OnceValues(func() (outagelog.Entry, bool) { return PublicEntry(e) })}
}

// newState sorts the outages into open, suspected and closed as of the end of the minute.
func newState(minute time.Time, outages map[string]*held) *state {
	s := &state{minute: minute, outages: maps.Clone(outages)}
	until := minute.Add(time.Minute)
	for _, h := range outages {
		e := h.Entry
		o := &e.Outage
		switch o.State {
		case bgp.StateOpen, bgp.StateSuspected:
			if until.After(o.Start) {
				o.DurationSeconds = int64(until.Sub(o.Start).Seconds())
			}
			if o.State == bgp.StateOpen {
				s.open = append(s.open, e)
			} else {
				s.suspected = append(s.suspected, e)
			}
		case bgp.StateClosed:
			if !o.Blip && o.End != nil && until.Sub(*o.End) <= closedFor {
				s.closed = append(s.closed, e)
			}
		case bgp.StateRetracted:
		}
	}
	outagelog.Sort(s.open)
	outagelog.Sort(s.suspected)
	outagelog.Sort(s.closed)
	slices.SortStableFunc(s.closed, func(a, b outagelog.Entry) int {
		return b.Outage.End.Compare(*a.Outage.End)
	})
	return s
}

// setValues sets a copy of the values. It measures those of entities with an open outage against
// the outage's baseline.
func (s *state) setValues(values map[bgp.EntityType]map[Key]Value) {
	s.values = make(map[bgp.EntityType]map[Key]Value, len(values))
	for t, of := range values {
		s.values[t] = maps.Clone(of)
	}
	for _, e := range s.open {
		o := &e.Outage
		family, _ := bgp.FamilyNamed(o.Family)
		k := Key{family, o.Entity.Type, o.Entity.Code}
		if v, ok := s.values[k.Type][k]; ok {
			s.values[k.Type][k] = v.withOutage(o)
		}
	}
}

// seal indexes the outages by id, and prepares the public form, which is made once on demand.
func (s *state) seal() *state {
	s.byID = indexed(s.open, s.suspected, s.closed)
	s.public = sync.OnceValue(func() *state {
		out := *s
		out.open, out.suspected, out.closed = s.publicOf(s.open), s.publicOf(s.suspected), s.publicOf(s.closed)
		out.byID = indexed(out.open, out.suspected, out.closed)
		out.values = maps.Clone(s.values)
		if lists := maps.Clone(s.values[bgp.EntityWatch]); lists != nil {
			maps.DeleteFunc(lists, func(_ Key, v Value) bool { return !publicValue(v, s.lists) })
			out.values[bgp.EntityWatch] = lists
		}
		out.windows = make([]*Window, len(s.windows))
		for i, w := range s.windows {
			out.windows[i] = w.Public()
		}
		out.public = func() *state { return &out }
		return &out
	})
	return s
}

// indexed returns the entries by their outages' ids.
func indexed(lists ...[]outagelog.Entry) map[string]*outagelog.Entry {
	out := map[string]*outagelog.Entry{}
	for _, all := range lists {
		for i := range all {
			out[all[i].Outage.ID] = &all[i]
		}
	}
	return out
}

// publicOf returns entries of the state without private data. It keeps the durations of the state.
func (s *state) publicOf(all []outagelog.Entry) []outagelog.Entry {
	out := make([]outagelog.Entry, 0, len(all))
	for i := range all {
		if shown, ok := s.outages[all[i].Outage.ID].public(); ok {
			shown.Outage.DurationSeconds = all[i].Outage.DurationSeconds
			out = append(out, shown)
		}
	}
	return out
}

// snapshot combines the state with the state of the reading.
func (s *state) snapshot(st standing) *Snapshot {
	out := &Snapshot{
		Dataset: st.dataset, Minute: s.minute, LearnedAt: st.learnedAt, Made: st.now, Past: st.past,
		Families: st.families, Open: s.open, Suspected: s.suspected,
		Closed: s.closed, Feeds: st.feeds, PrivateFeeds: st.privateFeeds, state: s,
		public: sync.OnceValue(func() *Snapshot { return s.public().snapshot(st.public()) }),
	}
	out.Stale, out.Problems = st.problems(s.minute)
	return out
}

// standing is the state of the reading at the time now.
type standing struct {
	dataset        string
	now, learnedAt time.Time
	past           bool
	late           time.Duration
	families       []feedlog.Panel
	feeds          []feedlog.Row
	privateFeeds   int
	reading        bool     // the topics are not read to their end yet
	waits          []string // sentences about the conditions that the start waits for
	// dropped is the number of records, values and outages beyond the bounds of the fold.
	dropped int
	// unseeded means that the store did not answer at the start.
	unseeded bool
	// away is the name of the source that does not answer, Kafka or the store. It is empty while
	// the source answers.
	away      string
	awaySince time.Time
}

// public returns the standing without the operator's own routers.
func (s standing) public() standing {
	feeds := slices.DeleteFunc(slices.Clone(s.feeds), func(r feedlog.Row) bool {
		return bgp.PrivateCollector(r.Collector)
	})
	s.privateFeeds, s.feeds, s.waits = s.privateFeeds+len(s.feeds)-len(feeds), feeds, nil
	return s
}

// sortValues sorts values by family, type and code.
func sortValues(all []Value) {
	slices.SortFunc(all, func(a, b Value) int {
		return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Code, b.Code))
	})
}
