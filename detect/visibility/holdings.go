package visibility

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// A change is published when it has lasted for settleMinutes. The loss or the return of a
	// prefix is published at once, but at least settleMinutes after the start of its last published
	// state. So a prefix that flaps has few records.
	settleMinutes = 5
	// maxChanges is the greatest number of changes that are published in a window. The others wait
	// for the next windows. The oldest changes go first.
	maxChanges = 20_000
	// dayTurns is the number of turns in a day, one a minute. The hash of a prefix's key gives the
	// minute in which the prefix is published once a day.
	dayTurns = 24 * 60
	// maxTurns bounds the turns that are taken in a window. After the first verdict the turns of a
	// whole day may be due; they then take an hour.
	maxTurns = 25
	// noTurn is the turn of a row that is not published.
	noTurn = ^uint16(0)
	// maxUpstreams and maxHeldPlaces bound the published upstreams and places of a prefix.
	maxUpstreams  = 8
	maxHeldPlaces = 32
)

// Standing is the visibility of a prefix to the voters.
type Standing uint8

// The standings. NoStanding: the prefix is not known.
const (
	NoStanding Standing = iota
	// StandingNew: half of the voters hold it, but they did not in most of the last day.
	StandingNew
	// StandingVisible: four fifths of its usual voters hold it.
	StandingVisible
	// StandingPartly: fewer than four fifths of its usual voters hold it, and it is not lost.
	StandingPartly
	// StandingLost: fewer than half of its usual voters hold it.
	StandingLost
	// StandingGone: it had one of the standings above and has none of them any more.
	StandingGone
	// owed: it was there at the first verdict, and nothing has been published of it yet.
	owed
)

// Holding describes the origins and the observers of a prefix.
type Holding struct {
	Key      rib.Key
	Standing Standing
	// Since is the beginning of the minute in which the prefix got this standing and these origins,
	// Unix seconds. AtLeast: it may have had them before, because Since is the first minute that
	// was decided.
	Since   int64
	AtLeast bool
	// Origins are sorted by number; Upstreams by voters, most first.
	Origins, Upstreams []HeardFrom
	// SeenBy of Voters voters hold it.
	SeenBy, Voters int
	// UsualPermille is the share of the voters that usually hold it; -1 if verdicts rest on
	// updates alone.
	UsualPermille int
	Places        []HeldPlace
	// Daily: the record is the daily one, and nothing has changed.
	Daily bool
}

// HeardFrom is an AS and the number of voters that hold a prefix from it or over it.
type HeardFrom struct {
	ASN    bgp.ASN
	Voters int
}

// HeldPlace is a place and the space of a prefix in it, in units of bgp.Space.
type HeldPlace struct {
	Country, Region string
	Space           uint64
}

// said is the last published state of a row. The zero value: none was published. If the standing is
// owed, it is the state at the first verdict.
type said struct {
	origins originID
	// when packs four values: since (minutes since 1970) in 26 bits, then the standing at the first
	// verdict in 2 bits if the standing is owed, then atLeast, then the standing in 3 bits. The
	// states of earlier versions have no standing at the first verdict (NoStanding).
	when uint32
}

const (
	sinceBits  = 26 // until the year 2097
	atLeastBit = 1 << 28
)

// owes returns the state of a row at the first verdict: new, visible or partly.
func owes(at Standing, since int64, origins originID) said {
	x := saidOf(owed, since, true, origins)
	x.when |= uint32(at) << sinceBits
	return x
}

func saidOf(at Standing, since int64, atLeast bool, origins originID) said {
	x := said{origins: origins, when: uint32(at)<<29 | uint32(since)&(1<<sinceBits-1)}
	if atLeast {
		x.when |= atLeastBit
	}
	return x
}

func (x said) standing() Standing { return Standing(x.when >> 29) }
func (x said) since() int64       { return int64(x.when & (1<<sinceBits - 1)) }
func (x said) atLeast() bool      { return x.when&atLeastBit != 0 }

// is reports whether the state is this one. The origins of a lost or gone prefix do not matter.
func (x said) is(at Standing, origins originID) bool {
	was := x.standing()
	if was == owed {
		was = Standing(x.when >> sinceBits & 3)
		if was == NoStanding { // not known
			return at == StandingNew || at == StandingVisible || at == StandingPartly
		}
	}
	return at == was && (origins == x.origins || at == StandingLost || at == StandingGone)
}

// wait is a change that has not been published yet.
type wait struct {
	standing Standing
	origins  originID
	since    int64 // minutes since 1970
}

// holdings holds the published states of the prefixes, 10 octets a row, and the changes that wait.
type holdings struct {
	said  []said   // by row
	turns []uint16 // by row
	// differ holds rows that were judged in the window and differ from the published state. A row
	// may occur more than once.
	differ []rib.Row
	waits  map[rib.Row]wait
	paid   int64 // minute since 1970 of the last turn that was taken; 0: none
}

