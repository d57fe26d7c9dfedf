package panel

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// maxPerASN is the number of sessions of an ASN that may vote.
const maxPerASN = 2

// Panel decides who votes in a family. New makes one.
type Panel struct {
	cfg       Config
	family    bgp.Family
	sessions  []*Session // by slot
	knowledge bgp.TableKnowledge
	voters    *Voters
	need      Need
	// chosen holds the candidates of the last decision that began without a panel from tables.
	// wouldVote uses them while it is not known whether tables come.
	chosen *Voters
	// in is the number of prefixes from which a table is a full feed, out the number below which it
	// no longer is one, both as of the last decision.
	in, out int
	struck  []Status
	leavers leavers // of the last window
	gate    gate
	left    *Left // of the last window
}

// New returns a panel without sessions. cfg must have its defaults set.
func New(cfg Config, f bgp.Family) *Panel {
	return &Panel{
		cfg: cfg, family: f, voters: &Voters{}, chosen: &Voters{},
		need: Need{cfg.MinVoters, cfg.MinCollectors},
	}
}

// Add puts a session at a slot of the rib.
func (p *Panel) Add(slot int, s *Session) {
	for len(p.sessions) <= slot {
		p.sessions = append(p.sessions, nil)
	}
	p.sessions[slot] = s
}

// Remove forgets the session at a slot.
func (p *Panel) Remove(slot int) {
	p.sessions[slot] = nil
	if b := p.gate.before; slot>>6 < len(b) {
		b[slot>>6] &^= 1 << (slot & 63)
	}
}

// Session returns the session at a slot, or nil.
func (p *Panel) Session(slot int) *Session {
	if slot >= len(p.sessions) {
		return nil
	}
	return p.sessions[slot]
}

// Knowledge returns how much is known of the voters' tables.
func (p *Panel) Knowledge() bgp.TableKnowledge { return p.knowledge }

// Voters returns the voters as of the last Close.
func (p *Panel) Voters() *Voters { return p.voters }

// Verdicts reports whether there are enough voters for any verdict.
func (p *Panel) Verdicts() bool {
	return p.knowledge != bgp.TablesUndecided &&
		p.voters.N >= p.need.Voters && p.voters.Collectors >= p.need.Collectors
}

// Close closes the window that ends at now. size returns the number of prefixes that a slot holds.
// decided reports whether the panel was chosen again, or a session lost its vote, or got it back,
// because its table became doubtful or certain. If no verdict is possible and the panel has no
// tables, decided is false. changed reports whether the set of voting slots changed.
func (p *Panel) Close(now int64, size func(slot int) int) (decided, changed bool) {
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		s.close(&p.cfg, now, size(slot))
		if s.transferUntil != 0 && now >= s.transferUntil && !s.growing {
			s.transferUntil, s.Complete = 0, true
		}
	}
	if p.Decides(now) || !p.Verdicts() && p.knowledge != bgp.TablesComplete || p.deserted() {
		decided = p.decide(now, size)
	}
	if p.doubt(now, size) {
		decided = true
	}
	votes := func(slot int) bool { return p.votes(slot, now) }
	v := newVoters(p.sessions, votes)
	p.need = p.needOf(votes)
	changed = !v.Equal(p.voters) || v.N != p.voters.N
	p.voters = v
	p.leavers = p.countLeavers(now)
	p.strike(now)
	return decided && (p.Verdicts() || p.knowledge == bgp.TablesComplete), changed
}

// deserted reports whether every member is down, or belongs to a collector that is down. Other
// sessions then need not wait for the next quarter hour.
func (p *Panel) deserted() bool {
	return p.knowledge == bgp.TablesComplete &&
		!slices.ContainsFunc(p.sessions, func(s *Session) bool {
			return s != nil && s.member && s.Up && !s.Masked
		})
}

// votes reports whether a slot votes at now.
func (p *Panel) votes(slot int, now int64) bool {
	s := p.sessions[slot]
	switch {
	case s == nil || s.reason(&p.cfg, now) != "":
		return false
	case p.knowledge == bgp.TablesComplete:
		return s.member && s.Complete
	}
	return p.knowledge == bgp.TablesLearned
}

