package outage

import (
	"cmp"
	"maps"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	togetherSeconds = 120 // upstreams or prefixes lost within this time were lost together
	earlySeconds    = hour
)

// digest summarises an entity's lost prefixes, in a bounded size, at the time of the greatest
// loss.
type digest struct {
	total        int
	suspectSpace uint64 // space lost on enough collectors for a suspicion
	deepSpace    uint64 // space of prefixes that are not partial
	lost         []string
	surviving    []string
	survivors    int

	origins     []bgp.ASN // most space first; capped
	originOrder []bgp.ASN // in the order in which their prefixes were lost; capped
	originCount int
	usually     []bgp.ASN // of a prefix: its usual origins; capped
	countries   []string  // of an AS or prefix: countries of the lost space, most first; capped
	upstreams   []bgp.ASN // most lost prefixes first; capped
	onlyOne     bool      // every lost prefix had the same single upstream
	together    *bool     // the upstreams were lost within two minutes
	rerouted    []bgp.ASN

	covered      []bgp.Covered
	deaggregated []string
	table        Cover // of a prefix: the less-specific prefix in the prefix-to-origin files
	allCovered   int   // lost prefixes that are still covered by a route of the same origin
	// partly is the number of lost prefixes of which more-specific routes of the same origin carry
	// a part. partlySpace is the space of these prefixes, partlyCarried the carried part.
	partly                     int
	partlySpace, partlyCarried uint64
	unit                       uint64 // space of one /24 or /48

	withdrawals int   // number of known withdrawal times
	tenth       int64 // 10th percentile of the withdrawal times
	lapsed      bool  // most of the prefixes were lost with sessions that ended
	spread      *bgp.Spread
	withdrawn   *bgp.Withdrawals
	shape       string

	voters     int // most voters that lost one prefix
	collectors int // most collectors on which one prefix was lost
}

// digestOf asks the view for the entity's lost prefixes and summarises them.
func (e *Engine) digestOf(ent *entity) *digest {
	k := ent.key
	lost := e.view.Lost(k)
	d := &digest{unit: e.cfg.Family.UnitSpace()}
	d.countOrigins(lost, e.cfg.MaxOrigins)
	d.countUpstreams(lost, e.cfg.MaxOrigins)
	early := e.window - earlySeconds
	if e.sinceTables(ent) {
		early = 0
	}
	d.measureTimes(lost, early)
	d.measureWithdrawals(lost, k.Type == bgp.EntityPrefix, early)
	d.usually, d.countries = e.view.Belongs(k)
	d.usually, d.countries = d.usually[:min(len(d.usually), e.cfg.MaxOrigins)],
		d.countries[:min(len(d.countries), e.cfg.MaxOrigins)]
	for i := range lost {
		p := &lost[i]
		dark := p.Space - min(p.Carried, p.Space)
		if p.Collectors >= e.cfg.SuspectCollectors && !p.Deaggregated {
			d.suspectSpace += dark
		}
		if p.SharePermille < e.cfg.PartialLowPermille && !p.UnderAggregate {
			d.deepSpace += dark
		}
		if p.Carried > 0 && !p.Deaggregated {
			d.partly++
			d.partlySpace, d.partlyCarried = d.partlySpace+p.Space, d.partlyCarried+min(p.Carried, p.Space)
		}
		d.voters = max(d.voters, len(p.Withdrawals))
		d.collectors = max(d.collectors, p.Collectors)
		if !p.UnderAggregate || k.Type == bgp.EntityPrefix {
			if d.total++; len(d.lost) < e.cfg.MaxPrefixes {
				d.lost = append(d.lost, p.Prefix.String())
			}
		}
		if k.Type == bgp.EntityPrefix {
			d.table = p.Table
		}
		if p.CoveredBy != 0 && len(d.covered) < e.cfg.MaxPrefixes {
			d.covered = append(d.covered, bgp.Covered{Prefix: p.Prefix.String(), By: p.CoveredBy})
		}
		if p.Deaggregated {
			d.allCovered++
			if len(d.deaggregated) < e.cfg.MaxPrefixes {
				d.deaggregated = append(d.deaggregated, p.Prefix.String())
			}
		}
	}
	if k.Type != bgp.EntityPrefix {
		surviving, n := e.view.Surviving(k, e.cfg.MaxPrefixes)
		d.survivors = n
		for _, p := range surviving {
			d.surviving = append(d.surviving, p.String())
		}
	}
	return d
}

