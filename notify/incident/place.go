package incident

import (
	"container/heap"
	"maps"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// place is a target with its deliveries.
type place struct {
	info   TargetInfo
	known  bool // the configuration has it
	routes []*route
	// byEvent finds the delivery of an event. links finds the deliveries that name an entity or
	// event (linksOf).
	byEvent map[string]*Delivery
	links   map[string]map[*Delivery]bool
	ready   timers // deliveries with a message to send, by due time
	state   *Delivery
	// sending is the key of the delivery that is being sent; "" if none is.
	sending   string
	throttled time.Time
	lastSent  time.Time
	lastError string
	storm     *Delivery
	members   map[string]map[*Delivery]bool // by storm
	opened    []*Delivery                   // incidents that opened recently, for storms
	blind     *Delivery
	waiting   int        // waiting records
	late      []lateLine // incidents that were over before their first message
}

// fleeting is state of a delivery that is not saved, because it can be computed again.
type fleeting struct {
	place *place
	// ids and links are the keys of the delivery in place.byEvent and place.links.
	ids, links []string
	// wake is the time of the next decision; zero is never.
	wake time.Time
	// scheduled is the time of the delivery's newest entry in place.ready.
	scheduled time.Time
	// repeat is the time of the next repetition.
	repeat time.Time
	// doubtful means that Intent existed when the engine was built.
	doubtful bool
	// active means that an event counts and has not ended.
	active bool
	// burst is the burst of the last record that came while the target knew nothing of the
	// incident.
	burst *burst
}

func newPlace(info TargetInfo, known bool) *place {
	return &place{
		info: info, known: known, byEvent: map[string]*Delivery{},
		links: map[string]map[*Delivery]bool{}, members: map[string]map[*Delivery]bool{},
	}
}

// records reports whether the target takes each record.
func (p *place) records() bool { return p.info.Traits.Style == target.Records }

// off returns the reason why no message is sent to the target.
func (p *place) off() string { return p.state.Switch.Off }

// route returns the route of a delivery. If the configuration no longer has the route, the
// substitute sends changes of severity and closes.
func (p *place) route(name string) *route {
	for _, r := range p.routes {
		if r.Name == name {
			return r
		}
	}
	return &route{Route: Route{Name: name}, wait: -1, closes: true, suspected: true}
}

// groupWait returns how long incidents of a route wait for wider events.
func (p *place) groupWait(r *route) time.Duration {
	if r.wait >= 0 {
		return r.wait
	}
	return p.info.Traits.GroupWait
}

// linksOf returns the names by which events find each other: ids and entities, their own and their
// parents'.
func linksOf(ev *Event) []string {
	out := []string{"i:" + ev.ID, "e:" + ev.entity()}
	if ev.Successor != "" {
		out = append(out, "i:"+ev.Successor)
	}
	for _, p := range ev.Parents {
		out = append(out, "e:"+p.Type.String()+"/"+p.Code)
		if p.ID != "" {
			out = append(out, "i:"+p.ID)
		}
	}
	return out
}

// link makes a delivery findable by its events, and by the links of events that have not ended or
// were superseded recently. Events that the delivery no longer has are forgotten.
func (p *place) link(d *Delivery, now time.Time) {
	p.unlink(d)
	if d.FoldedInto != "" || d.Subject != target.SubjectOutage {
		return
	}
	names := map[string]bool{}
	for i := range d.Events {
		ev := &d.Events[i]
		p.byEvent[ev.ID] = d
		d.ids = append(d.ids, ev.ID)
		if !ev.over() || ev.passing(now) {
			for _, l := range linksOf(ev) {
				names[l] = true
			}
		}
	}
	d.links = slices.Collect(maps.Keys(names))
	for _, l := range d.links {
		if p.links[l] == nil {
			p.links[l] = map[*Delivery]bool{}
		}
		p.links[l][d] = true
	}
}

// unlink makes a delivery unfindable.
func (p *place) unlink(d *Delivery) {
	for _, id := range d.ids {
		if p.byEvent[id] == d {
			delete(p.byEvent, id)
		}
	}
	d.ids = nil
	for _, l := range d.links {
		if delete(p.links[l], d); len(p.links[l]) == 0 {
			delete(p.links, l)
		}
	}
	d.links = nil
}

// linked returns the deliveries of a route and dataset that an event belongs to. The first one
// keeps its id.
func (p *place) linked(ev *Event, routeName, dataset string) []*Delivery {
	found := map[*Delivery]bool{}
	for _, l := range linksOf(ev) {
		for d := range p.links[l] {
			if d.Route == routeName && d.Dataset == dataset {
				found[d] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), compareAge)
}

// compareAge orders deliveries for folding: the first takes the events of the others. Deliveries that
// the target knows come first, then older ones.
func compareAge(a, b *Delivery) int {
	if a.knows() != b.knows() {
		if a.knows() {
			return -1
		}
		return 1
	}
	if c := a.Began.Compare(b.Began); c != 0 {
		return c
	}
	if a.Incident < b.Incident {
		return -1
	} else if a.Incident > b.Incident {
		return 1
	}
	return 0
}

// knows reports whether the target has, or may have, an open incident of the delivery.
func (d *Delivery) knows() bool {
	return d.Told.State == bgp.StateOpen || d.Told.State == bgp.StateSuspected || d.Told.Maybe || d.Intent != nil
}

// schedule adds a delivery to the queue of Ready.
func (p *place) schedule(d *Delivery) {
	if at := d.nextSend(); !at.IsZero() && !at.Equal(d.scheduled) {
		d.scheduled = at
		heap.Push(&p.ready, timer{at, d.News, d})
	}
}

// nextSend returns the time at which the delivery has a message to send; zero is never.
func (d *Delivery) nextSend() time.Time {
	switch {
	case d.Tombstone || d.Parked != "":
	case d.Waiting != nil || len(d.Records) > 0 && d.Hold == NotHeld:
		return d.Due
	case !d.repeat.IsZero():
		return d.repeat
	}
	return time.Time{}
}

// timer is a time for a delivery.
type timer struct {
	at, news time.Time
	d        *Delivery
}

// timers is a heap: the earliest time first, then the oldest news. An entry is skipped if its
// delivery has another time by now.
type timers []timer

func (t timers) Len() int { return len(t) }
func (t timers) Less(i, j int) bool {
	if c := t[i].at.Compare(t[j].at); c != 0 {
		return c < 0
	}
	if c := t[i].news.Compare(t[j].news); c != 0 {
		return c < 0
	}
	return t[i].d.Key() < t[j].d.Key()
}
func (t timers) Swap(i, j int) { t[i], t[j] = t[j], t[i] }

// Push adds a timer.
func (t *timers) Push(x any) {
	*t = append(*t, x.(timer)) //nolint:forcetypeassert // only timers are pushed
}

// Pop removes the last element.
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	(*t)[len(*t)-1] = timer{}
	*t = (*t)[:len(*t)-1]
	return last
}

// first returns the earliest valid entry, by when, and drops invalid ones before it.
func (t *timers) first(when func(*Delivery) time.Time) (timer, bool) {
	for len(*t) > 0 {
		x := (*t)[0]
		if when(x.d).Equal(x.at) {
			return x, true
		}
		heap.Pop(t)
		if x.d.scheduled.Equal(x.at) {
			x.d.scheduled = time.Time{}
		}
	}
	return timer{}, false
}
