package outage

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	sampleMinutes = 5           // of the samples that the median is taken over
	dayMinutes    = 24 * 60     // its length
	daySamples    = 24 * 60 / 5 // how many there are
)

// baseline is what an entity usually shows.
type baseline struct {
	space    uint64
	prefixes int
	mad      uint64 // median absolute deviation of the space
}

// point says what stood from a minute on (minutes since 1970).
type point struct {
	since    uint32
	prefixes uint32
	space    uint64
}

// history is the run-length list of an entity's last 24 hours. Only what stands at a 5-minute sample is kept, so it has at most
// daySamples+1 points: 4.6 kB for an entity that changes all the time, 16 bytes for one that never does.
type history struct{ points []point }

// record notes that the values stand from minute on. Minutes do not go back.
func (h *history) record(minute int64, space uint64, prefixes int) {
	p := point{since: uint32(minute), prefixes: uint32(prefixes), space: space}
	if n := len(h.points); n > 0 && nextSample(h.points[n-1].since) == nextSample(p.since) {
		h.points = h.points[:n-1] // it was replaced before any sample saw it
	}
	if n := len(h.points); n > 0 && h.points[n-1].space == p.space && h.points[n-1].prefixes == p.prefixes {
		return
	}
	h.points = append(h.points, p)
	h.prune(minute)
}

// reset makes the values those of the whole last day.
func (h *history) reset(minute int64, space uint64, prefixes int) {
	h.points = append(h.points[:0], point{since: uint32(minute - dayMinutes), prefixes: uint32(prefixes), space: space})
}

// prune drops what ended before the last 24 hours.
func (h *history) prune(minute int64) {
	first := 0
	for first+1 < len(h.points) && int64(h.points[first+1].since) <= minute-dayMinutes {
		first++
	}
	h.points = slices.Delete(h.points, 0, first)
}

// highest returns the most space and the most prefixes of the list, or these.
func (h *history) highest(space uint64, prefixes int) (uint64, int) {
	for _, p := range h.points {
		space, prefixes = max(space, p.space), max(prefixes, int(p.prefixes))
	}
	return space, prefixes
}

// nextSample is the number of the first 5-minute sample at or after a minute.
func nextSample(minute uint32) uint32 { return (minute + sampleMinutes - 1) / sampleMinutes }

// weighted is a value and how many samples have it.
type weighted struct {
	value  uint64
	weight int
}

// medians computes baselines; its scratch is reused.
type medians struct{ space, prefixes, deviation []weighted }

// at returns the medians of the 24 hours up to a minute. Samples before the list begins count as the prior.
func (m *medians) at(h *history, minute int64, prior point) baseline {
	m.space, m.prefixes = m.space[:0], m.prefixes[:0]
	add := func(p point, n int) {
		if n > 0 {
			m.space = append(m.space, weighted{p.space, n})
			m.prefixes = append(m.prefixes, weighted{uint64(p.prefixes), n})
		}
	}
	end := minute/sampleMinutes + 1 // one past the newest sample
	first := end - daySamples
	to := end
	for i := len(h.points) - 1; i >= 0 && to > first; i-- {
		from := max(int64(nextSample(h.points[i].since)), first)
		add(h.points[i], int(to-min(from, to)))
		to = min(from, to)
	}
	add(prior, int(to-first))
	b := baseline{space: median(m.space), prefixes: int(median(m.prefixes))}
	m.deviation = m.deviation[:0]
	for _, w := range m.space {
		m.deviation = append(m.deviation, weighted{max(w.value, b.space) - min(w.value, b.space), w.weight})
	}
	b.mad = median(m.deviation)
	return b
}

// median sorts w and returns its lower median, 0 of nothing.
func median(w []weighted) uint64 {
	slices.SortFunc(w, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0
	for _, x := range w {
		total += x.weight
	}
	sum := 0
	for _, x := range w {
		if sum += x.weight; sum*2 >= total {
			return x.value
		}
	}
	return 0
}

// threshold is the space that must be lost to open an outage: a tenth, 4 x 1.4826 median absolute deviations, one unit.
func (c *Config) threshold(b baseline) uint64 {
	noise := mulDiv(b.mad, 4*14826, 10000)
	return max(permilleUp(b.space, c.OpenPermille), noise, c.Family.UnitSpace())
}

// largeThreshold is the smaller one of large entities, 0 for the others.
func (c *Config) largeThreshold(b baseline) uint64 {
	unit := c.Family.UnitSpace()
	if b.space < uint64(c.LargeUnits)*unit {
		return 0
	}
	return max(permilleUp(b.space, c.LargePermille), uint64(c.LargeMinUnits)*unit)
}

// leastLoss is the smallest space whose loss opens an outage by any of the rules.
func (c *Config) leastLoss(rd *reading) uint64 {
	least := rd.threshold
	if rd.largeFrom > 0 {
		least = min(least, rd.largeFrom)
	}
	if rd.manyFrom > 0 {
		least = min(least, c.units(c.ASMinUnits))
	}
	return least
}

// units is the space of n units.
func (c *Config) units(n int) uint64 { return uint64(n) * c.Family.UnitSpace() }

// manyPrefixes is how many prefixes an AS must lose to open an outage by their number.
func (c *Config) manyPrefixes(b baseline) int {
	return max(c.ASMinPrefixes, int(permilleUp(uint64(b.prefixes), c.ASPermille)))
}

// many reports whether an AS has lost so many prefixes, and so much space with them, that an outage opens.
func (c *Config) many(rd *reading) bool {
	return rd.manyFrom > 0 && rd.loss.prefixes >= rd.manyFrom && rd.loss.space >= c.units(c.ASMinUnits)
}

// stillMany reports whether an AS has lost more than half of that.
func (c *Config) stillMany(rd *reading) bool {
	return rd.manyFrom > 0 && rd.loss.prefixes*2 > rd.manyFrom && rd.loss.space*2 > c.units(c.ASMinUnits)
}

// permilleUp is that part of v, rounded up; permille is at most 1000.
func permilleUp(v uint64, permille int) uint64 {
	hi, lo := bits.Mul64(v, uint64(permille))
	lo, carry := bits.Add64(lo, 999, 0)
	q, _ := bits.Div64(hi+carry, lo, 1000)
	return q
}

// mulDiv is v*mul/div, rounded down; div is above mul or the result fits.
func mulDiv(v, mul, div uint64) uint64 {
	hi, lo := bits.Mul64(v, mul)
	if hi >= div {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, div)
	return q
}

// percentOf is part of whole in percent.
func percentOf(part, whole uint64) bgp.Decimal { return bgp.Hundredths(min(part, whole), whole, 100) }