// countOrigins orders the origins by their lost space, and by the time of their first loss.
func (d *digest) countOrigins(lost []LostPrefix, limit int) {
	space, first := map[bgp.ASN]uint64{}, map[bgp.ASN]int64{}
	for i := range lost {
		p := &lost[i]
		if p.Origin == 0 {
			continue
		}
		space[p.Origin] += p.Space
		if len(p.Withdrawals) == 0 {
			continue
		}
		if t, ok := first[p.Origin]; !ok || p.Withdrawals[0] < t {
			first[p.Origin] = p.Withdrawals[0]
		}
	}
	d.originCount = len(space)
	d.origins = slices.SortedFunc(maps.Keys(space), func(a, b bgp.ASN) int {
		return cmp.Or(cmp.Compare(space[b], space[a]), cmp.Compare(a, b))
	})
	d.origins = d.origins[:min(len(d.origins), limit)]
	if len(first) < 2 {
		return
	}
	d.originOrder = slices.SortedFunc(maps.Keys(first), func(a, b bgp.ASN) int {
		return cmp.Or(cmp.Compare(first[a], first[b]), cmp.Compare(a, b))
	})
	d.originOrder = d.originOrder[:min(len(d.originOrder), limit)]
}

// countUpstreams orders the upstreams by the number of lost prefixes that used them. It also
// decides whether the upstreams were lost together: the medians of the withdrawals through each
// upstream lie within two minutes, and no voter heard another way.
func (d *digest) countUpstreams(lost []LostPrefix, limit int) {
	prefixes, times := map[bgp.ASN]int{}, map[bgp.ASN][]int64{}
	single := len(lost) > 0
	for i := range lost {
		p := &lost[i]
		rerouted := p.ReroutedVia
		if len(p.Upstreams) == 1 { // a route through the same upstream is no other way
			rerouted = slices.DeleteFunc(slices.Clone(rerouted),
				func(a bgp.ASN) bool { return a == p.Upstreams[0] })
		}
		single = single && len(p.Upstreams) == 1 && len(rerouted) == 0
		for _, u := range p.Upstreams {
			prefixes[u]++
			if len(p.Withdrawals) > 0 {
				times[u] = append(times[u], percentile(p.Withdrawals, 50))
			}
		}
		d.rerouted = append(d.rerouted, rerouted...)
	}
	slices.Sort(d.rerouted)
	d.rerouted = slices.Compact(d.rerouted)
	d.upstreams = slices.SortedFunc(maps.Keys(prefixes), func(a, b bgp.ASN) int {
		return cmp.Or(cmp.Compare(prefixes[b], prefixes[a]), cmp.Compare(a, b))
	})
	d.onlyOne = single && len(d.upstreams) == 1
	if len(times) > 0 && len(times) == len(prefixes) {
		low, high := int64(1<<62), int64(-1<<62)
		for _, t := range times {
			slices.Sort(t)
			low, high = min(low, t[0]), max(high, t[len(t)-1])
		}
		together := high-low <= togetherSeconds && len(d.rerouted) == 0
		d.together = &together
	}
	d.upstreams = d.upstreams[:min(len(d.upstreams), limit)]
	d.rerouted = d.rerouted[:min(len(d.rerouted), limit)]
}

// sinceTables reports whether the entity's loss was visible in the first whole tables. Such a loss
// is as old as its withdrawals.
func (e *Engine) sinceTables(ent *entity) bool {
	if ent.ev != nil {
		return ent.ev.first == e.tabled
	}
	return ent.loss != nil && ent.loss.first == e.tabled || ent.large != nil && ent.large.first == e.tabled
}

// measureTimes summarises the times at which the voters lost the prefixes. Times before early
// (Unix seconds) do not belong to this loss.
func (d *digest) measureTimes(lost []LostPrefix, early int64) {
	var all, each []int64
	lapsed := 0
	for i := range lost {
		if lost[i].Lapsed {
			lapsed++
		}
		w := lost[i].Withdrawals
		from, _ := slices.BinarySearch(w, early)
		if w = w[from:]; len(w) > 0 {
			all = append(all, w...)
			each = append(each, percentile(w, 50))
		}
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	slices.Sort(each)
	d.withdrawals, d.tenth, d.lapsed = len(all), percentile(all, 10), 2*lapsed > len(lost)
	d.spread = &bgp.Spread{
		P10: d.tenth - all[0], P50: percentile(all, 50) - all[0], P90: percentile(all, 90) - all[0],
	}
	d.shape = shape(each)
}

// The shapes of a loss.
const (
	shapeAbrupt  = "abrupt"
	shapeStepped = "stepped"
	shapeGradual = "gradual"
)

// shape classifies a loss by the sorted times at which half of the voters had lost each prefix.
//   - abrupt: the 10th and the 90th percentile lie within two minutes
//   - stepped: a few steps, each within two minutes
//   - gradual: one prefix after the other.
func shape(times []int64) string {
	if percentile(times, 90)-percentile(times, 10) <= togetherSeconds {
		return shapeAbrupt
	}
	steps, begin := 1, times[0]
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] > togetherSeconds {
			steps++
			begin = times[i]
		}
		if times[i]-begin > togetherSeconds {
			return shapeGradual
		}
	}
	if steps > 4 && steps*2 > len(times) {
		return shapeGradual
	}
	return shapeStepped
}

// percentile returns an element of sorted times (nearest rank). times must not be empty.
func percentile(times []int64, p int) int64 { return times[max(0, (len(times)*p+99)/100-1)] }
