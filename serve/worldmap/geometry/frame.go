package geometry

import (
	"math"

	"github.com/paulmach/orb"
)

// meridian is the central longitude. The map's edge is then 168.5 degrees west, between Siberia and
// Alaska, and cuts no country in two.
const meridian = 11.5

// Frame places the projected world in the drawing: x = X + Scale * x of the projection, y = Y -
// Scale * y. The zero value is not usable.
type Frame struct {
	Scale, X, Y float64
	// Height is the height of the drawing, in whole units.
	Height int
}

// unfitted is the projection itself, in radians.
var unfitted = Frame{Scale: 1}

// Fit returns the frame in which all lines and points are within the drawing, at least margin away
// from its edge.
func Fit(lines []orb.LineString, points []orb.Point, margin float64) Frame {
	bound := orb.Bound{Min: orb.Point{math.Inf(1), math.Inf(1)}, Max: orb.Point{math.Inf(-1), math.Inf(-1)}}
	for _, l := range lines {
		for _, p := range unfitted.Line(l) {
			bound = bound.Extend(p)
		}
	}
	for _, p := range points {
		bound = bound.Extend(unfitted.Point(p))
	}
	scale := (Width - 2*margin) / (bound.Max[0] - bound.Min[0])
	return Frame{
		Scale: scale, X: margin - scale*bound.Min[0], Y: margin - scale*bound.Min[1],
		Height: int(math.Ceil(scale*(bound.Max[1]-bound.Min[1]) + 2*margin)),
	}
}

// Bound returns the drawing without a margin at its edges.
func (f Frame) Bound(margin float64) orb.Bound {
	return orb.Bound{Min: orb.Point{margin, margin}, Max: orb.Point{Width - margin, float64(f.Height) - margin}}
}

// Point projects one place.
func (f Frame) Point(place orb.Point) orb.Point { return f.Line(orb.LineString{place})[0] }

// Line projects a line as a whole. The line may cross the 180th meridian, in one step from 179 to
// -179 degrees. The map's edge does not split it: all of it is on the side of its middle.
func (f Frame) Line(line orb.LineString) orb.LineString {
	turned := unwrap(line)
	out := make(orb.LineString, len(turned))
	for i, p := range turned {
		x, y := naturalEarth((p[0]-meridian)*math.Pi/180, p[1]*math.Pi/180)
		out[i] = orb.Point{f.X + f.Scale*x, f.Y - f.Scale*y}
	}
	return out
}

// unwrap makes longitudes continuous, with the line's middle less than half a turn from the central
// meridian.
func unwrap(line orb.LineString) orb.LineString {
	out := make(orb.LineString, len(line))
	copy(out, line)
	for i := 1; i < len(out); i++ {
		out[i][0] -= 360 * math.Round((out[i][0]-out[i-1][0])/360)
	}
	bound := out.Bound()
	turn := 360 * math.Round((bound.Center()[0]-meridian)/360)
	for i := range out {
		out[i][0] -= turn
	}
	return out
}

// naturalEarth is the Natural Earth projection: longitude and latitude to x and y, all in radians.
// Source: B. Šavrič, B. Jenny, T. Patterson, D. Petrovič, L. Hurni, "A Polynomial Equation for the
// Natural Earth Projection", Cartography and Geographic Information Science 38 (4), 2011, equation
// 5.
func naturalEarth(lambda, phi float64) (x, y float64) {
	p2 := phi * phi
	p4 := p2 * p2
	p8 := p4 * p4
	x = lambda * (0.870700 - 0.131979*p2 - 0.013791*p4 + 0.003971*p8*p2 - 0.001529*p8*p4)
	y = phi * (1.007226 + 0.015085*p2 - 0.044475*p4*p2 + 0.028874*p8 - 0.005916*p8*p2)
	return x, y
}
