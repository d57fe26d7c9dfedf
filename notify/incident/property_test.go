package incident

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// TestOpensAreCloses runs random event histories of a country, its ASes and their prefixes in both
// families, with restarts, targets that fail for a while, silences and pauses. Every open must have
// one close for each target and incident, and nothing may be open at the end. A target that always
// answers must be sent each event that lasts longer than min_minutes.
func TestOpensAreCloses(t *testing.T) {
	t.Parallel()
	const runs = 25
	for seed := range runs {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWalk(t, uint64(seed))
			for range 150 {
				w.step()
			}
			w.finish()
		})
	}
}

// walk is a random simulation.
type walk struct {
	*sim
	r     *rand.Rand
	lives []*life
	dead  map[string]bool
	open  map[string]opening // the open events, by id
}

// opening is the time at which an event opened, first or again, and the number of messages that the
// target sure had then.
type opening struct {
	at   time.Time
	sent int
}

// life is an event with its current state.
type life struct {
	outage  bgp.Outage
	parents []*life
	began   bool
}

func newWalk(t *testing.T, seed uint64) *walk {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	routes := []Route{
		{Name: "wide", To: []string{"pager", "chat"}, Match: Match{Types: []string{"country", "as"}}},
		{Name: "early", To: []string{"early"}, Match: Match{States: []string{"suspected", "open", "closed"}}, GroupWait: "0", Updates: "all"},
		{Name: "rest", To: []string{"chat", "records", "feed"}, Match: Match{MinMinutes: 7}},
		{Name: "night", To: []string{"night"}, QuietHours: QuietHours{From: "10:30", To: "11:30", Do: []string{"hold", "drop"}[r.IntN(2)]}},
		{Name: "sure", To: []string{"sure"}, Match: Match{MinMinutes: 7}},
	}
	feed := TargetInfo{Name: "feed", Traits: target.Traits{Style: target.Feed, GroupWait: time.Minute}}
	sure := feed
	sure.Name = "sure"
	s := newSim(t, routes, pager("pager"), chat("chat"), chat("early"), recordsTarget("records"), feed, chat("night"), sure)
	s.cfg.Storm.MoreThan = []int{3, 20}[r.IntN(2)]
	s.restart()
	w := &walk{sim: s, r: r, dead: map[string]bool{}, open: map[string]opening{}}
	s.fail = func(_ *target.Message, name string) error {
		if w.dead[name] {
			return &target.Fault{Status: 500, Err: errors.New("dead")}
		}
		return nil
	}
	for _, family := range []func(*bgp.Outage){func(*bgp.Outage) {}, v6} {
		country := &life{outage: an(bgp.EntityCountry, "KP", family)}
		w.lives = append(w.lives, country)
		for i := range 3 {
			as := &life{outage: an(bgp.EntityAS, fmt.Sprintf("AS%d", 64496+i), family), parents: []*life{country}}
			w.lives = append(w.lives, as)
			for j := range 2 {
				code := fmt.Sprintf("10.%d.%d.0/24", i, j)
				if as.outage.Family == "ipv6" {
					code = fmt.Sprintf("2001:db8:%d:%d::/64", i, j)
				}
				w.lives = append(w.lives, &life{outage: an(bgp.EntityPrefix, code, family), parents: []*life{as, country}})
			}
		}
	}
	return w
}

// step makes one random action. After it the engine has nothing to decide and finds its events.
func (w *walk) step() {
	w.act()
	w.pump()
	if n := len(w.e.Advance(w.now)); n > 0 {
		w.t.Errorf("%d deliveries change without news", n)
	}
	consistent(w.t, w.sim)
}

func (w *walk) act() {
	switch w.r.IntN(20) {
	case 0:
		w.restart()
	case 1:
		name := w.targets[w.r.IntN(len(w.targets)-1)].Name // not sure
		w.dead[name] = !w.dead[name]
	case 2:
		w.write(w.e.Silence(Silence{Types: []string{"as"}, Routes: []string{"wide", "early", "rest", "night"}, Until: w.now.Add(20 * time.Minute)}, w.now))
	case 3, 4, 5, 6:
		w.run(time.Duration(w.r.IntN(600)) * time.Second)
	case 7:
		w.crash()
	case 8:
		w.comeBack(w.lives[w.r.IntN(len(w.lives))])
	default:
		w.tell(w.lives[w.r.IntN(len(w.lives))])
	}
}

