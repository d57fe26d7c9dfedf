package worldmap

import (
	"image"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// TestRings checks that path data are read as they were written.
func TestRings(t *testing.T) {
	t.Parallel()
	got := readRings("M10 20l5-5 0 10zm100-20l-3 0 0-4z")
	want := [][]Point{{{10, 20}, {15, 15}, {15, 25}}, {{110, 0}, {107, 0}, {107, -4}}}
	if !slices.EqualFunc(got, want, slices.Equal[[]Point]) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, c := range World().Countries {
		all := readRings(c.Path)
		if (len(all) == 0) != (c.Path == "") {
			t.Errorf("%s has %d rings", c.Code, len(all))
		}
		for _, p := range slices.Concat(all...) {
			if p[0] < 0 || p[0] > geometry.Width || p[1] < 0 || p[1] > World().Frame.Height {
				t.Errorf("%s has a point at %v", c.Code, p)
				break
			}
		}
	}
	for _, odd := range []string{"x", "M", "Mx y", "M1 2l", "z", "M1 2 Q3"} {
		readRings(odd) // must end
	}
}

// TestPaint checks that a country that lost all has the colour of that loss, also if it is a dot,
// and that others have theirs.
func TestPaint(t *testing.T) {
	t.Parallel()
	img := image.NewRGBA(image.Rect(0, 0, 1000, 600))
	height := World().Paint(img, func(code string) Status {
		return Status{Measured: code != "US", Loss: map[string]float64{"SG": 1, "FR": 1}[code]}
	})
	if height < 400 || height > 500 {
		t.Errorf("the map is %d pixels high", height)
	}
	for code, want := range map[string]Level{"SG": Total, "FR": Total, "DE": Whole, "US": Unmeasured} {
		c, _ := World().Country(code)
		if got := img.RGBAAt(c.At[0]*1000/geometry.Width, c.At[1]*1000/geometry.Width); got != levelColours[want] {
			t.Errorf("%s has the colour %v, want %v", code, got, levelColours[want])
		}
	}
}

func BenchmarkPaint(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 1000, 630))
	for b.Loop() {
		World().Paint(img, func(string) Status { return Status{Measured: true} })
	}
}
