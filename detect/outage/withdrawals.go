package outage

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// The withdrawals in the record of an outage take at most 2 kB of JSON. These are the numbers of
// points and prefixes in them.
const (
	maxCurvePoints    = 32
	maxCurvePrefixes  = 8
	maxCountedForHalf = 500 // number of prefixes whose voters and times the curve counts
)

// withdrawal is the loss of a prefix by a voter.
type withdrawal struct {
	by bgp.ASN
	at int64
}

// withdrawn returns the times and the voters of the prefix's withdrawals from early on (Unix
// seconds), in the order of time.
func (p *LostPrefix) withdrawn(early int64) (times []int64, by []bgp.ASN) {
	if len(p.WithdrawnBy) != len(p.Withdrawals) {
		return nil, nil
	}
	from, _ := slices.BinarySearch(p.Withdrawals, early)
	return p.Withdrawals[from:], p.WithdrawnBy[from:]
}

// measureWithdrawals summarises the voters and times of the withdrawals in a bounded size. alone:
// the prefix is the entity. Withdrawals before early (Unix seconds) do not belong to this loss.
func (d *digest) measureWithdrawals(lost []LostPrefix, alone bool, early int64) {
	var counted []int
	var all []withdrawal
	for i := range lost {
		if lost[i].UnderAggregate && !alone {
			continue
		}
		times, by := lost[i].withdrawn(early)
		if len(times) == 0 {
			continue
		}
		counted = append(counted, i)
		if len(counted) <= maxCountedForHalf {
			for j := range times {
				all = append(all, withdrawal{by[j], times[j]})
			}
		}
	}
	if len(all) == 0 {
		return
	}
	first := slices.MinFunc(all, func(a, b withdrawal) int { return cmp.Compare(a.at, b.at) }).at
	halves := halfLost(all)
	d.withdrawn = &bgp.Withdrawals{First: at(first), Voters: len(halves), Curve: curve(halves, first)}
	slices.SortStableFunc(counted, func(a, b int) int { return cmp.Compare(lost[b].Space, lost[a].Space) })
	counted = counted[:min(len(counted), maxCurvePrefixes)]
	slices.Sort(counted)
	for _, i := range counted {
		d.withdrawn.Prefixes = append(d.withdrawn.Prefixes, lost[i].told(early, first))
	}
}

// told returns the withdrawals of a prefix for the record of an outage. Its times are seconds
// since first (Unix seconds). They are below 0 for a prefix that was lost before those that the
// curve counts.
func (p *LostPrefix) told(early, first int64) bgp.PrefixWithdrawals {
	times, by := p.withdrawn(early)
	last := len(times) - 1
	out := bgp.PrefixWithdrawals{
		Prefix: p.Prefix.String(), Voters: len(times), HalfSeconds: percentile(times, 50) - first,
		First: bgp.VoterWithdrawal{ASN: by[0], Seconds: times[0] - first},
		Last:  bgp.VoterWithdrawal{ASN: by[last], Seconds: times[last] - first},
	}
	if len(p.Upstreams) > 0 {
		out.Upstream = p.Upstreams[0]
	}
	return out
}

// halfLost returns the time at which each voter had lost half of the prefixes that it lost,
// sorted.
func halfLost(all []withdrawal) []int64 {
	slices.SortFunc(all, func(a, b withdrawal) int {
		return cmp.Or(cmp.Compare(a.by, b.by), cmp.Compare(a.at, b.at))
	})
	var out []int64
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].by == all[i].by {
			j++
		}
		out = append(out, all[i+(j-i-1)/2].at)
		i = j
	}
	slices.Sort(out)
	return out
}

// curve returns pairs of a second since first and the number of voters that had lost the prefixes
// by then. Of more than maxCurvePoints pairs it keeps the first, the last and evenly chosen ones
// between.
func curve(times []int64, first int64) [][2]int64 {
	var points [][2]int64
	for i, t := range times {
		p := [2]int64{t - first, int64(i + 1)}
		if n := len(points); n > 0 && points[n-1][0] == p[0] {
			points[n-1] = p
			continue
		}
		points = append(points, p)
	}
	if len(points) <= maxCurvePoints {
		return points
	}
	out := make([][2]int64, maxCurvePoints)
	for i := range out {
		out[i] = points[i*(len(points)-1)/(maxCurvePoints-1)]
	}
	return out
}
