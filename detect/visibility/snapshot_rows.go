package visibility

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/darkmap/darkmap/detect/outage"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/detect/snapshot"
)

// prefixes writes or reads the prefixes of the rows with their last published states.
func (x *coding) prefixes() {
	s, c := x.s, x.c
	c.Part("prefixes")
	n := len(s.prefixes)
	if snapshot.Int(c, &n); n < 0 || n > x.rows {
		c.Fail("%d prefixes in %d rows", n, x.rows)
		return
	}
	if n > 0 {
		s.prefix(rib.Row(n - 1)) // allocates all rows
	}
	last := uint32(0)
	for r := range rib.Row(n) {
		if c.Err() != nil {
			return
		}
		p := s.prefix(r)
		x.prefix(p)
		x.said(r, p, &last)
		if c.Reading() && s.rib.Key(r) == 0 && p.flags != 0 {
			c.Fail("a prefix in the free row %d", r)
		}
	}
	var staged []rib.Row
	if !c.Reading() {
		staged = sortedRows(slices.Values(s.staged))
	}
	snapshot.Numbers(c, &staged, n)
	if c.Reading() {
		s.staged = staged
	}
}

// prefix writes or reads one prefix.
func (x *coding) prefix(p *prefix) {
	c := x.c
	x.day(&p.day)
	snapshot.Uint(c, &p.usual)
	snapshot.Uint(c, &p.flags)
	snapshot.Uint(c, &p.share)
	snapshot.Uint(c, &p.since)
	x.place(&p.place)
	x.origin(&p.usually)
	x.watched(&p.watch)
	x.place(&p.staged)
	same := p.origins == p.usually
	if snapshot.Bool(c, &same); same {
		p.origins = p.usually
		return
	}
	x.origin(&p.origins)
}

// day writes or reads the samples of a prefix: the common share and the hours without a sample, or
// all samples.
func (x *coding) day(d *dayID) {
	c, days := x.c, &x.s.days
	share, without := d.share(), ^uint32(*d)&hoursMask
	snapshot.Uint(c, &share)
	switch {
	case share == variousDay:
		var all [dayHours]uint8
		if !c.Reading() {
			all = days.various[d.number()]
		}
		if codeSamples(c, &all); c.Reading() {
			same, ok := sameDay(&all)
			if *d = same; !ok {
				*d = variousDay<<dayHours | dayID(days.add(&all))
			}
		}
		return
	case share > wholeShare:
		c.Fail("a share of %d", share)
		share = 0
	}
	if snapshot.Uint(c, &without); without > hoursMask {
		c.Fail("the hours %x of a day", without)
		without = 0
	}
	*d = dayID(share)<<dayHours | dayID(^without&hoursMask)
}

// codeSamples writes or reads the most frequent sample, the hours with other samples, and these
// samples.
func codeSamples(c *snapshot.Coder, v *[dayHours]uint8) {
	most, others := majority(v), uint32(0)
	for h, x := range v {
		if x != most {
			others |= 1 << h
		}
	}
	snapshot.Uint(c, &most)
	snapshot.Uint(c, &others)
	for h := range v {
		if others&(1<<h) != 0 {
			snapshot.Uint(c, &v[h])
		} else {
			v[h] = most
		}
	}
}

// majority returns the sample of more than half of the hours. If there is none, it returns some
// sample.
func majority(v *[dayHours]uint8) uint8 {
	most, n := v[0], 0
	for _, x := range v {
		switch {
		case n == 0:
			most, n = x, 1
		case x == most:
			n++
		default:
			n--
		}
	}
	return most
}

// said writes or reads the last published state of a row. A row that has a turn has the turn of
// its prefix.
func (x *coding) said(r rib.Row, p *prefix, last *uint32) {
	s, c := x.s, x.c
	h := &s.holdings
	d := int64(h.said[r].when) - int64(*last)
	if snapshot.Int(c, &d); c.Reading() {
		h.said[r].when = uint32(int64(*last) + d)
	}
	*last = h.said[r].when
	same := h.said[r].origins == p.usually
	if snapshot.Bool(c, &same); same {
		h.said[r].origins = p.usually
	} else {
		x.origin(&h.said[r].origins)
	}
	turn := h.turns[r] != noTurn
	if snapshot.Bool(c, &turn); c.Reading() && turn {
		h.turns[r] = turnOf(s.rib.Key(r))
	}
}

