package visibility

import (
	"math/bits"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// provenMinutes is how long, in minutes with verdicts, a trough is kept after a return that
	// announcements prove.
	provenMinutes = 120
	// unprovenMinutes is how long other troughs are kept. It is longer than any event lasts.
	unprovenMinutes = 8 * 24 * 60
)

// trough holds the worst minute of a loss or of a move of a prefix: the voters and the holders of
// that minute. It distinguishes a return of the routes from a change of the panel, because only a
// voter of that minute can prove a return.
type trough struct {
	// seen has the slots that held the prefix; for a move, those that held it from a usual origin.
	// voted has the slots of the voters.
	seen, voted []uint64
	// For a loss: the voters that held the prefix, all voters, and the voters that had ever heard
	// it. For a move: the voters that held it from a usual origin, and the voters that held it.
	held, of, heard int
	began           int64    // end of the first window, Unix seconds
	over            int64    // end of the window in which it ended; 0 while it lasts
	overMinute      int64    // the same as a number of minutes with verdicts
	usual           uint8    // of a loss: the prefix's usual visibility
	usually         originID // of a loss: its usual origins when it began
	lost            bool     // of a loss: the prefix was lost, not only partial
	learned         bool     // of a loss: verdicts rested on updates alone
	settled         bool     // it ended because the state became the usual one
}

// troughs keeps the worst minutes of prefixes that are or were lost, partial or moved.
type troughs struct {
	losses, moves map[rib.Row]*trough
	minute        int64 // number of minutes with verdicts so far
	since         int64 // time at which they began; nothing is known of earlier minutes
}

func newTroughs() troughs {
	return troughs{losses: make(map[rib.Row]*trough), moves: make(map[rib.Row]*trough)}
}

// worsen stores the present minute if it is no better than the worst one so far. A new loss or
// move begins with its first minute.
func (s *State) worsen(
	all map[rib.Row]*trough, r rib.Row, held, of int, seen []uint64,
) (x *trough, noted bool) {
	x = all[r]
	if x == nil || x.over != 0 {
		x = &trough{began: s.now}
		all[r] = x
	} else if held*x.of > x.held*of {
		return x, false
	}
	x.held, x.of = held, of
	x.seen = append(x.seen[:0], seen...)
	x.voted = append(x.voted[:0], s.voters.Mask...)
	return x, true
}

// end marks a prefix's loss or move as over.
func (s *State) end(all map[rib.Row]*trough, r rib.Row, settled bool) {
	x := all[r]
	if x == nil {
		return
	}
	if x.over == 0 {
		x.over, x.overMinute = s.now, s.troughs.minute
	}
	x.settled = x.settled || settled
}

// noteLoss updates the trough of a row that was just judged and is lost or partial, or was until
// now.
func (s *State) noteLoss(c *change, t tally) {
	p := &s.prefixes[c.row]
	if p.since == 0 {
		s.end(s.troughs.losses, c.row, false)
		return
	}
	learned := s.knowledge == bgp.TablesLearned
	of := s.voters.N
	if learned {
		of = t.held + t.gone
	}
	x, noted := s.worsen(s.troughs.losses, c.row, t.held, of, s.rib.Held(c.row))
	x.lost = x.lost || c.flags&lost != 0
	x.usual, x.learned = p.usual, learned
	if noted {
		x.heard = t.held + t.gone
	}
	if x.usually == 0 {
		x.usually = p.usually
	}
}

// noteMove updates the trough of a row that was just judged and whose origins differ from the
// usual ones, or did until now. If the prefix is lost in between, its move goes on afterwards.
func (s *State) noteMove(c *change, t tally) {
	switch {
	case c.flags&(known|seen) != known|seen, t.held == 0:
	case c.origins == 0 || c.usually == 0 || s.origins.meet(c.origins, c.usually):
		s.end(s.troughs.moves, c.row, false)
	default:
		var own [maxWords]uint64
		slots := s.own(own[:], c.row, c.usually)
		s.worsen(s.troughs.moves, c.row, s.voters.Count(slots), t.held, slots)
	}
}

