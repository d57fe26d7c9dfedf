package panel

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The constants of docs/detection.md, The panel gate.
const (
	// A session that votes is remembered as a voter for so many windows after it leaves.
	rememberWindows = 3
	// M is the median of the voters in so many windows in which the gate was open, and needs some.
	gateWindows, gateLeast = 60, 10
	// The gate shuts below this part of M, in thousandths, or where at least gateLeavers, and gateLeaverPermille of M, have left and losses begin.
	gateVotersPermille, gateLeaverPermille, gateLeavers = 850, 30, 2
	// It opens after so many windows in a row without a new leaver, and after gateSeconds in any case.
	gateCalm    = 5
	gateSeconds = 15 * 60
)

// gate tells when too many of the own feeds were lost for what the others miss to mean anything. The zero value is an open one.
type gate struct {
	voters []int // in the last gateWindows windows with verdicts in which it was open
	since  int64 // the beginning of the window with which it shut; 0 while it is open
	calm   int   // windows in a row without a new leaver, while it is shut
	// Until Left tells of those who left: slots that voted in one of the last windows before it shut, or since, when it shut, and M then.
	before []uint64
	shutAt int64
	usual  int
}

// Gate says how the panel gate of a family stands.
type Gate struct {
	// Since is the beginning of the first window that was not decided, Unix seconds; 0 while the gate is open.
	Since int64
	// Voters vote now, Usual is how many usually did when the gate shut. Leavers voted lately and do not any more.
	Voters, Usual, Leavers int
	// Leaving: so many left that the gate shuts as soon as losses are spread.
	Leaving bool
}

// Shut reports whether nothing is decided.
func (g Gate) Shut() bool { return g.Since != 0 }

// leavers are ASNs that voted and do not vote now, because their feeds are away and not because the panel was chosen anew: by how many
// windows ago they left, 0 being the window that ends.
type leavers [rememberWindows]int

// all are those of the last windows.
func (l leavers) all() (n int) {
	for _, x := range l {
		n += x
	}
	return n
}

// left reports whether a session does not vote because it is away. The end of a file is no loss.
func (s *Session) left(cfg *Config, now int64) bool {
	switch s.reason(cfg, now) {
	case CollectorDown:
		return !s.Ended
	case Down, Silent, Transferring, TableIncomplete:
		return true
	case "":
		return !s.Complete // what a gap lacked did not come
	default:
		return false
	}
}

// countLeavers counts those of the window that ends at now.
func (p *Panel) countLeavers(now int64) (out leavers) {
	voting, leaving := make(map[bgp.PeerKey]bool), make(map[bgp.PeerKey]uint)
	for slot, s := range p.sessions {
		switch {
		case s == nil:
		case p.voters.Votes(slot):
			voting[s.Key.Voter()] = true
		case s.voted > 0 && s.left(&p.cfg, now):
			leaving[s.Key.Voter()] = max(leaving[s.Key.Voter()], s.voted)
		}
	}
	for voter, voted := range leaving { // each by itself: their order does not matter
		if !voting[voter] {
			out[rememberWindows-min(voted, rememberWindows)]++
		}
	}
	return out
}

// CloseGate ends the window that ends at now, after Close and before anything is decided by its voters. spread reports whether
// losses began in the last two windows in so many prefixes or countries that those who left may be why. changed says that the gate shut or opened.
func (p *Panel) CloseGate(now int64, spread func() bool) (g Gate, changed bool) {
	x := &p.gate
	if !p.cfg.Gate {
		return Gate{}, false
	}
	was, n := x.since, p.voters.N
	p.left = nil
	lately := p.leavers.all() // what they are the reason of shows up to a window later
	if x.since == 0 {
		x.shut(now, n, lately, spread)
	} else {
		x.hold(now, n, p.leavers[0], func() bool { return x.many(p.leavers[0]+p.leavers[1], x.usual) && spread() })
	}
	switch {
	case x.since != 0:
		p.rememberVoters()
	case p.Verdicts():
		if x.before != nil {
			p.left = p.leftSince()
			x.before, x.shutAt, x.usual = nil, 0, 0
		}
		x.voters = append(x.voters, n)
		x.voters = x.voters[max(0, len(x.voters)-gateWindows):]
	}
	g = p.GateNow()
	usual, ok := x.median()
	g.Leaving = ok && x.many(lately, usual)
	return g, x.since != was
}