// decide chooses the members if there are enough tables to choose from. If there are too few and
// more may come, it decides nothing. Otherwise all peers vote by updates alone. It reports whether
// there is a panel.
func (p *Panel) decide(now int64, size func(slot int) int) bool {
	sizes, live, whole, awaiting := []int(nil), map[bgp.PeerKey]bool{}, map[bgp.PeerKey]bool{}, false
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		r := s.reason(&p.cfg, now)
		awaiting = awaiting || r == TableIncomplete
		if r == "" {
			live[s.Key.Voter()] = true
			if s.Complete {
				whole[s.Key.Voter()] = true
				sizes = append(sizes, size(slot))
			}
		}
	}
	in, out := p.limits(sizes)
	chosen := p.candidates(now, size, in, out, len(sizes) > 0)
	if p.knowledge != bgp.TablesComplete {
		votes := func(slot int) bool { return chosen[slot] }
		p.chosen = newVoters(p.sessions, votes)
		need := p.needOf(votes)
		if p.chosen.N < need.Voters || p.chosen.Collectors < need.Collectors || 2*p.chosen.N < len(live) {
			if awaiting || p.knowledge == bgp.TablesUndecided && len(whole) > 0 && 2*len(whole) >= len(live) {
				return false // tables are on their way, or exist but are too few
			}
			p.knowledge = bgp.TablesLearned
			return true
		}
		p.knowledge = bgp.TablesComplete
	}
	p.in, p.out = in, out
	before := make([]bool, len(p.sessions))
	for slot, s := range p.sessions {
		if s != nil {
			before[slot], s.member = s.member, chosen[slot]
			s.spoken.settle(&p.cfg, size(slot))
		}
	}
	p.thin(before, size)
	return true
}

// limits returns the table size from which a peer is a full feed, and the size below which it no
// longer is one.
func (p *Panel) limits(sizes []int) (in, out int) {
	floor := max(p.cfg.floor(p.family), 1)
	if len(sizes) == 0 {
		return floor, floor
	}
	slices.Sort(sizes)
	top := sizes[(len(sizes)*95+99)/100-1]
	scale := func(permille int) int { return max(floor, (top*permille+999)/1000) }
	return scale(p.cfg.FullFeedInPermille), scale(p.cfg.FullFeedOutPermille)
}

// candidates returns, by slot, the sessions that have a full feed:
//
//   - A member that sends its table again, is masked, or waits for the end of a gap stays one. Its
//     present size means nothing.
//   - A session with a whole table has a full feed if it holds at least minIn prefixes. A member
//     stays one if it holds at least minOut, or would hold them if it had withdrawn none: doubt
//     decides whether it votes.
//   - A session may have begun before the first record about it. Then no record says that its table
//     is whole. If other tables are known as whole, its size can prove that its table is whole.
//     candidates then sets Complete.
func (p *Panel) candidates(now int64, size func(slot int) int, minIn, minOut int, compared bool) []bool {
	chosen := make([]bool, len(p.sessions))
	for slot, s := range p.sessions {
		if s == nil || !s.Up {
			continue
		}
		n := size(slot)
		switch {
		case s.member && (s.transferUntil != 0 || s.Masked || s.Awaiting):
			chosen[slot] = true
		case s.Awaiting || s.transferUntil != 0:
		case s.Complete:
			chosen[slot] = n >= minIn || s.member && (n >= minOut || s.withdrewFrom(n, minOut))
		case compared && p.knowledge == bgp.TablesComplete &&
			now-s.Since >= p.cfg.TransferSeconds() && n >= minIn:
			s.Complete, chosen[slot] = true, true
		}
	}
	return chosen
}

// thin leaves every ASN at most maxPerASN feeds: first those that were members before, then the
// larger ones, then those with the lower key. So a larger feed that comes up replaces none.
func (p *Panel) thin(before []bool, size func(slot int) int) {
	byVoter := make(map[bgp.PeerKey][]int)
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		if !s.member {
			s.extra = false
			continue
		}
		byVoter[s.Key.Voter()] = append(byVoter[s.Key.Voter()], slot)
	}
	for _, slots := range byVoter { // Each ASN is independent, so their order does not matter.
		slices.SortFunc(slots, func(a, b int) int {
			x, y := p.sessions[a], p.sessions[b]
			return cmp.Or(compareBool(before[b], before[a]), cmp.Compare(size(b), size(a)), x.Key.Compare(y.Key))
		})
		for i, slot := range slots {
			p.sessions[slot].extra = i >= maxPerASN
			p.sessions[slot].member = i < maxPerASN
		}
	}
}

// compareBool orders false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Status is whether a session votes, and if not, the reason.
type Status struct {
	Session *Session
	Slot    int
	Votes   bool
	Reason  Reason
}

// Statuses returns the status of every session at now, in the order of the keys: collector,
// address, ASN.
func (p *Panel) Statuses(now int64) []Status {
	var out []Status
	for slot, s := range p.sessions {
		if s == nil {
			continue
		}
		st := Status{Session: s, Slot: slot, Votes: p.votes(slot, now), Reason: s.reason(&p.cfg, now)}
		if !st.Votes && st.Reason == "" {
			switch {
			case s.extra:
				st.Reason = SecondFeed
			case !s.Complete:
				st.Reason = TableIncomplete
			case p.wouldVote(slot):
				st.Reason = NoPanel
			default:
				st.Reason = Partial
			}
		}
		out = append(out, st)
	}
	slices.SortFunc(out, func(a, b Status) int { return a.Session.Key.Compare(b.Session.Key) })
	return out
}

// Decides reports whether now is a time at which the panel is chosen again in any case.
func (p *Panel) Decides(now int64) bool { return now%p.cfg.decideSeconds() == 0 }