// sortedRows lists rows in order, each once.
func sortedRows(all func(func(rib.Row) bool)) []rib.Row { return slices.Compact(slices.Sorted(all)) }

// holdings writes or reads the changes that wait to be published.
func (x *coding) holdings() {
	c, h := x.c, &x.s.holdings
	c.Part("holdings")
	x.rowsOf(&h.differ)
	snapshot.NumberMap(c, &h.waits, x.rows, func(c *snapshot.Coder, w *wait) {
		snapshot.Uint(c, &w.standing)
		x.origin(&w.origins)
		snapshot.Int(c, &w.since)
	})
	snapshot.Int(c, &h.paid)
	if h.paid < 0 {
		c.Fail("the minute %d", h.paid)
	}
}

// rowsOf writes or reads a list of rows whose order has no meaning.
func (x *coding) rowsOf(v *[]rib.Row) {
	rows := sortedRows(slices.Values(*v))
	snapshot.Numbers(x.c, &rows, x.rows)
	if x.c.Reading() {
		*v = rows
	}
}

// rowSet writes or reads a set of rows.
func (x *coding) rowSet(v *map[rib.Row]struct{}) {
	snapshot.NumberMap(x.c, v, x.rows, snapshot.Nothing)
}

// losses writes or reads withdrawals, troughs and route changes.
func (x *coding) losses() {
	s, c := x.s, x.c
	c.Part("losses")
	snapshot.NumberMap(c, &s.loss.rows, x.rows, snapshot.Of(x.loss))
	snapshot.Slice(c, &s.loss.withdrawn, x.event)
	snapshot.Slice(c, &s.loss.rerouted, x.event)
	snapshot.Bool(c, &s.loss.overflow)
	c.Part("troughs")
	snapshot.NumberMap(c, &s.troughs.losses, x.rows, snapshot.Of(x.trough))
	snapshot.NumberMap(c, &s.troughs.moves, x.rows, snapshot.Of(x.trough))
	snapshot.Int(c, &s.troughs.minute)
	snapshot.Int(c, &s.troughs.since)
	c.Part("churn")
	x.churn()
}

func (x *coding) loss(c *snapshot.Coder, v *loss) {
	snapshot.Slice(c, &v.entries, func(c *snapshot.Coder, e *entry) {
		x.slot(&e.slot)
		snapshot.Bool(c, &e.lapsed)
		snapshot.Uint(c, &e.at)
	})
	snapshot.Slice(c, &v.upstream, snapshot.Uint)
}

// slot writes or reads the slot of a peer.
func (x *coding) slot(v *uint16) { snapshot.Number(x.c, v, 64*x.s.rib.Words()) }

func (x *coding) event(c *snapshot.Coder, v *event) {
	snapshot.Number(c, &v.row, x.rows)
	x.slot(&v.slot)
	snapshot.Bool(c, &v.lapsed)
	snapshot.Uint(c, &v.at)
	snapshot.Uint(c, &v.upstream)
}

func (x *coding) trough(c *snapshot.Coder, v *trough) {
	snapshot.Words(c, &v.seen, maxWords)
	snapshot.Words(c, &v.voted, maxWords)
	snapshot.Int(c, &v.held)
	snapshot.Int(c, &v.of)
	snapshot.Int(c, &v.heard)
	snapshot.Int(c, &v.began)
	snapshot.Int(c, &v.over)
	snapshot.Int(c, &v.overMinute)
	snapshot.Uint(c, &v.usual)
	x.origin(&v.usually)
	snapshot.Bool(c, &v.lost)
	snapshot.Bool(c, &v.learned)
	snapshot.Bool(c, &v.settled)
}

// churn writes or reads the numbers of route changes.
func (x *coding) churn() {
	c, v := x.c, &x.s.churn
	snapshot.Int(c, &v.newest)
	if v.newest < 0 {
		c.Fail("the five minutes %d", v.newest)
	}
	for i := range v.fine {
		x.changes(&v.fine[i])
	}
	for i := range v.hours {
		x.changes(&v.hours[i])
	}
	rows := sortedRows(slices.Values(v.rows))
	snapshot.Numbers(c, &rows, x.rows)
	if c.Reading() {
		v.rows = rows
	}
	for _, r := range rows {
		if c.Reading() && int(r) >= len(v.window) {
			v.window = append(v.window, make([]uint32, int(r)+1-len(v.window))...)
		}
		snapshot.Uint(c, &v.window[r])
	}
}

