package geometry

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
)

// TestNaturalEarth checks that the ratio of the map's height to its width is 0.52 (Patterson), and
// the projection of 2, 1 degrees on a globe of 6,400 km from PROJ's own tests.
func TestNaturalEarth(t *testing.T) {
	t.Parallel()
	width, _ := naturalEarth(math.Pi, 0)
	_, height := naturalEarth(0, math.Pi/2)
	x, y := naturalEarth(2*math.Pi/180, math.Pi/180)
	if ratio := height / width; math.Abs(ratio-0.52) > 0.0005 {
		t.Errorf("height to width: %.4f", ratio)
	}
	if math.Abs(x*6_400_000-194507.265) > 0.01 || math.Abs(y*6_400_000-112508.737) > 0.01 {
		t.Errorf("2, 1 degrees: got %.3f, %.3f", x*6_400_000, y*6_400_000)
	}
}

// TestLine checks that a line over the 180th meridian is not torn, and is on the side of its
// middle.
func TestLine(t *testing.T) {
	t.Parallel()
	f := Frame{Scale: 1000, X: 5000, Y: 2500}
	got := f.Line(orb.LineString{{179, -16}, {-179, -16}, {-178, -17}})
	if width := got.Bound().Max[0] - got.Bound().Min[0]; width > 60 {
		t.Errorf("a line of three degrees is %.0f units wide: %v", width, got)
	}
	if got[0][0] < 7000 {
		t.Errorf("Fiji is at %v, want the right", got[0])
	}
	for name, tt := range map[string]struct {
		place orb.Point
		right bool
	}{"Chukotka": {orb.Point{-170, 66}, true}, "Tonga": {orb.Point{-175, -21}, true}, "Alaska": {orb.Point{-168, 65}, false}, "Hawaii": {orb.Point{-156, 20}, false}} {
		if at := f.Point(tt.place); at[0] > 5000 != tt.right {
			t.Errorf("%s is at %v", name, at)
		}
	}
}

func TestFit(t *testing.T) {
	t.Parallel()
	lines, points := []orb.LineString{{{-160, 70}, {0, 0}, {150, -50}}}, []orb.Point{{-175, -21}, {-58.9, -62.2}}
	f := Fit(lines, points, 60)
	if f.Height < 3000 || f.Height > 6000 {
		t.Errorf("height %d", f.Height)
	}
	for _, p := range append(points, lines[0]...) {
		if !f.Bound(59).Contains(f.Point(p)) {
			t.Errorf("%v is drawn at %v, outside of %v", p, f.Point(p), f.Bound(60))
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	shape := orb.MultiPolygon{
		{{{10, 20}, {15, 17.2}, {15.1, 17.1}, {12, 30}, {10, 20}}, {{11, 21}, {11, 22}, {12, 22}, {11, 21}}},
		{{{1, 1}, {1.2, 1.1}, {1.1, 1.3}, {1, 1}}}, // nothing of it is left
		{{{0, 0}, {5, 0}, {5, 5}, {0, 0}}},
	}
	if got, want := Path(shape), "M10 20l5-3-3 13zm1 1 0 1 1 0zm-11-21 5 0 0 5z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := LinePath([]orb.LineString{{{1, 2}, {3, 4}}, {{3, 5}, {2, 5}}}), "M1 2l2 2m0 1-1 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDrawn(t *testing.T) {
	t.Parallel()
	square := func(side float64) orb.Ring { return orb.Ring{{0, 0}, {side, 0}, {side, side}, {0, side}, {0, 0}} }
	large, hole, small := square(40), square(20), square(4)
	got := Drawn(orb.MultiPolygon{{large, hole, small}, {small, hole}, {}})
	if want := (orb.MultiPolygon{{large, hole}}); !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if !NeedsDot(orb.MultiPolygon{{square(34)}, {square(34)}}) || NeedsDot(orb.MultiPolygon{{small}, {square(35)}}) || !NeedsDot(nil) {
		t.Error("a dot is for shapes without a piece of 12 square pixels")
	}
}

func TestMiddle(t *testing.T) {
	t.Parallel()
	// A horseshoe: the centre of its bounds is outside of it.
	horseshoe := orb.Polygon{{{0, 0}, {100, 0}, {100, 100}, {0, 100}, {0, 80}, {80, 80}, {80, 20}, {0, 20}, {0, 0}}}
	p, clearance := Middle(horseshoe, nil)
	if !planar.PolygonContains(horseshoe, p) || clearance < 9 {
		t.Errorf("got %v, %.1f from the edge", p, clearance)
	}
	p, clearance = Middle(horseshoe, []Circle{{orb.Point{90, 10}, 8}, {orb.Point{90, 90}, 30}})
	if clearance <= 0 || planar.Distance(p, orb.Point{90, 90}) < 30 {
		t.Errorf("got %v, %.1f from the edge and from dots", p, clearance)
	}
	ring := orb.Polygon{{{0, 0}, {30, 0}, {30, 30}, {0, 30}, {0, 0}}, {{5, 5}, {5, 25}, {25, 25}, {25, 5}, {5, 5}}}
	if p, clearance = Middle(ring, nil); !planar.PolygonContains(ring, p) || clearance < 2 {
		t.Errorf("a ring: got %v, %.1f", p, clearance)
	}
	if _, clearance = Middle(ring, []Circle{{orb.Point{15, 15}, 50}}); clearance > 0 {
		t.Errorf("a dot covers it all, and yet %.1f is free", clearance)
	}
	if _, clearance = Middle(nil, nil); !math.IsInf(clearance, -1) {
		t.Errorf("nothing has a middle, %.1f from its edge", clearance)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	bound := orb.Bound{Min: orb.Point{0, 0}, Max: orb.Point{1000, 1000}}
	var crowd []orb.Point
	for i := range 20 {
		crowd = append(crowd, orb.Point{990 + float64(i%3), 500 + float64(i)})
	}
	crowd = append(crowd, orb.Point{990, 500}, orb.Point{100, 100})
	got := Spread(crowd, 52, bound)
	for i, p := range got {
		if !bound.Contains(p) {
			t.Errorf("point %d is at %v", i, p)
		}
		for j := range i {
			if d := planar.Distance(p, got[j]); d < 52 {
				t.Errorf("points %d and %d are %.1f apart", j, i, d)
			}
		}
	}
	if got[21] != crowd[21] {
		t.Errorf("a point that was alone moved to %v", got[21])
	}
}