// own sets dst to the slots that hold a row from one of the origins, or over a path that does not
// show its origin.
func (s *State) own(dst []uint64, r rib.Row, origins originID) []uint64 {
	held := s.rib.Held(r)
	dst = dst[:len(held)]
	s.rib.EachPair(r, func(origin, _ bgp.ASN, slots []uint64) {
		if origin == 0 || s.origins.has(origins, origin) {
			for i, b := range slots {
				dst[i] |= b & held[i]
			}
		}
	})
	return dst
}

// sweepTroughs forgets troughs that no event needs any more: those of proven returns, those of
// prefixes that were only partial and have recovered, and old ones (old).
func (s *State) sweepTroughs() {
	for r, x := range s.troughs.losses { // entries are independent: their order has no effect
		if !s.troughs.due(x) {
			continue
		}
		partial := !x.lost && s.prefixes[r].share >= outage.WholePermille
		if partial || s.troughs.old(x) || x.lost && s.lossProven(r, x, outage.LostPermille) && !s.foreign(r) {
			delete(s.troughs.losses, r)
		}
	}
	for r, x := range s.troughs.moves {
		if s.troughs.due(x) && (s.troughs.old(x) || s.moveProven(r, x)) {
			delete(s.troughs.moves, r)
		}
	}
}

// due reports whether a trough is forgotten if its return is proven. old reports whether it is
// forgotten in any case.
func (t *troughs) due(x *trough) bool { return x.over != 0 && t.minute-x.overMinute > provenMinutes }
func (t *troughs) old(x *trough) bool { return t.minute-x.overMinute > unprovenMinutes }

// forgetSlot removes a slot from the troughs before its number is used for another peer.
func (t *troughs) forgetSlot(slot int) {
	for _, all := range []map[rib.Row]*trough{t.losses, t.moves} {
		for _, x := range all {
			if w, bit := slot>>6, uint64(1)<<(slot&63); w < len(x.voted) {
				x.voted[w] &^= bit
			}
			if w, bit := slot>>6, uint64(1)<<(slot&63); w < len(x.seen) {
				x.seen[w] &^= bit
			}
		}
	}
}

func (t *troughs) forget(r rib.Row) {
	delete(t.losses, r)
	delete(t.moves, r)
}

// comeback returns two sets of voters. common are the voters of the worst minute that still vote.
// regained are those of them that did not hold the prefix in that minute and have a slot in now.
func (s *State) comeback(x *trough, now []uint64) (common, regained [maxWords]uint64) {
	var b, then [maxWords]uint64
	copy(b[:], x.voted)
	s.voters.Fold(common[:], b[:])
	clear(b[:])
	copy(b[:], x.seen)
	s.voters.Fold(then[:], b[:])
	clear(b[:])
	copy(b[:], now)
	s.voters.Fold(regained[:], b[:])
	for i := range regained {
		regained[i] &= common[i] &^ then[i]
	}
	return common, regained
}

// lossProven reports whether announcements since the worst minute are enough to end a loss. Among
// the voters of that minute that still vote, the share that regained the prefix must be at least
// as large as the share that was missing. permille is the part of the usual visibility at which
// the loss ends.
func (s *State) lossProven(r rib.Row, x *trough, permille int) bool {
	common, regained := s.comeback(x, s.rib.Held(r))
	n, back := ones(&common), ones(&regained)
	if n < panel.LeastVoters {
		return false
	}
	// missing is the number of voters that were missing, in 1/(1000 x wholeShare) of a voter.
	missing := permille*int(x.usual)*x.of - x.held*1000*wholeShare
	if !x.learned && back*x.of*1000*wholeShare >= n*missing {
		return true
	}
	if !x.learned && permille <= outage.LostPermille {
		return false
	}
	heard := s.heard(r)
	for i := range common {
		common[i] &= heard[i]
	}
	return back*x.heard*1000 >= ones(&common)*(permille*x.heard-x.held*1000)
}

