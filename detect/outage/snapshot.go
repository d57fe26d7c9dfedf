package outage

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/detect/snapshot"
	"github.com/darkmap/darkmap/internal/bgp"
)

// graph writes or reads the entities and their events. Events are written once and referred to by
// number, because several fields can refer to the same event.
type graph struct {
	e      *Engine
	c      *snapshot.Coder
	events []*event
	number map[*event]int // while writing
}

// Code writes the state of the engine, or reads it into a new Engine of the same configuration.
// Call it between two minutes.
func (e *Engine) Code(c *snapshot.Coder) {
	g := &graph{e: e, c: c, number: make(map[*event]int)}
	all := g.collect()
	snapshot.Slice(c, &g.events, snapshot.Of(codeEvent))
	for _, ev := range g.events {
		snapshot.Slice(c, &ev.parents, g.parent)
	}
	snapshot.Slice(c, &all, func(_ *snapshot.Coder, ent **entity) { g.entity(ent) })
	e.code(c)
}

// collect lists the entities by key. It also numbers the events that other values refer to. While
// reading it returns nil.
func (g *graph) collect() []*entity {
	if g.c.Reading() {
		return nil
	}
	e := g.e
	by := maps.Clone(e.entities)
	for _, all := range []map[Key]*entity{e.active, e.behind, e.strange} {
		maps.Copy(by, all)
	}
	keys := slices.SortedFunc(maps.Keys(by), compareKeys)
	all := make([]*entity, len(keys))
	for i, k := range keys {
		ent := by[k]
		all[i] = ent
		for _, ev := range []*event{ent.ev, ent.closed, ent.strange, ent.strangeClosed} {
			g.note(ev)
		}
		for _, r := range []*run{ent.loss, ent.large, ent.band, ent.moved, ent.covered} {
			g.noteRun(r)
		}
		for i := range ent.recent {
			g.note(ent.recent[i].ev)
			g.noteRun(ent.recent[i].run)
		}
	}
	for done := 0; done < len(g.events); { // the loop appends to g.events
		ev := g.events[done]
		done++
		for i := range ev.parents {
			g.note(ev.parents[i].ev)
		}
	}
	return all
}

func (g *graph) noteRun(r *run) {
	if r != nil {
		g.note(r.suspect)
	}
}

// note gives an event a number if it has none.
func (g *graph) note(ev *event) {
	if _, ok := g.number[ev]; ev != nil && !ok {
		g.number[ev] = len(g.events)
		g.events = append(g.events, ev)
	}
}

// event writes or reads a reference to an event, or nil.
func (g *graph) event(ev **event) {
	n := 0
	if *ev != nil {
		n = g.number[*ev] + 1
	}
	if snapshot.Number(g.c, &n, len(g.events)+1); !g.c.Reading() {
		return
	}
	if *ev = nil; n > 0 {
		*ev = g.events[n-1]
	}
}

func (g *graph) parent(c *snapshot.Coder, p *parent) {
	g.e.codeKey(c, &p.key)
	g.event(&p.ev)
	snapshot.Int(c, &p.share)
}

// Flags of the maps that contain an entity.
const (
	isKnown uint8 = 1 << iota
	isActive
	isBehind
	isStrange
)

// entity writes or reads an entity and the flags of the maps that contain it.
func (g *graph) entity(p **entity) {
	e, c := g.e, g.c
	if c.Reading() {
		*p = &entity{}
	}
	ent := *p
	e.codeKey(c, &ent.key)
	in := []struct {
		flag uint8
		all  map[Key]*entity
	}{{isKnown, e.entities}, {isActive, e.active}, {isBehind, e.behind}, {isStrange, e.strange}}
	flags := uint8(0)
	for _, x := range in {
		if !c.Reading() && x.all[ent.key] == ent {
			flags |= x.flag
		}
	}
	snapshot.Uint(c, &flags)
	for _, x := range in {
		if c.Reading() && flags&x.flag != 0 {
			x.all[ent.key] = ent
		}
	}
	g.code(ent)
	if flags&isStrange != 0 && ent.strange == nil {
		c.Fail("an entity without an event of kind origin that should have one")
	}
}

