package outage

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	sampleMinutes = 5           // interval of the samples that the median is computed from
	dayMinutes    = 24 * 60     // length of the history
	daySamples    = 24 * 60 / 5 // number of samples in the history
)

// baseline is the usual state of an entity.
type baseline struct {
	space    uint64
	prefixes int
	mad      uint64 // median absolute deviation of the space
}

// point holds the values of an entity from a minute on (minutes since 1970).
type point struct {
	since    uint32
	prefixes uint32
	space    uint64
}

// history is the run-length list of an entity's last 24 hours. It keeps only values that were
// current at a 5-minute sample, so it has at most daySamples+1 points. That is 4.6 kB for an
// entity that changes all the time and 16 bytes for one that never changes.
type history struct{ points []point }

// record notes that the values hold from minute on. Minutes never go back.
func (h *history) record(minute int64, space uint64, prefixes int) {
	p := point{since: uint32(minute), prefixes: uint32(prefixes), space: space}
	if n := len(h.points); n > 0 && nextSample(h.points[n-1].since) == nextSample(p.since) {
		h.points = h.points[:n-1] // it was replaced before a sample was taken
	}
	if n := len(h.points); n > 0 && h.points[n-1].space == p.space && h.points[n-1].prefixes == p.prefixes {
		return
	}
	h.points = append(h.points, p)
	h.prune(minute)
}

// reset sets the values for the whole last day.
func (h *history) reset(minute int64, space uint64, prefixes int) {
	h.points = append(h.points[:0], point{
		since: uint32(minute - dayMinutes), prefixes: uint32(prefixes), space: space,
	})
}

// prune drops points whose values ended before the last 24 hours.
func (h *history) prune(minute int64) {
	first := 0
	for first+1 < len(h.points) && int64(h.points[first+1].since) <= minute-dayMinutes {
		first++
	}
	h.points = slices.Delete(h.points, 0, first)
}

// highest returns the most space and the most prefixes of the list and of the two arguments.
func (h *history) highest(space uint64, prefixes int) (uint64, int) {
	for _, p := range h.points {
		space, prefixes = max(space, p.space), max(prefixes, int(p.prefixes))
	}
	return space, prefixes
}

// nextSample returns the number of the first 5-minute sample at or after a minute.
func nextSample(minute uint32) uint32 { return (minute + sampleMinutes - 1) / sampleMinutes }

// weighted is a value and the number of samples that have it.
type weighted struct {
	value  uint64
	weight int
}

// medians computes baselines. Its slices are scratch memory that each call reuses.
type medians struct{ space, prefixes, deviation []weighted }

// at returns the medians of the 24 hours up to a minute. Samples before the beginning of the list
// have the values of prior.
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

// median sorts w and returns its lower median. The median of an empty list is 0.
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

// threshold returns the space that must be lost to open an outage. It is the greatest of these:
// the part OpenPermille of the baseline (by default a tenth), 4 x 1.4826 median absolute
// deviations, and one unit.
func (c *Config) threshold(b baseline) uint64 {
	noise := mulDiv(b.mad, 4*14826, 10000)
	return max(permilleUp(b.space, c.OpenPermille), noise, c.Family.UnitSpace())
}

// largeThreshold returns the smaller threshold of a large entity, and 0 for any other entity.
func (c *Config) largeThreshold(b baseline) uint64 {
	unit := c.Family.UnitSpace()
	if b.space < uint64(c.LargeUnits)*unit {
		return 0
	}
	return max(permilleUp(b.space, c.LargePermille), uint64(c.LargeMinUnits)*unit)
}

// leastLoss returns the smallest space whose loss opens an outage by any of the rules.
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

// units returns the space of n units.
func (c *Config) units(n int) uint64 { return uint64(n) * c.Family.UnitSpace() }

// manyPrefixes returns the number of prefixes that an AS must lose to open an outage by number.
func (c *Config) manyPrefixes(b baseline) int {
	return max(c.ASMinPrefixes, int(permilleUp(uint64(b.prefixes), c.ASPermille)))
}

// many reports whether an AS has lost enough prefixes, and enough space with them, to open an
// outage by number.
func (c *Config) many(rd *reading) bool {
	return rd.manyFrom > 0 && rd.loss.prefixes >= rd.manyFrom && rd.loss.space >= c.units(c.ASMinUnits)
}

// stillMany reports whether an AS has lost more than half of the prefixes and of the space that
// many requires.
func (c *Config) stillMany(rd *reading) bool {
	return rd.manyFrom > 0 && rd.loss.prefixes*2 > rd.manyFrom && rd.loss.space*2 > c.units(c.ASMinUnits)
}

// permilleUp returns permille thousandths of v, rounded up. permille is at most 1000.
func permilleUp(v uint64, permille int) uint64 {
	hi, lo := bits.Mul64(v, uint64(permille))
	lo, carry := bits.Add64(lo, 999, 0)
	q, _ := bits.Div64(hi+carry, lo, 1000)
	return q
}

// mulDiv returns v*mul/div, rounded down. It returns the maximum of uint64 if the result does not
// fit.
func mulDiv(v, mul, div uint64) uint64 {
	hi, lo := bits.Mul64(v, mul)
	if hi >= div {
		return 1<<64 - 1
	}
	q, _ := bits.Div64(hi, lo, div)
	return q
}

// percentOf returns part of whole in percent, at most 100.
func percentOf(part, whole uint64) bgp.Decimal { return bgp.Hundredths(min(part, whole), whole, 100) }
