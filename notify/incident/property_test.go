package incident

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// TestOpensAreCloses runs random event histories of a country, its ASes and their prefixes in both
// families, with restarts, targets that fail for a while, silences and pauses. Every open must have
// one close for each target and incident, and nothing may be open at the end.
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
	}
	feed := TargetInfo{Name: "feed", Traits: target.Traits{Style: target.Feed, GroupWait: time.Minute}}
	s := newSim(t, routes, pager("pager"), chat("chat"), chat("early"), recordsTarget("records"), feed, chat("night"))
	s.cfg.Storm.MoreThan = []int{3, 20}[r.IntN(2)]
	s.restart()
	w := &walk{sim: s, r: r, dead: map[string]bool{}}
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

// step makes one random action.
func (w *walk) step() {
	switch w.r.IntN(20) {
	case 0:
		w.restart()
	case 1:
		name := w.targets[w.r.IntN(len(w.targets))].Name
		w.dead[name] = !w.dead[name]
	case 2:
		w.write(w.e.Silence(Silence{Types: []string{"as"}, Until: w.now.Add(20 * time.Minute)}, w.now))
	case 3, 4, 5, 6:
		w.run(time.Duration(w.r.IntN(600)) * time.Second)
	case 7:
		w.crash()
	default:
		w.tell(w.lives[w.r.IntN(len(w.lives))])
	}
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
	w.give(record)
}

// finish ends all events and checks the results.
func (w *walk) finish() {
	clear(w.dead)
	for _, l := range w.lives {
		switch {
		case !l.began || l.outage.State == bgp.StateClosed || l.outage.State == bgp.StateRetracted:
		case l.outage.State == bgp.StateSuspected:
			w.give(w.retracted(l.outage))
		default:
			w.give(w.ended(l.outage, bgp.EndRecovered))
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