func newHoldings() holdings { return holdings{waits: make(map[rib.Row]wait)} }

// grow extends the slices to n rows.
func (h *holdings) grow(n int) {
	was := len(h.turns)
	h.said, h.turns = rib.Lengthen(h.said, n), rib.Lengthen(h.turns, n)
	for i := was; i < n; i++ {
		h.turns[i] = noTurn
	}
}

// forget clears a row before it is used for another prefix.
func (h *holdings) forget(r rib.Row) {
	h.said[r], h.turns[r] = said{}, noTurn
	delete(h.waits, r)
}

// ended reports whether no more records are due for a row that has no holders.
func (h *holdings) ended(r rib.Row) bool {
	at := h.said[r].standing()
	return at == NoStanding || at == StandingGone
}

// standingOf returns the standing of a row with these flags. partly: it is partial.
func standingOf(flags uint8, partly bool) Standing {
	switch {
	case flags&(known|lost) == known|lost:
		return StandingLost
	case flags&known != 0 && partly:
		return StandingPartly
	case flags&known != 0:
		return StandingVisible
	case flags&seen != 0:
		return StandingNew
	}
	return NoStanding
}

// noteHolding compares the published state of a judged row with its new state c. first: this is
// the first verdict.
func (s *State) noteHolding(c *change, first bool) {
	h := &s.holdings
	is, was := standingOf(c.flags, s.prefixes[c.row].since != 0), h.said[c.row]
	switch at := was.standing(); {
	case first && at == NoStanding && is != NoStanding && is != StandingLost:
		h.said[c.row] = owes(is, s.now/60-1, c.heldBy())
		h.turns[c.row] = turnOf(s.rib.Key(c.row))
	case is == NoStanding && (at == NoStanding || at == StandingGone):
	case !was.is(is, c.heldBy()):
		h.differ = append(h.differ, c.row)
	}
}

// heldBy returns the origins to publish for a row.
func (c *change) heldBy() originID {
	if c.flags&lost != 0 || c.origins == 0 {
		return c.usually
	}
	return c.origins
}

// turnOf returns the minute of the day at which a prefix is published. The mixing function is that
// of MurmurHash3, so neighbouring prefixes have different turns.
func turnOf(k rib.Key) uint16 {
	h := uint64(k)
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return uint16(h >> 32 * dayTurns >> 32)
}

// Holdings returns the records of prefixes that are due at the end of the window that Close ended,
// in the order of their keys: changes, and prefixes whose turn of the day has come. Call it once a
// window.
func (s *State) Holdings() []Holding {
	if !s.verdicts {
		return nil
	}
	h := &s.holdings
	minute := s.now/60 - 1
	out := s.sayChanges(minute)
	out = append(out, s.sayTurns(minute, out)...)
	slices.SortFunc(out, func(a, b Holding) int { return cmp.Compare(a.Key, b.Key) })
	h.differ = shrink(h.differ)
	return out
}

// standsNow returns the standing of a row after the window, and its origins. ok is false if the
// standing cannot be decided.
func (s *State) standsNow(r rib.Row) (at Standing, origins originID, ok bool) {
	p, was := &s.prefixes[r], s.holdings.said[r]
	at = standingOf(p.flags, p.since != 0)
	if at != NoStanding {
		c := s.changeOf(r)
		return at, c.heldBy(), true
	}
	// With updates alone, a prefix is not gone only because few voters have sent updates of it.
	return StandingGone, was.origins, s.knowledge == bgp.TablesComplete && was.standing() != NoStanding
}

// sayChanges publishes the changes that are due and keeps the others.
func (s *State) sayChanges(minute int64) []Holding {
	h := &s.holdings
	for _, r := range h.differ {
		if _, ok := h.waits[r]; !ok {
			h.waits[r] = wait{}
		}
	}
	var due []rib.Row
	for r, w := range h.waits { // entries are independent: their order has no effect
		at, origins, ok := s.standsNow(r)
		was := h.said[r]
		if !ok || was.is(at, origins) {
			delete(h.waits, r)
			continue
		}
		if at == StandingGone && was.standing() == owed { // gone before its first record
			h.forget(r)
			continue
		}
		if at != w.standing || origins != w.origins && at != StandingLost {
			w = wait{at, origins, minute}
			h.waits[r] = w
		}
		since := w.since
		if crosses := at == StandingLost || was.standing() == StandingLost && at != StandingGone; crosses {
			since = was.since()
		}
		if minute-since >= settleMinutes {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b rib.Row) int {
		return cmp.Or(cmp.Compare(h.waits[a].since, h.waits[b].since), cmp.Compare(s.rib.Key(a), s.rib.Key(b)))
	})
	due = due[:min(len(due), maxChanges)]
	out := make([]Holding, 0, len(due))
	for _, r := range due {
		out = append(out, s.sayChange(r, h.waits[r]))
	}
	return out
}

