package year

import (
	"cmp"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// hourlyASes bounds the first networks that have a row each hour. Two ASes of the stories have one
// as well.
const hourlyASes = 400

// step changes the number of lost prefixes of an entity, from a minute since 1970 on.
type step struct {
	minute int64
	lost   int
}

// seen is an entity whose rows are being made.
type seen struct {
	entity bgp.Entity
	usual  int // prefixes
	steps  []step
	lost   int
	// noise is the number of prefixes by which the last row was below usual without a loss.
	noise  int
	hourly bool
	// each is the minute of the hour in which the entity has its hourly row.
	each int64
	next int // the next step
	// order is the rank of the entity's row among the rows of a minute.
	order int
}

// sample is a row that is due.
type sample struct {
	minute        int64
	e             *seen
	visible, base int
}

// visibilityRecords yields the rows of a family: one an hour, and one at each change.
func (y *Year) visibilityRecords(family int) iter.Seq2[*kgo.Record, error] {
	return func(yield func(*kgo.Record, error) bool) {
		var s sender
		rng := rand.New(rand.NewPCG(y.cfg.Seed, 10+uint64(family))) //nolint:gosec // repeatable on purpose
		entities := y.entities(family)
		var due []sample
		rec := &pb.VisibilityRecord{
			Family: codec.Family(bgp.Families[family]), UsualSpace: new(uint64),
			UsualPrefixes: new(uint32),
		}
		for h := y.begin / hour; h < y.end/hour; h++ {
			due = due[:0]
			for _, e := range entities {
				due = e.inHour(due, h*60, h == y.begin/hour, rng)
			}
			slices.SortStableFunc(due, func(a, b sample) int {
				return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(a.e.order, b.e.order))
			})
			for i := range due {
				y.fill(rec, &due[i], family, &s)
				if !yield(s.record(schemas.TopicVisibility, int32(family), y.taken((due[i].minute+1)*minute), rec)) {
					return
				}
			}
		}
	}
}

// fill makes the record of a sample.
func (y *Year) fill(rec *pb.VisibilityRecord, d *sample, family int, s *sender) {
	f := bgp.Families[family]
	unit := f.UnitSpace()
	rec.Position = s.decided(f, d.minute*minute)
	rec.Entity = codec.Entity(d.e.entity)
	rec.WindowUs = at(d.minute * minute)
	rec.Space, rec.Prefixes = uint64(d.visible)*unit, uint32(d.visible)
	rec.BaselineSpace, rec.BaselinePrefixes = uint64(d.base)*unit, uint32(d.base)
	*rec.UsualSpace, *rec.UsualPrefixes = rec.BaselineSpace, rec.BaselinePrefixes
	rec.Voters = uint32(y.votersAt(d.minute * minute))
}

// inHour appends the rows of the hour that begins at minute from since 1970.
func (e *seen) inHour(due []sample, from int64, first bool, rng *rand.Rand) []sample {
	say := func(m int64) {
		visible := max(0, e.usual-e.lost-e.noise)
		if n := len(due); n > 0 && due[n-1].e == e && due[n-1].minute == m { // one row a minute
			due[n-1].visible = visible
			return
		}
		due = append(due, sample{m, e, visible, e.usual})
	}
	told := !e.hourly && !first
	for ; e.next < len(e.steps) && e.steps[e.next].minute < from+60; e.next++ {
		m := e.steps[e.next].minute
		if !told && m > from+e.each {
			say(from + e.each)
			told = true
		}
		e.lost += e.steps[e.next].lost
		told = told || m == from+e.each
		say(m)
	}
	if !told {
		if e.usual >= 200 && rng.IntN(4) == 0 {
			e.noise = rng.IntN(max(1, e.usual/400))
		}
		say(from + e.each)
	}
	return due
}

// entities returns the entities of a family, each with its losses.
func (y *Year) entities(family int) []*seen {
	w := y.world
	steps := y.steps(family)
	var all []*seen
	add := func(t bgp.EntityType, code, name string, usual int, hourly bool) {
		key := entityKey{t, code}
		if usual == 0 {
			return
		}
		e := &seen{
			entity: bgp.Entity{Type: t, Code: code, Name: name}, usual: usual, hourly: hourly,
			each: int64(len(all)*7) % 60, order: len(all), steps: steps[key],
		}
		slices.SortStableFunc(e.steps, func(a, b step) int { return cmp.Compare(a.minute, b.minute) })
		all = append(all, e)
	}
	limit := max(2, int(hourlyASes*y.cfg.Scale))
	for i := range w.ases {
		told := i == repeater || i == customer || i >= storyASes && i < storyASes+limit
		add(bgp.EntityAS, asn(i).String(), w.owner(i), w.ases[i].prefixes[family], told && family == 0)
	}
	for i := range w.countries {
		c := &w.countries[i]
		add(bgp.EntityCountry, c.code, c.name, c.prefixes[family], true)
		for r := range c.regions {
			add(bgp.EntityRegion, c.regions[r].code, c.regions[r].code, c.regions[r].prefixes[family], family == 0)
		}
	}
	add(bgp.EntityWorld, "world", "World", w.prefixes[family], true)
	return all
}

type entityKey struct {
	t    bgp.EntityType
	code string
}

// steps returns the changes of the losses of each entity of a family.
func (y *Year) steps(family int) map[entityKey][]step {
	all := map[entityKey][]step{}
	for _, o := range y.outages {
		if o.family != family || o.quiet || o.lost == 0 {
			continue
		}
		note := func(t bgp.EntityType, code string, lost int) {
			key := entityKey{t, code}
			for _, span := range o.spans() {
				all[key] = append(all[key], step{span[0] / minute, lost}, step{span[1]/minute + 1, -lost})
			}
		}
		c := &y.world.countries[o.country]
		switch o.entity.Type {
		case bgp.EntityPrefix, bgp.EntityAS:
			if o.entity.Type == bgp.EntityAS || !o.hidden {
				note(bgp.EntityAS, asn(o.origins[0]).String(), o.lost)
			}
			if !o.hidden {
				note(bgp.EntityRegion, c.regions[o.region].code, o.lost)
			}
		case bgp.EntityRegion:
			note(bgp.EntityRegion, o.entity.Code, o.lost)
		case bgp.EntityWorld, bgp.EntityWatch: // they belong to no story
		case bgp.EntityCountry:
			for r := range c.regions {
				note(bgp.EntityRegion, c.regions[r].code, c.regions[r].prefixes[family]*o.lost/max(1, o.usual))
			}
		}
		if !o.hidden {
			note(bgp.EntityCountry, c.code, o.lost)
			note(bgp.EntityWorld, "world", o.lost)
		}
	}
	return all
}

// spans returns the times of the loss, in seconds.
func (o *outage) spans() [][2]int64 {
	if o.again == 0 {
		return [][2]int64{{o.start, o.end}}
	}
	return [][2]int64{{o.start, o.again - 5*minute}, {o.again, o.end}}
}
