package geometry

import (
	"math"

	"github.com/paulmach/orb"
)

// Spread moves points apart until each two of them are at least distance apart, all within bound.
// Otherwise dots of neighbouring islands would hide each other. It moves points as little as
// possible. The result depends on the order of points, so pass them sorted.
func Spread(points []orb.Point, distance float64, bound orb.Bound) []orb.Point {
	out := make([]orb.Point, len(points))
	copy(out, points)
	// Each round halves the overlap of each pair. A cluster of 20 dots needs some 200 rounds.
	for range 2000 {
		if !pushApart(out, distance) {
			break
		}
		for i, p := range out {
			out[i] = orb.Point{min(max(p[0], bound.Min[0]), bound.Max[0]), min(max(p[1], bound.Min[1]), bound.Max[1])}
		}
	}
	return out
}

// pushApart moves each pair that is too close one step apart. It reports whether there was such a
// pair.
func pushApart(points []orb.Point, distance float64) bool {
	moved := false
	for i := range points {
		for j := range i {
			dx, dy := points[i][0]-points[j][0], points[i][1]-points[j][1]
			d := math.Hypot(dx, dy)
			if d >= distance {
				continue
			}
			moved = true
			if d == 0 {
				dx, d = 1, 1
			}
			// Half of the missing distance, and a little more. Without it the last step would take
			// for ever.
			step := ((distance-d)/2 + 0.05) / d / 2
			points[i] = orb.Point{points[i][0] + dx*step, points[i][1] + dy*step}
			points[j] = orb.Point{points[j][0] - dx*step, points[j][1] - dy*step}
		}
	}
	return moved
}