// moveProven reports the same for a move. A move ends when a fifth of the holders have the prefix
// from a usual origin.
func (s *State) moveProven(r rib.Row, x *trough) bool {
	var own, holders, b [maxWords]uint64
	common, regained := s.comeback(x, s.own(own[:], r, s.prefixes[r].usually))
	copy(b[:], s.rib.Held(r))
	s.voters.Fold(holders[:], b[:])
	for i := range common {
		common[i] &= holders[i]
	}
	n := ones(&common)
	return n >= panel.LeastVoters && ones(&regained)*5*x.of >= n*(x.of-5*x.held)
}

// heard returns the set of voters that have ever heard a row.
func (s *State) heard(r rib.Row) (out [maxWords]uint64) {
	var b [maxWords]uint64
	s.rib.EachPair(r, func(_, _ bgp.ASN, slots []uint64) {
		for i, w := range slots {
			b[i] |= w
		}
	})
	s.voters.Fold(out[:], b[:])
	return out
}

func ones(b *[maxWords]uint64) (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// foreign reports whether a visible row is originated only by other ASes than its usual origins.
func (s *State) foreign(r rib.Row) bool {
	p := &s.prefixes[r]
	return p.flags&(known|seen) == known|seen && s.strange(p, p.usually)
}

// strange reports whether p has origins and none of them was usual.
func (s *State) strange(p *prefix, usually originID) bool {
	return p.origins != 0 && usually != 0 && !s.origins.meet(p.origins, usually)
}

// Returns implements outage.View: it returns the space of an ending event whose return is not
// proven.
func (s *State) Returns(k outage.Key, q outage.Ending) outage.Returns {
	var out outage.Returns
	if k.Type == bgp.EntityPrefix {
		if r, ok := s.rowOf(k.Code); ok && int(r) < len(s.prefixes) {
			s.addPrefixReturn(&out, r, q)
		}
		return out
	}
	s.members(k, func(r rib.Row) { s.addReturn(&out, k, r, q) })
	return out
}

// within returns the trough x, or nil if it was over before the event began.
func within(x *trough, q outage.Ending) *trough {
	if x != nil && x.over != 0 && x.over <= q.Since {
		return nil
	}
	return x
}

// addPrefixReturn fills in the return of a prefix.
func (s *State) addPrefixReturn(out *outage.Returns, r rib.Row, q outage.Ending) {
	p := &s.prefixes[r]
	all := s.troughs.losses
	if q.Moved {
		all = s.troughs.moves
	}
	x, space := within(all[r], q), s.rib.Key(r).Space(s.family)
	switch {
	case all[r] == nil && q.Since < s.troughs.since && p.flags&known != 0: // lost for another panel
		out.Unproven = space
	case x == nil || p.flags&lost != 0:
	case x.settled:
		out.Settled = true
	case p.flags&known == 0: // the prefix left the table
	case s.foreign(r) && s.underOwn(p):
		out.Covered = true
	case s.foreign(r), x.learned && s.strange(p, x.usually):
		out.Foreign = space
	case q.Moved && !s.moveProven(r, x), !q.Moved && !s.lossProven(r, x, q.Permille):
		out.Unproven = space
	}
}

// addReturn adds a row's part to the return of a larger entity. A row below a visible route of its
// usual origin adds no space.
func (s *State) addReturn(out *outage.Returns, k outage.Key, r rib.Row, q outage.Ending) {
	x, y := within(s.troughs.losses[r], q), s.troughs.moves[r]
	lostOnce := x != nil && x.lost
	p := &s.prefixes[r]
	if s.troughs.losses[r] == nil && y == nil && q.Since < s.troughs.since {
		if p.flags&(known|seen) == known|seen && !s.underOwn(p) {
			out.Unproven += s.spaceIn(k, r)
		}
		return
	}
	if !lostOnce && y == nil {
		return
	}
	switch {
	case p.flags&(known|seen) != known|seen || s.underOwn(p):
	case s.foreign(r):
		if lostOnce && y != nil && y.began > x.began {
			out.Foreign += s.spaceIn(k, r)
		}
	case lostOnce && !s.lossProven(r, x, q.Permille), q.Moved && within(y, q) != nil && !s.moveProven(r, y):
		out.Unproven += s.spaceIn(k, r)
	}
}
