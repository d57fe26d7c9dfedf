package playback

import "slices"

const (
	// maxExcursion bounds the stretches of a block whose times the next records contradict.
	maxExcursion = 512
	// aloneShare bounds the weight of a block whose times no record outside it shares. Up to
	// aloneShare times the weight of the records around it, the block is an excursion.
	aloneShare = 3
)

// excursion is a block of stretches, rows[from:to]. The times jump before the block, and jump back
// by about as much after it.
type excursion struct{ from, to int }

// excursions marks blocks whose clock was wrong for a while and was then set right. The records
// before and after such a block continue each other, as if the block had lasted as long as its own
// times indicate, and they outweigh it. It returns the remaining rows, in order of arrival.
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
			if before := jump(rows, i); (before < 0) != (step < 0) && cancels(before, step) &&
				rows[j].low >= rows[i-1].high-clockSlack {
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

// jump returns the difference between the times of the stretch before i and those of i,
// microseconds.
func jump(rows []*stretch, i int) int64 { return rows[i].low - rows[i-1].high }

// cancels reports whether two jumps cancel each other, apart from a silence that is short beside
// them.
func cancels(a, b int64) bool {
	return max(a+b, -a-b) <= min(max(max(a, -a)/10, clockSlack), tolerated)
}

// less reports whether a block weighs less than the records around it.
func (x excursion) less(rows []*stretch, group groups, weight []int64, around int64) bool {
	within, heaviest := map[int]int64{}, group.of(x.from)
	for i := x.from; i < x.to; i++ {
		g := group.of(i)
		if within[g] += rows[i].weight(); weight[g] > weight[heaviest] {
			heaviest = g
		}
	}
	if within[heaviest] == weight[heaviest] { // no record outside the block has such times
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

// of returns the lowest number of the set that contains i.
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