// sayChange publishes the new state of a row.
func (s *State) sayChange(r rib.Row, w wait) Holding {
	h := &s.holdings
	was := h.said[r].standing()
	atLeast := was == NoStanding && s.knowledge != bgp.TablesComplete
	if p := &s.prefixes[r]; w.standing == StandingLost && was == NoStanding && p.since != 0 {
		w.since = int64(p.since) - 1 // it was lost before the tables came
	}
	h.said[r], h.turns[r] = saidOf(w.standing, w.since, atLeast, w.origins), turnOf(s.rib.Key(r))
	if w.standing == StandingGone {
		h.turns[r] = noTurn
	}
	delete(h.waits, r)
	return s.holding(r, false)
}

// sayTurns publishes the prefixes whose turns have come since the last window that took turns.
// changed are the records that this window already has.
func (s *State) sayTurns(minute int64, changed []Holding) []Holding {
	h := &s.holdings
	h.paid = max(h.paid, minute-dayTurns)
	n := min(minute-h.paid, maxTurns)
	if n <= 0 {
		return nil
	}
	first := uint16((h.paid + 1) % dayTurns)
	h.paid += n
	already := make(map[rib.Key]bool, len(changed))
	for i := range changed {
		already[changed[i].Key] = true
	}
	var out []Holding
	for row, t := range h.turns {
		if t < first {
			t += dayTurns // a turn of the next day
		}
		if t-first >= uint16(n) { // noTurn is also skipped here
			continue
		}
		r := rib.Row(row)
		if already[s.rib.Key(r)] {
			continue
		}
		if x, ok := s.sayTurn(r, minute); ok {
			out = append(out, x)
		}
	}
	return out
}

// sayTurn publishes a row whose turn has come, also if a change of it waits.
func (s *State) sayTurn(r rib.Row, minute int64) (Holding, bool) {
	h := &s.holdings
	at, origins, ok := s.standsNow(r)
	was := h.said[r]
	switch {
	case !ok:
		return Holding{}, false
	case at == StandingGone && was.standing() == owed: // gone before its first record
		h.forget(r)
		return Holding{}, false
	case was.standing() == owed && was.is(at, origins):
		h.said[r] = saidOf(at, was.since(), true, origins)
		delete(h.waits, r)
		return s.holding(r, false), true
	case was.is(at, origins):
		return s.holding(r, true), true
	}
	w, waits := h.waits[r]
	if !waits || w.standing != at || w.origins != origins {
		w = wait{at, origins, minute}
	}
	return s.sayChange(r, w), true
}

// holding builds the record of a row from its published state.
func (s *State) holding(r rib.Row, daily bool) Holding {
	x, p := s.holdings.said[r], &s.prefixes[r]
	out := Holding{
		Key: s.rib.Key(r), Standing: x.standing(), Since: x.since() * 60, AtLeast: x.atLeast(),
		SeenBy: s.voters.Count(s.rib.Held(r)), Voters: s.voters.N,
		UsualPermille: -1, Places: s.heldPlaces(p.place), Daily: daily,
	}
	if s.knowledge == bgp.TablesComplete {
		out.UsualPermille = int(p.usual) * 1000 / wholeShare
	}
	out.Origins, out.Upstreams = s.heardFrom(r, x)
	return out
}

// heardFrom counts the voters by origin and by upstream. It counts the voters that hold a row. For
// a lost or gone row it counts all voters by the route that they heard last.
func (s *State) heardFrom(r rib.Row, x said) (origins, upstreams []HeardFrom) {
	var tmp [maxWords]uint64
	held, words, all := s.rib.Held(r), s.rib.Words(), 0
	last := x.standing() == StandingLost || x.standing() == StandingGone
	of := s.origins.list(x.origins)
	origins = make([]HeardFrom, len(of))
	for i, a := range of {
		origins[i].ASN = a
	}
	count := s.tallied.empty()
	s.rib.EachPair(r, func(origin, upstream bgp.ASN, slots []uint64) {
		for i, b := range slots {
			if tmp[i] = b; !last {
				tmp[i] &= held[i]
			}
		}
		n := s.voters.Count(tmp[:words])
		all += n
		if i := slices.IndexFunc(origins, func(h HeardFrom) bool { return h.ASN == origin }); i >= 0 {
			origins[i].Voters += n
		}
		if upstream != 0 {
			count.add(upstream, n)
		}
	})
	count.keep(all, 20)
	count.sort()
	return origins, slices.Clone(count.votes[:min(len(count.votes), maxUpstreams)])
}
