package panel

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// These constants are those of docs/detection.md, The panel gate.
const (
	// A session counts as a recent voter for rememberWindows windows after its last vote.
	rememberWindows = 3
	// M is the lower median of the numbers of voters in the last gateWindows windows with verdicts
	// and an open gate. It needs at least gateLeast of them.
	gateWindows, gateLeast = 60, 10
	// The gate shuts if a voter has left and fewer than gateVotersPermille of M vote. It also shuts
	// if at least gateLeavers voters, and at least gateLeaverPermille of M, have left and losses
	// begin. Both parts of M are in thousandths.
	gateVotersPermille, gateLeaverPermille, gateLeavers = 850, 30, 2
	// The gate opens after gateCalm calm windows (hold) in a row, and after gateSeconds in any
	// case.
	gateCalm    = 5
	gateSeconds = 15 * 60
)

// gate decides when so many of darkmap's own feeds were lost that losses at the other feeds prove
// nothing. The zero value is an open gate.
type gate struct {
	// voters are the numbers of voters in the last gateWindows windows with verdicts in which the
	// gate was open.
	voters []int
	// since is the beginning of the window with which the gate shut; 0 while it is open.
	since int64
	calm  int // calm windows (hold) in a row, while the gate is shut
	// The following fields serve Left. before has the slots that voted while the gate was shut, or
	// in one of the last windows before. shutAt is the time when the gate shut, and usual is M at
	// that time.
	before []uint64
	shutAt int64
	usual  int
}

// Gate is the state of a family's panel gate.
type Gate struct {
	// Since is the beginning of the first window without decisions, Unix seconds; 0 while the gate
	// is open.
	Since int64
	// Voters is the number of voters now. Usual is M at the time when the gate shut. It is 0 again
	// once losses were judged after the gate opened. Leavers is the number of ASNs that voted in
	// the last windows and do not vote now because their feeds are away.
	Voters, Usual, Leavers int
	// Leaving reports whether so many voters left that the gate shuts as soon as losses are spread.
	Leaving bool
}

// Shut reports whether the gate stops all decisions.
func (g Gate) Shut() bool { return g.Since != 0 }

// leavers counts the ASNs that voted and do not vote now because their feeds are away. ASNs that a
// new choice of the panel removed do not count. The index is the number of windows since they left;
// 0 is the window that ends.
type leavers [rememberWindows]int

// total returns the number of leavers of the last windows.
func (l leavers) total() (n int) {
	for _, x := range l {
		n += x
	}
	return n
}

// left reports whether a session does not vote because its feed is away. The end of a file is no
// loss.
func (s *Session) left(cfg *Config, now int64) bool {
	switch s.reason(cfg, now) {
	case CollectorDown:
		return !s.Ended
	case Down, Silent, Transferring, TableIncomplete:
		return true
	case "":
		return !s.Complete // the gap was not answered
	default:
		return false
	}
}

// voting returns the ASNs that vote.
func (p *Panel) voting() map[bgp.PeerKey]bool {
	all := make(map[bgp.PeerKey]bool)
	for slot, s := range p.sessions {
		if s != nil && p.voters.Votes(slot) {
			all[s.Key.Voter()] = true
		}
	}
	return all
}

// countLeavers counts the leavers as of the window that ends at now.
func (p *Panel) countLeavers(now int64) (out leavers) {
	voting, leaving := p.voting(), make(map[bgp.PeerKey]uint)
	for slot, s := range p.sessions {
		if s != nil && !p.voters.Votes(slot) && s.voted > 0 && s.left(&p.cfg, now) {
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

// CloseGate shuts or opens the gate at the end of the window that ends at now. Call it after Close,
// and before the voters of Close decide anything. spread reports whether, in the two windows before
// this one, losses began in so many prefixes or countries that the leavers may be the reason.
// changed reports whether the gate shut or opened.
func (p *Panel) CloseGate(now int64, spread func() bool) (g Gate, changed bool) {
	x := &p.gate
	if !p.cfg.Gate {
		return Gate{}, false
	}
	was, n := x.since, p.voters.N
	p.left = nil
	lately := p.leavers.total() // Losses that leavers cause are seen at most one window later.
	if x.since == 0 {
		x.shut(now, n, lately, spread)
	} else {
		x.hold(now, n, p.leavers[0], func() bool {
			return x.many(p.leavers[0]+p.leavers[1], x.usual) && spread()
		})
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
	return p.GateNow(), x.since != was
}

// GateNow returns the state of the gate as of the last window.
func (p *Panel) GateNow() Gate {
	x := &p.gate
	usual, ok := x.median()
	lately := p.leavers.total()
	return Gate{
		Since: x.since, Voters: p.voters.N, Usual: x.usual, Leavers: lately,
		Leaving: p.cfg.Gate && ok && x.many(lately, usual),
	}
}

// rememberVoters adds to before the slots that vote, or that voted in one of the last
// rememberWindows windows.
func (p *Panel) rememberVoters() {
	x := &p.gate
	x.before = append(x.before, make([]uint64, max(0, bitsOf(len(p.sessions))-len(x.before)))...)
	for slot, s := range p.sessions {
		if s != nil && s.voted > 0 {
			setBit(x.before, slot)
		}
	}
}

// Left are the voters that left while the gate was shut, or shortly before, and are not back.
type Left struct {
	*Voters
	// Since is the time when the gate shut, Unix seconds.
	Since int64
	// Usual is M at that time.
	Usual int
	// Held are the slots whose routes are still known. Heard are the slots whose sessions ended:
	// they held the routes that they had announced. The routes of the other slots of Mask are not
	// known.
	Held, Heard []uint64
}

// leftSince returns the voters that voted when the gate shut, or since, and do not vote now.
func (p *Panel) leftSince() *Left {
	before, voting := p.gate.before, p.voting()
	n := bitsOf(len(p.sessions))
	l := &Left{Since: p.gate.shutAt, Usual: p.gate.usual, Held: make([]uint64, n), Heard: make([]uint64, n)}
	l.Voters = newVoters(p.sessions, func(slot int) bool {
		return hasBit(before, slot) && !voting[p.sessions[slot].Key.Voter()]
	})
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

// Left returns the voters that left while the gate was shut, in the first window with verdicts in
// which the gate is open again. It is nil in other windows.
func (p *Panel) Left() *Left { return p.left }

// many reports whether leavers are many in comparison with the usual number of voters.
func (x *gate) many(leavers, usual int) bool {
	return leavers >= gateLeavers && leavers*1000 >= usual*gateLeaverPermille
}

// shut shuts an open gate if some of the voters left and the n that vote are few, or if many left
// and losses begin. left is the number of leavers.
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

// hold counts a window of a gate that is shut, and opens the gate when it is due. The number of
// voters at that time becomes the usual one. left is the number of voters that left in the window.
// unquiet reports whether many left in the last two windows and losses are spread. A window is calm
// if none left and it is not unquiet. unquiet can be true only just after the gate shut: later
// windows are not judged while the gate is shut, so no losses begin in them.
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

// median returns the lower median of the voters; ok is false if there are too few windows.
func (x *gate) median() (n int, ok bool) {
	if len(x.voters) < gateLeast {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(x.voters))
	return sorted[(len(sorted)-1)/2], true
}
