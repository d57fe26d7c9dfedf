package year

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// fullOutages is the number of outages of a year at scale 1, without the stories.
const fullOutages = 27_000

// planner makes the outages of a year.
type planner struct {
	y   *Year
	w   *world
	rng *rand.Rand
	all []*outage
}

func newPlanner(y *Year) *planner {
	return &planner{
		y: y, w: y.world,
		rng: rand.New(rand.NewPCG(y.cfg.Seed, 2)), //nolint:gosec // repeatable on purpose
	}
}

// plan returns all outages, with ids.
func (p *planner) plan() []*outage {
	p.stories()
	for range max(150, int(fullOutages*p.y.cfg.Scale*float64(p.y.cfg.Days)/365)) {
		p.draw()
	}
	sortOutages(p.all)
	taken := map[string]bool{}
	kept := p.all[:0]
	for _, o := range p.all {
		published := time.Unix(o.start, 0)
		// The detector takes the next free minute, too.
		for o.id = ""; o.id == "" || taken[o.id]; published = published.Add(time.Minute) {
			o.id = bgp.OutageID(o.entity.Type, o.entity.Code, o.bgpFamily(), published)
		}
		taken[o.id] = true
		kept = append(kept, o)
	}
	return kept
}

// add appends the outages that begin within the year.
func (p *planner) add(all ...*outage) {
	for _, o := range all {
		if o.start >= p.y.begin && o.start < p.y.end {
			p.all = append(p.all, o)
		}
	}
}

// draw adds an outage of an AS, a prefix, a region or a country that belongs to no story.
func (p *planner) draw() {
	family := 0
	if p.rng.IntN(100) < 18 {
		family = 1
	}
	i := p.anyAS(family)
	at := p.moment(i)
	var o *outage
	switch n := p.rng.IntN(1000); {
	case n < 640:
		lost := p.w.ases[i].prefixes[family]
		if p.rng.IntN(10) < 3 {
			lost = max(1, lost*(20+p.rng.IntN(70))/100)
		}
		o = p.w.ofAS(i, family, lost, at, p.length())
	case n < 955:
		o = p.w.ofPrefix(i, family, p.rng.IntN(p.w.ases[i].prefixes[family]), at, p.length())
	case n < 990:
		o = p.w.ofPlace(p.w.ases[i].country, p.w.ases[i].region, family, 12+p.rng.IntN(50), at, p.length())
	default:
		o = p.w.ofPlace(p.w.ases[i].country, -1, family, 11+p.rng.IntN(25), at, min(p.length(), 8*hour))
	}
	o.routes = o.entity.Type == bgp.EntityAS || o.entity.Type == bgp.EntityPrefix
	p.vary(o)
	p.add(o)
}

// vary gives an outage one of the other lives: a blip, another kind, another reason of its end.
func (p *planner) vary(o *outage) {
	o.suspected = p.rng.IntN(5) == 0
	switch n := p.rng.IntN(1000); {
	case n < 80:
		o.blip, o.suspected, o.end = true, false, o.start+minute+p.rng.Int64N(3*minute)
	case n < 140:
		o.kind, o.quiet, o.routes = bgp.KindPartial, true, false
		o.lost = max(1, o.lost/2)
	case n < 180:
		o.kind, o.quiet = bgp.KindIntermittent, true
	case n < 200 && o.entity.Type <= bgp.EntityAS:
		o.kind, o.quiet, o.routes, o.movedTo = bgp.KindMoved, true, false, []int{p.anyAS(o.family)}
	case n < 220:
		o.suspected, o.takenBack, o.quiet, o.routes = true, true, true, false
		o.end, o.reason = o.start+4*minute+p.rng.Int64N(5*minute), bgp.EndRecovered
	case n < 240:
		o.reason = bgp.EndNewNormal
	case n < 255 && o.entity.Type == bgp.EntityPrefix:
		o.reason = bgp.EndCovered
	case n < 265:
		o.reason = bgp.EndLostSight
	case n < 285:
		o.again = o.end + 5*minute
		o.end = o.again + p.length()
	}
}

// anyAS draws an AS that belongs to no story and has prefixes of the family.
func (p *planner) anyAS(family int) int {
	for {
		i := storyASes + p.rng.IntN(len(p.w.ases)-storyASes)
		c := &p.w.countries[p.w.ases[i].country]
		if p.w.ases[i].prefixes[family] > 0 && !quietCountries[c.code] {
			return i
		}
	}
}

// moment draws the start of an outage of an AS. Three of ten are at night in local time, when
// operators work on networks.
func (p *planner) moment(i int) int64 {
	t := p.y.begin + p.rng.Int64N(p.y.end-p.y.begin)
	if p.rng.IntN(10) >= 3 {
		return t
	}
	local := p.w.countries[p.w.ases[i].country].offset
	return max(p.y.begin, (t+local)/day*day+hour+p.rng.Int64N(3*hour)-local)
}

// length draws the duration of an outage: half of them last less than 35 minutes, none longer than
// ten days.
func (p *planner) length() int64 {
	return min(10*day, max(6*minute, int64(float64(35*minute)*math.Exp(1.3*p.rng.NormFloat64()))))
}
