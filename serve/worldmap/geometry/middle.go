package geometry

import (
	"math"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// Circle is a dot of the map.
type Circle struct {
	Center orb.Point
	Radius float64
}

// Middle returns the point within polygon that is farthest from its edge and from the circles above
// it, and that distance. If the distance is not more than 0, the circles cover all of polygon.
// Middle searches a grid, and then finer grids around the best point.
func Middle(polygon orb.Polygon, circles []Circle) (orb.Point, float64) {
	if len(polygon) == 0 {
		return orb.Point{}, math.Inf(-1)
	}
	const cells = 24
	bound := polygon.Bound()
	near := within(circles, bound)
	best, most := bound.Center(), math.Inf(-1)
	for range 4 {
		width, height := bound.Max[0]-bound.Min[0], bound.Max[1]-bound.Min[1]
		for i := range cells {
			for j := range cells {
				p := orb.Point{bound.Min[0] + (float64(i)+0.5)*width/cells, bound.Min[1] + (float64(j)+0.5)*height/cells}
				if c := clearance(polygon, near, p, most); c > most {
					best, most = p, c
				}
			}
		}
		half := orb.Point{2 * width / cells, 2 * height / cells}
		bound = orb.Bound{
			Min: orb.Point{best[0] - half[0], best[1] - half[1]},
			Max: orb.Point{best[0] + half[0], best[1] + half[1]},
		}
	}
	return best, most
}

// clearance returns the distance of p from the polygon's edge and from circles. If the distance is
// not more than least, or p is outside, it returns any value up to least.
func clearance(polygon orb.Polygon, circles []Circle, p orb.Point, least float64) float64 {
	c := math.Inf(1)
	for _, circle := range circles {
		if c = min(c, planar.Distance(p, circle.Center)-circle.Radius); c <= least {
			return c
		}
	}
	if !planar.PolygonContains(polygon, p) {
		return math.Inf(-1)
	}
	for _, ring := range polygon {
		for i := 1; i < len(ring); i++ {
			if c = min(c, planar.DistanceFromSegment(ring[i-1], ring[i], p)); c <= least {
				return c
			}
		}
	}
	return c
}

// within returns the circles that touch bound.
func within(circles []Circle, bound orb.Bound) []Circle {
	var out []Circle
	for _, c := range circles {
		if bound.Pad(c.Radius).Contains(c.Center) {
			out = append(out, c)
		}
	}
	return out
}