// comeBack opens an event of an entity, ends it before min_minutes, opens it again and lets it last.
func (w *walk) comeBack(l *life) {
	if l.began && (l.outage.State == bgp.StateOpen || l.outage.State == bgp.StateSuspected) {
		w.news(w.ended(l.outage, bgp.EndRecovered))
	}
	o := l.outage
	o.Start, o.State, o.EndReason, o.End, o.Sequence, o.Parents = w.now, bgp.StateOpen, bgp.NotEnded, nil, 0, nil
	o.ID = bgp.OutageID(o.Entity.Type, o.Entity.Code, map[string]bgp.Family{"ipv4": bgp.IPv4, "ipv6": bgp.IPv6}[o.Family], w.now)
	w.news(o)
	w.run(time.Duration(w.r.IntN(5)) * time.Minute)
	w.news(w.ended(o, bgp.EndRecovered))
	w.run(time.Duration(w.r.IntN(20)) * time.Minute)
	w.news(o)
	w.run(10 * time.Minute)
	l.began, l.outage = true, o
}

// crash starts a send whose result is lost, for keyed targets: the repeated message has the effect
// of one.
func (w *walk) crash() {
	w.write(w.e.Advance(w.now)...)
	for _, a := range w.e.Ready(w.now) {
		if a.Target == "pager" && !a.Repeat {
			w.write(w.e.Begin(a, w.now))
		}
	}
	w.restart()
	w.pump()
}

// tell gives an event its next record.
func (w *walk) tell(l *life) {
	o := &l.outage
	o.Parents = nil
	for _, p := range l.parents {
		if p.began && (p.outage.State == bgp.StateOpen || p.outage.State == bgp.StateSuspected) && w.r.IntN(5) > 0 {
			in(p.outage)(o)
		}
	}
	record := *o
	switch {
	case !l.began || o.State == bgp.StateRetracted || o.State == bgp.StateClosed:
		if o.State == bgp.StateClosed && w.r.IntN(3) == 0 { // another event of the entity
			o.Start, o.ID = w.now, bgp.OutageID(o.Entity.Type, o.Entity.Code, map[string]bgp.Family{"ipv4": bgp.IPv4, "ipv6": bgp.IPv6}[o.Family], w.now)
			record.Start, record.ID = o.Start, o.ID
		}
		record.State, record.EndReason, record.End, record.Sequence = []bgp.State{bgp.StateSuspected, bgp.StateOpen}[w.r.IntN(2)], bgp.NotEnded, nil, 0
	case o.State == bgp.StateSuspected && w.r.IntN(3) == 0:
		record = w.retracted(record)
	case o.State == bgp.StateSuspected:
		record.State = bgp.StateOpen
	case w.r.IntN(2) == 0:
		record.Severity = []bgp.Severity{bgp.SeverityMinor, bgp.SeverityMajor, bgp.SeverityTotal}[w.r.IntN(3)]
	default:
		record = w.ended(record, []bgp.EndReason{bgp.EndRecovered, bgp.EndSuperseded, bgp.EndLostSight}[w.r.IntN(3)])
	}
	l.began, l.outage = true, record
	w.news(record)
}

// news gives the engine a record. When an event ends that was open for longer than min_minutes, it
// checks that the target sure was sent it.
func (w *walk) news(o bgp.Outage) {
	w.t.Helper()
	x, open := w.open[o.ID]
	switch {
	case o.State == bgp.StateOpen && !open:
		w.open[o.ID] = opening{w.now, len(w.sent["sure"])}
	case o.State != bgp.StateOpen && open:
		delete(w.open, o.ID)
		counts := latest(x.at, w.e.places["sure"].routes[0].countsFrom(o.Start)).Add(time.Minute + burstBound)
		told := slices.ContainsFunc(w.sent["sure"][x.sent:], func(m *target.Message) bool {
			return slices.ContainsFunc(m.Events, func(y bgp.Outage) bool { return y.ID == o.ID && y.State == bgp.StateOpen })
		})
		if w.now.After(counts) && !told {
			w.t.Errorf("%s was open from %s to %s and was not sent", o.ID, stamp(x.at), stamp(w.now))
		}
	}
	w.give(o)
}

// finish ends all events and checks the results.
func (w *walk) finish() {
	clear(w.dead)
	for _, l := range w.lives {
		switch {
		case !l.began || l.outage.State == bgp.StateClosed || l.outage.State == bgp.StateRetracted:
		case l.outage.State == bgp.StateSuspected:
			w.news(w.retracted(l.outage))
		default:
			w.news(w.ended(l.outage, bgp.EndRecovered))
		}
		if w.r.IntN(4) == 0 {
			w.restart()
		}
	}
	w.run(30 * time.Hour)
	for _, t := range w.targets {
		balance(w.t, w.sim, t.Name)
	}
	for _, st := range w.e.Status(w.now) {
		if st.Open+st.Waiting+st.Held+st.Parked > 0 {
			w.t.Errorf("something is left: %+v", st)
		}
	}
	w.run(8 * 24 * time.Hour)
	for key := range w.ledger {
		if key[len(key)-1] != '/' {
			w.t.Errorf("%s has no tombstone", key)
		}
	}
}
