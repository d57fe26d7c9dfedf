package visibility

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxLog bounds the logged events of a window, of withdrawals and of re-routings each. If a
	// window has more, none of them is used: their order depends on how collectors are
	// interleaved, their number does not.
	maxLog = 2 << 20
	// maxSpare is the largest capacity of a list that is kept for reuse. A longer list is
	// released.
	maxSpare = 1 << 16
	// maxRerouted bounds the upstreams of a loss. The lowest are kept.
	maxRerouted = 16
	// lossSeconds is the time after which a withdrawal that led to no loss is forgotten.
	lossSeconds = 1800
)

// losses keeps the withdrawals of prefixes that are being lost.
type losses struct {
	rows      map[rib.Row]*loss
	withdrawn []event
	rerouted  []event
	overflow  bool
}

// loss holds the withdrawals and the new upstreams of one prefix.
type loss struct {
	entries  []entry // by slot
	upstream []bgp.ASN
}

// entry is the withdrawal of a prefix by a slot.
type entry struct {
	slot   uint16
	lapsed bool   // the prefix was lost with the end of the session
	at     uint32 // Unix seconds
}

// event is a withdrawal or an announcement that was noted in the window.
type event struct {
	row      rib.Row
	slot     uint16
	lapsed   bool
	at       uint32
	upstream bgp.ASN
}

// Withdrew notes that a slot lost a row, at the collector's own time (Unix seconds).
func (s *State) Withdrew(r rib.Row, slot int, at int64) {
	s.churn.count(r, slot)
	s.loss.log(event{row: r, slot: uint16(slot), at: uint32(at)})
}

// Lapsed notes that the new table of a slot does not contain a row that the slot held when its
// session ended.
func (s *State) Lapsed(r rib.Row, slot int, at int64) {
	s.loss.log(event{row: r, slot: uint16(slot), at: uint32(at), lapsed: true})
}

// log stores the end of a route.
func (l *losses) log(e event) {
	if len(l.withdrawn) < maxLog {
		l.withdrawn = append(l.withdrawn, e)
	} else {
		l.overflow = true
	}
}

// Announced notes that a slot announced a row. rerouted: the slot did not hold it over that
// upstream before.
func (s *State) Announced(r rib.Row, slot int, at int64, upstream bgp.ASN, rerouted bool) {
	s.churn.count(r, slot)
	s.noteAnnounced(r, slot)
	if !rerouted {
		return
	}
	if l := &s.loss; len(l.rerouted) < maxLog {
		l.rerouted = append(l.rerouted,
			event{row: r, slot: uint16(slot), at: uint32(at), upstream: upstream})
	} else {
		l.overflow = true
	}
}

// skip drops the log of a window in which nothing is decided.
func (l *losses) skip() {
	l.withdrawn, l.rerouted, l.overflow = shrink(l.withdrawn), shrink(l.rerouted), false
}

// shrink empties a list for reuse, and releases a large one.
func shrink[T any](e []T) []T {
	if cap(e) > maxSpare {
		return nil
	}
	return e[:0]
}

// follow processes the log of the window that ends. It is also called while the gate is shut.
func (s *State) follow(dirty []rib.Row) {
	l := &s.loss
	if l.overflow {
		l.skip()
	}
	for _, e := range l.withdrawn {
		if s.prefixes[e.row].flags&known == 0 || !s.voters.Votes(int(e.slot)) ||
			hasSlot(s.rib.Held(e.row), e.slot) {
			continue
		}
		x := l.rows[e.row]
		if x == nil {
			x = &loss{}
			l.rows[e.row] = x
		}
		x.set(e)
	}
	for _, r := range dirty {
		if x := l.rows[r]; x != nil {
			held := s.rib.Held(r)
			x.entries = slices.DeleteFunc(x.entries, func(e entry) bool { return hasSlot(held, e.slot) })
			if len(x.entries) == 0 && s.prefixes[r].flags&lost == 0 {
				delete(l.rows, r)
			}
		}
	}
	for _, e := range l.rerouted {
		if x := l.rows[e.row]; x != nil && e.upstream != 0 && s.voters.Votes(int(e.slot)) &&
			e.at >= x.first() {
			x.reroute(e.upstream)
		}
	}
	l.skip()
}

// set stores a slot's newest withdrawal.
func (x *loss) set(v event) {
	i, ok := slices.BinarySearchFunc(x.entries, v.slot,
		func(e entry, s uint16) int { return cmp.Compare(e.slot, s) })
	if !ok {
		x.entries = slices.Insert(x.entries, i, entry{slot: v.slot})
	}
	if v.lapsed && x.entries[i].at > v.at {
		return // the slot withdrew it after the session came up again
	}
	x.entries[i].at, x.entries[i].lapsed = v.at, v.lapsed
}

// first returns the time of the first withdrawal.
func (x *loss) first() uint32 {
	first := ^uint32(0)
	for _, e := range x.entries {
		first = min(first, e.at)
	}
	return first
}

// reroute adds an upstream.
func (x *loss) reroute(a bgp.ASN) {
	i, ok := slices.BinarySearch(x.upstream, a)
	if ok {
		return
	}
	x.upstream = slices.Insert(x.upstream, i, a)
	x.upstream = x.upstream[:min(len(x.upstream), maxRerouted)]
}

// sweep forgets withdrawals that led to no loss.
func (l *losses) sweep(s *State) {
	for r, x := range l.rows { // entries are independent: their order has no effect
		if s.prefixes[r].since != 0 {
			continue
		}
		last := uint32(0)
		for _, e := range x.entries {
			last = max(last, e.at)
		}
		if int64(last) < s.now-lossSeconds {
			delete(l.rows, r)
		}
	}
}

func (l *losses) forget(r rib.Row) { delete(l.rows, r) }

// ForgetSlot forgets the withdrawals of a slot before its number is used for another peer.
func (s *State) ForgetSlot(slot int) {
	s.troughs.forgetSlot(slot)
	for _, x := range s.loss.rows {
		x.entries = slices.DeleteFunc(x.entries, func(e entry) bool { return int(e.slot) == slot })
	}
	drop := func(e event) bool { return int(e.slot) == slot }
	s.loss.withdrawn = slices.DeleteFunc(s.loss.withdrawn, drop)
	s.loss.rerouted = slices.DeleteFunc(s.loss.rerouted, drop)
	s.brief.announced = slices.DeleteFunc(s.brief.announced, drop)
}

// hasSlot reports whether a slot is in b.
func hasSlot(b []uint64, slot uint16) bool { return b[slot>>6]&(1<<(slot&63)) != 0 }