// changes writes or reads the numbers of changes of the rows that have any.
func (x *coding) changes(v *changes) {
	rows := v.rows
	if v.gone > 0 {
		rows = make([]rib.Row, 0, len(v.rows)-v.gone)
		for i, r := range v.rows {
			if v.counts[i] > 0 {
				rows = append(rows, r)
			}
		}
	}
	snapshot.Numbers(x.c, &rows, x.rows)
	if x.c.Reading() {
		v.rows, v.counts = rows, make([]uint8, len(rows))
	}
	at := 0
	for _, r := range rows {
		for v.rows[at] != r {
			at++
		}
		v.count(x.c, at)
	}
}

// count writes or reads the number of changes of the row at a position.
func (v *changes) count(c *snapshot.Coder, at int) {
	r := v.rows[at]
	n := uint64(v.counts[at]) + uint64(v.more[r])
	if snapshot.Uint(c, &n); !c.Reading() {
		return
	}
	if n == 0 || n > math.MaxUint32 {
		c.Fail("%d changes of row %d", n, r)
		return
	}
	v.counts[at] = uint8(min(n, math.MaxUint8))
	if over := uint32(n) - uint32(v.counts[at]); over > 0 {
		if v.more == nil {
			v.more = make(map[rib.Row]uint32)
		}
		v.more[r] = over
	}
}

// rest writes or reads the values that only few prefixes have.
func (x *coding) rest() {
	s, c := x.s, x.c
	c.Part("few prefixes")
	snapshot.NumberMap(c, &s.young, x.rows, func(c *snapshot.Coder, y *youth) {
		snapshot.Int(c, &y.since)
		x.entity(&y.entity)
	})
	snapshot.Map(c, &s.expected, cmp.Compare[rib.Key], snapshot.Uint[rib.Key],
		func(*snapshot.Coder, *struct{}) {})
	snapshot.NumberMap(c, &s.moved, x.rows, snapshot.Int)
	snapshot.NumberMap(c, &s.open, x.rows, outage.CodeSample)
	x.brief()
	x.strangers()
}

// brief writes or reads the prefixes that came and went within a window.
func (x *coding) brief() {
	c, b := x.c, &x.s.brief
	snapshot.Slice(c, &b.announced, x.event)
	rows := make(map[rib.Row]struct{}, len(b.rows))
	for r := range b.rows {
		rows[r] = struct{}{}
	}
	x.rowSet(&rows)
	if c.Reading() {
		for r := range rows {
			b.rows[r] = true
		}
	}
	var entities []uint32
	for _, i := range b.entities {
		if !c.Reading() {
			entities = append(entities, x.entityAt[i])
		}
	}
	slices.Sort(entities)
	entities = slices.Compact(entities)
	if snapshot.Numbers(c, &entities, len(x.s.entities)); c.Reading() {
		b.entities = entities
	}
}

// strangers writes or reads the prefixes within listed ones that name their origins.
func (x *coding) strangers() {
	c, v := x.c, &x.s.strangers
	snapshot.Bool(c, &v.stale)
	x.rowSet(&v.rows)
	snapshot.NumberMap(c, &v.found, x.rows, func(c *snapshot.Coder, all *[]strangerOf) {
		snapshot.Slice(c, all, x.stranger)
	})
	if c.Reading() {
		maps.DeleteFunc(v.found, func(r rib.Row, _ []strangerOf) bool { return x.s.rib.Key(r) == 0 })
	}
}

func (x *coding) stranger(c *snapshot.Coder, v *strangerOf) {
	lists := x.s.strangers.lists
	snapshot.Number(c, &v.list, len(lists))
	if c.Err() != nil {
		return
	}
	snapshot.Number(c, &v.member.member, len(lists[v.list].Members))
	snapshot.Uint(c, &v.listed)
	snapshot.Int(c, &v.voters)
	snapshot.Int(c, &v.collectors)
	snapshot.Slice(c, &v.routes, outage.CodeUnexpectedRoute)
}
