package playback

import "slices"

const (
	// maxExcursion is of how many stretches a block may be that the next records take back.
	maxExcursion = 512
	// aloneShare: a block that is told by no other record may be so many times as long as what goes on around it.
	aloneShare = 3
)

// excursion is a block of stretches, from one to before another: the times jump before it, and by as much back behind it.
type excursion struct{ from, to int }

// excursions marks blocks whose clock was off and that the next records take back: what lies before such a block and what lies behind it
// go on as if the block had taken as long as its own times say, and there is more of that. It returns what is left of rows, which are
// in order of arrival.
func excursions(rows []*stretch) []*stretch {
	group := newGroups(len(rows))
	var found []excursion
	for j := 1; j < len(rows); j++ {
		step := jump(rows, j)
		if step >= 0 && step <= tolerated {
			group.join(j-1, j)
		}
		if max(step, -step) <= tolerated {
			continue
		}
		for i := j - 1; i > 0 && j-i <= maxExcursion; i-- {
			if before := jump(rows, i); (before < 0) != (step < 0) && cancels(before, step) && rows[j].low >= rows[i-1].high-clockSlack {
				group.join(i-1, j)
				found = append(found, excursion{i, j})
				break
			}
		}
	}
	weight := make([]int64, len(rows)) // of the group, by its first stretch
	for i, s := range rows {
		weight[group.of(i)] += s.weight()
	}
	for _, x := range found {
		around := group.of(x.from - 1)
		if !x.less(rows, group, weight, weight[around]) {
			continue
		}
		for i := x.from; i < x.to; i++ {
			rows[i].odd = rows[i].odd || group.of(i) != around
		}
	}
	return slices.DeleteFunc(slices.Clone(rows), func(s *stretch) bool { return s.odd })
}

// jump is how far the times go from the stretch before i to i, microseconds.
func jump(rows []*stretch, i int) int64 { return rows[i].low - rows[i-1].high }

// cancels reports whether two jumps together lead back, but for a silence that is short beside them.
func cancels(a, b int64) bool {
	return max(a+b, -a-b) <= min(max(max(a, -a)/10, clockSlack), tolerated)
}

// less reports whether a block weighs less than what is around it.
func (x excursion) less(rows []*stretch, group groups, weight []int64, around int64) bool {
	within, heaviest := map[int]int64{}, group.of(x.from)
	for i := x.from; i < x.to; i++ {
		g := group.of(i)
		if within[g] += rows[i].weight(); weight[g] > weight[heaviest] {
			heaviest = g
		}
	}
	if within[heaviest] == weight[heaviest] { // no other record tells its times
		return aloneShare*around >= weight[heaviest]
	}
	return around > weight[heaviest]
}

// groups are disjoint sets of numbers.
type groups []int

func newGroups(n int) groups {
	g := make(groups, n)
	for i := range g {
		g[i] = i
	}
	return g
}

// of is the lowest number of the set that holds i.
func (g groups) of(i int) int {
	for g[i] != i {
		g[i] = g[g[i]]
		i = g[i]
	}
	return i
}

func (g groups) join(a, b int) {
	a, b = g.of(a), g.of(b)
	g[max(a, b)] = min(a, b)
}
