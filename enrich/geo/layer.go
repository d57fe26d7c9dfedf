package geo

import (
	"cmp"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// span is a range of units with one value, which is never 0.
type span struct {
	first, last uint64
	value       uint32
}

// layer holds the data of one file or table on all addresses, per family. It is sorted and disjoint
// after flatten.
type layer struct{ v4, v6 []span }

func (l *layer) of(f bgp.Family) *[]span {
	if f == bgp.IPv4 {
		return &l.v4
	}
	return &l.v6
}

// flatten makes spans disjoint. Of two overlapping spans the narrower takes precedence, of two
// equal spans the earlier. It reuses spans.
func flatten(spans []span) []span {
	if disjoint(spans) {
		return spans
	}
	type ordered struct {
		span
		at int
	}
	all := make([]ordered, len(spans))
	for i, s := range spans {
		all[i] = ordered{s, i}
	}
	slices.SortFunc(all, func(a, b ordered) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.last, a.last), cmp.Compare(b.at, a.at))
	})
	out := make([]span, 0, len(spans))
	var open []span // widest first; the top one covers units from at on
	var at uint64
	// closeUntil ends the open spans whose last unit is before limit.
	closeUntil := func(limit uint64) {
		for len(open) > 0 && open[len(open)-1].last < limit {
			top := open[len(open)-1]
			open = open[:len(open)-1]
			if at <= top.last {
				out = append(out, span{at, top.last, top.value})
				at = top.last + 1
			}
		}
	}
	for _, s := range all {
		closeUntil(s.first)
		if n := len(open); n > 0 && at < s.first {
			out = append(out, span{at, s.first - 1, open[n-1].value})
		}
		at = s.first
		open = append(open, s.span)
	}
	closeUntil(maxUnit)
	return out
}

// maxUnit is above every valid unit: ffff:ffff:ffff:ffff::/64 is multicast and is left out.
const maxUnit = 1<<64 - 1

func disjoint(spans []span) bool {
	for i := 1; i < len(spans); i++ {
		if spans[i].first <= spans[i-1].last {
			return false
		}
	}
	return true
}

// merge walks several layers at once. It calls visit for each range of units in which no layer
// changes, in order. values holds one value per layer, 0 if the layer has none.
func merge(layers [][]span, visit func(first, last uint64, values []uint32)) {
	next := make([]int, len(layers))
	values := make([]uint32, len(layers))
	at := uint64(0)
	for {
		end, more := uint64(maxUnit), false
		for i, l := range layers {
			for next[i] < len(l) && l[next[i]].last < at {
				next[i]++
			}
			values[i] = 0
			if next[i] == len(l) {
				continue
			}
			s := l[next[i]]
			if s.first > at {
				end = min(end, s.first-1)
			} else {
				end, values[i] = min(end, s.last), s.value
			}
			more = true
		}
		if !more {
			return
		}
		visit(at, end, values)
		if end == maxUnit {
			return
		}
		at = end + 1
	}
}