// GateNow is how the gate stands since the last window.
func (p *Panel) GateNow() Gate {
	return Gate{Since: p.gate.since, Voters: p.voters.N, Usual: p.gate.usual, Leavers: p.leavers.all()}
}

// rememberVoters keeps who votes, and who left lately.
func (p *Panel) rememberVoters() {
	x := &p.gate
	x.before = append(x.before, make([]uint64, max(0, bitsOf(len(p.sessions))-len(x.before)))...)
	for slot, s := range p.sessions {
		if s != nil && s.voted > 0 {
			setBit(x.before, slot)
		}
	}
}

// Left are the voters who left while the gate was shut, or shortly before, and are not back.
type Left struct {
	*Voters
	// Since is when it had shut, Unix seconds.
	Since int64
	// Usual is how many voted usually before.
	Usual int
	// Held are those of their slots whose routes are still known, Heard those whose sessions ended: they held what they had heard. Of the others of Mask nothing is known.
	Held, Heard []uint64
}

// leftSince are those who voted when the gate shut, or since, and do not vote.
func (p *Panel) leftSince() *Left {
	before := p.gate.before
	voting := make(map[bgp.PeerKey]bool)
	for slot, s := range p.sessions {
		if s != nil && p.voters.Votes(slot) {
			voting[s.Key.Voter()] = true
		}
	}
	n := bitsOf(len(p.sessions))
	l := &Left{Since: p.gate.shutAt, Usual: p.gate.usual, Held: make([]uint64, n), Heard: make([]uint64, n)}
	l.Voters = newVoters(p.sessions, func(slot int) bool { return hasBit(before, slot) && !voting[p.sessions[slot].Key.Voter()] })
	for slot, s := range p.sessions {
		switch {
		case s == nil || !l.Votes(slot):
		case s.lapse.at != 0:
			setBit(l.Heard, slot)
		case s.Up && (s.Complete || s.Awaiting || s.transferUntil != 0):
			setBit(l.Held, slot)
		}
	}
	return l
}

// Left are those who left while the gate was shut, in the first window with verdicts in which it is open again; nil in other windows.
func (p *Panel) Left() *Left { return p.left }

// many reports whether leavers are many of those that usually vote.
func (x *gate) many(leavers, usual int) bool {
	return leavers >= gateLeavers && leavers*1000 >= usual*gateLeaverPermille
}

// shut shuts an open gate where n voters are few, or many left and losses begin.
func (x *gate) shut(now int64, n, left int, spread func() bool) {
	usual, ok := x.median()
	if !ok || left == 0 {
		return
	}
	if n*1000 < usual*gateVotersPermille || x.many(left, usual) && spread() {
		if x.since, x.calm = now-60, 0; x.before == nil {
			x.shutAt, x.usual = x.since, usual
		}
	}
}

// hold counts a window of a gate that is shut, and opens it. What votes then is usual.
func (x *gate) hold(now int64, n, left int, unquiet func() bool) {
	x.calm++
	if left > 0 || unquiet() {
		x.calm = 0
	}
	if x.calm < gateCalm && now-60-x.since < gateSeconds {
		return
	}
	x.since, x.calm, x.voters = 0, 0, slices.Repeat([]int{n}, gateLeast)
}

// median is the lower median of the voters; ok is false where there are too few windows.
func (x *gate) median() (n int, ok bool) {
	if len(x.voters) < gateLeast {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(x.voters))
	return sorted[(len(sorted)-1)/2], true
}