// code writes or reads the state of an entity.
func (g *graph) code(ent *entity) {
	c := g.c
	CodeSample(c, &ent.last)
	snapshot.Slice(c, &ent.hist.points, codePoint)
	snapshot.Pointer(c, &ent.frozen, codeBaseline)
	for _, r := range []**run{&ent.loss, &ent.large, &ent.band, &ent.moved, &ent.covered} {
		snapshot.Pointer(c, r, g.run)
	}
	snapshot.Bool(c, &ent.toldCovered)
	for _, ev := range []**event{&ent.ev, &ent.closed, &ent.strange, &ent.strangeClosed} {
		g.event(ev)
	}
	snapshot.Slice(c, &ent.recent, g.shortLoss)
	snapshot.Slice(c, &ent.flaps.minutes, snapshot.Uint)
	snapshot.Slice(c, &ent.starts, snapshot.Int)
	snapshot.Int(c, &ent.lastEnd)
	snapshot.Int(c, &ent.lastID)
	snapshot.Text(c, &ent.superseded)
	snapshot.Pointer(c, &ent.settled, snapshot.Text)
	codeDeepness(c, &ent.deep)
	codeNearness(c, &ent.near)
	snapshot.Uint(c, &ent.movedSpace)
}

func (g *graph) run(c *snapshot.Coder, r *run) {
	snapshot.Int(c, &r.first)
	snapshot.Int(c, &r.minutes)
	snapshot.Int(c, &r.score)
	codeLoss(c, &r.peak)
	snapshot.Pointer(c, &r.digest, codeDigest)
	snapshot.Bool(c, &r.deep)
	g.event(&r.suspect)
	snapshot.Bool(c, &r.rejected)
	snapshot.Int(c, &r.held)
}

func (g *graph) shortLoss(c *snapshot.Coder, s *shortLoss) {
	snapshot.Int(c, &s.first)
	snapshot.Pointer(c, &s.run, g.run)
	if s.run == nil {
		c.Fail("a short loss without its minutes")
	}
	g.event(&s.ev)
}

// code writes or reads the state of the engine except the entities.
func (e *Engine) code(c *snapshot.Coder) {
	snapshot.Int(c, &e.deepened)
	snapshot.Int(c, &e.started)
	snapshot.Int(c, &e.next)
	snapshot.Int(c, &e.tabled)
	codeInterval(c, &e.blind)
	snapshot.Bool(c, &e.decided)
	snapshot.Int(c, &e.gatedSince)
	snapshot.Int(c, &e.window)
	codePanel(c, &e.panel)
	snapshot.Int(c, &e.changed)
	snapshot.Slice(c, &e.taken, e.codeTaken)
	snapshot.Slice(c, &e.removed, e.codeKey)
	snapshot.Slice(c, &e.standing, e.codeStanding)
	snapshot.Bool(c, &e.listed)
}

func (e *Engine) codeTaken(c *snapshot.Coder, v *Event) {
	e.codeKey(c, &v.Key)
	codeOutage(c, &v.Outage)
}

func (e *Engine) codeStanding(c *snapshot.Coder, v *standing) {
	e.codeKey(c, &v.key)
	codeOutage(c, &v.outage)
	snapshot.Int(c, &v.waited)
	snapshot.Int(c, &v.listed)
}

// codeOutage writes or reads a published object as JSON, the form in which it is published.
func codeOutage(c *snapshot.Coder, v *bgp.Outage) {
	var b []byte
	if !c.Reading() {
		var err error
		if b, err = json.Marshal(v); err != nil {
			c.Fail("encoding outage %s: %v", v.ID, err)
		}
	}
	if snapshot.Octets(c, &b); !c.Reading() || c.Err() != nil {
		return
	}
	if err := json.Unmarshal(b, v); err != nil {
		c.Fail("an outage that cannot be read: %v", err)
	}
}

// codeKey writes or reads a key. It fails if the key is of another family.
func (e *Engine) codeKey(c *snapshot.Coder, v *Key) {
	CodeKey(c, v)
	if c.Err() == nil && v.Family != e.cfg.Family && *v != (Key{}) {
		c.Fail("an entity of family %d among those of %s", v.Family, e.cfg.Family)
	}
}
