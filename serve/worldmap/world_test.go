package worldmap

import (
	"bytes"
	"compress/gzip"
	"math"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// pathData matches the output of package geometry: the first subpath begins with an absolute M, and
// its steps with l. All else is relative.
var pathData = regexp.MustCompile(`^M\d+[ -]\d+l[-0-9 ]+z?(m[-0-9 ]+z?)*$`)

// rings parses path data as geometry writes it.
func rings(t testing.TB, path string) []orb.Ring {
	t.Helper()
	if path == "" {
		return nil
	}
	if !pathData.MatchString(path) {
		t.Fatalf("path data %.60q", path)
	}
	var out []orb.Ring
	pen := orb.Point{}
	for _, part := range regexp.MustCompile(`[Mm][-0-9 l]+z?`).FindAllString(path, -1) {
		var ring orb.Ring
		numbers := regexp.MustCompile(`-?\d+`).FindAllString(part, -1)
		for i := 0; i+1 < len(numbers); i += 2 {
			x, _ := strconv.Atoi(numbers[i])
			y, _ := strconv.Atoi(numbers[i+1])
			pen = orb.Point{pen[0] + float64(x), pen[1] + float64(y)}
			ring = append(ring, pen)
		}
		if part[len(part)-1] == 'z' {
			ring = append(ring, ring[0])
			pen = ring[0]
		}
		out = append(out, ring)
	}
	return out
}

// covers reports whether a shape is painted at p, by the rule nonzero, since rings of holes turn
// the other way.
func covers(all []orb.Ring, p orb.Point) bool {
	winding := 0
	for _, ring := range all {
		if planar.RingContains(ring, p) {
			winding += int(ring.Orientation())
		}
	}
	return winding != 0
}

func (p Point) orb() orb.Point { return orb.Point{float64(p[0]), float64(p[1])} }

// hit returns the code of the top country at p. Every dot has its greatest radius.
func hit(m *Map, outlines map[string][]orb.Ring, p orb.Point) string {
	code, nearest := "", math.Inf(1)
	for _, c := range m.Countries {
		if c.Dot == nil {
			continue
		}
		if d := planar.Distance(c.Dot.orb(), p); d <= LossReach && d < nearest {
			code, nearest = c.Code, d
		}
	}
	if code != "" {
		return code
	}
	for _, c := range m.Countries {
		if covers(outlines[c.Code], p) {
			code += c.Code
		}
	}
	return code
}

func outlinesOf(t testing.TB, m *Map) map[string][]orb.Ring {
	t.Helper()
	out := map[string][]orb.Ring{}
	for _, c := range m.Countries {
		out[c.Code] = rings(t, c.Path)
	}
	return out
}

// checkMap checks that every country has a finite shape or dot within the view box, and that a
// pointer at its place hits it.
func checkMap(t testing.TB, m *Map) {
	t.Helper()
	outlines := outlinesOf(t, m)
	bound := m.Frame.Bound(0)
	var codes []string
	for _, c := range m.Countries {
		codes = append(codes, c.Code)
		if c.Path == "" && c.Dot == nil {
			t.Errorf("%s has neither shape nor dot", c.Code)
		}
		for _, ring := range outlines[c.Code] {
			if !bound.Contains(ring.Bound().Min) || !bound.Contains(ring.Bound().Max) {
				t.Errorf("%s: its shape leaves the view box: %v", c.Code, ring.Bound())
			}
		}
		if !bound.Contains(c.At.orb()) || c.Dot != nil && *c.Dot != c.At {
			t.Errorf("%s is at %v, with its dot at %v", c.Code, c.At, c.Dot)
		}
		if got := hit(m, outlines, c.At.orb()); got != c.Code {
			t.Errorf("a pointer at %s's place, %v, hits %q", c.Code, c.At, got)
		}
	}
	if !slices.Equal(codes, bgp.CountryCodes()) {
		t.Errorf("got %d codes: %v", len(codes), codes)
	}
}

func TestWorld(t *testing.T) {
	t.Parallel()
	m := World()
	checkMap(t, m)
	if len(m.Countries) != 250 {
		t.Errorf("%d countries, want 250", len(m.Countries))
	}
	for _, a := range m.Areas {
		if a.Name == "" || len(rings(t, a.Path)) == 0 {
			t.Errorf("area %q, code %q, has no shape", a.Name, a.Code)
		}
	}
	for _, b := range m.Borders {
		if len(rings(t, b.Path)) == 0 {
			t.Errorf("the border of %v has no line", b.Codes)
		}
	}
}

// TestSmallCountries checks that a country without a piece of 12 square pixels has a dot, and that
// no dot hides the centre of another.
func TestSmallCountries(t *testing.T) {
	t.Parallel()
	m := World()
	outlines := outlinesOf(t, m)
	dots := 0
	for _, c := range m.Countries {
		largest := 0.0
		for _, ring := range outlines[c.Code] {
			largest = max(largest, math.Abs(planar.Area(ring)))
		}
		if largest < 11.5*geometry.Unit*geometry.Unit && c.Dot == nil {
			t.Errorf("%s has %.1f square pixels and no dot", c.Code, largest/geometry.Unit/geometry.Unit)
		}
		if c.Dot == nil {
			continue
		}
		dots++
		for _, other := range m.Countries {
			if other.Dot != nil && other.Code < c.Code && planar.Distance(c.Dot.orb(), other.Dot.orb()) < 5*geometry.Unit {
				t.Errorf("the dots of %s and %s are too close: %v, %v", other.Code, c.Code, other.Dot, c.Dot)
			}
		}
	}
	if dots < 76 || dots > 120 {
		t.Errorf("%d dots", dots)
	}
}

// TestPieces checks that parts that Natural Earth draws into a state's shape have the shape or dot
// of their own code, and that no other country paints them.
func TestPieces(t *testing.T) {
	t.Parallel()
	m := World()
	outlines := outlinesOf(t, m)
	for _, tt := range []struct {
		place string
		at    orb.Point // longitude, latitude
		want  string
	}{
		{"French Guiana", orb.Point{-53, 4}, "GF"},
		{"Paris", orb.Point{2.35, 48.86}, "FR"},
		{"Corsica", orb.Point{9.1, 42.2}, "FR"},
		{"Svalbard", orb.Point{23, 79.8}, "SJ"},
		{"Oslo", orb.Point{10.5, 60}, "NO"},
		{"Crimea", orb.Point{34.4, 45.3}, "UA"},
		{"Hargeisa in Somaliland", orb.Point{44.6, 9.4}, "SO"},
		{"Mogadishu", orb.Point{45.1, 2.3}, "SO"},
		{"Western Sahara, west of the berm", orb.Point{-13, 26.5}, "EH"},
		{"Western Sahara, east of the berm", orb.Point{-11, 26.4}, "EH"},
		{"Morocco, north of it", orb.Point{-10, 28.5}, "MA"},
		{"Chukotka, east of 180 degrees", orb.Point{-175, 66.5}, "RU"},
		{"Alaska", orb.Point{-150, 65}, "US"},
		{"Sydney", orb.Point{150, -33}, "AU"},
		{"Lesotho within South Africa", orb.Point{28.3, -29.5}, "LS"},
	} {
		if got := hit(m, outlines, m.Frame.Point(tt.at)); got != tt.want {
			t.Errorf("%s: got %q, want %s", tt.place, got, tt.want)
		}
	}
	for _, code := range []string{"GP", "MQ", "RE", "YT", "SJ", "BQ", "BV", "TK", "CX", "CC", "XK", "SG", "MT", "TO", "HK", "VA"} {
		c, ok := m.Country(code)
		if !ok || code != "SJ" && c.Dot == nil {
			t.Errorf("%s: got %+v, want a dot", code, c)
		}
	}
	var names []string
	for _, a := range m.Areas {
		names = append(names, a.Name)
	}
	for _, want := range []string{"Kosovo", "Northern Cyprus", "Somaliland", "Western Sahara", "Crimea", "Palestine"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not hatched: %v", want, names)
		}
	}
	if _, ok := m.Country("ZZ"); ok {
		t.Error("ZZ is a country")
	}
}

// TestNeighbours checks that dots that were moved apart stay near their islands.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	m := World()
	for code, at := range map[string]orb.Point{
		"SG": {103.8, 1.35}, "MT": {14.4, 35.9}, "TO": {-175.2, -21.2}, "XK": {20.9, 42.6}, "DM": {-61.4, 15.4}, "KI": {173, 1.4}, "VA": {12.45, 41.9},
		"BL": {-62.8, 17.9}, "JE": {-2.1, 49.2}, "AQ": {-58.9, -62.2},
	} {
		c, _ := m.Country(code)
		if d := planar.Distance(c.At.orb(), m.Frame.Point(at)); d > 13*geometry.Unit {
			t.Errorf("%s is drawn %.1f pixels from its place", code, d/geometry.Unit)
		}
	}
}

// TestSize checks that the map takes at most a third of the octets that a page may have.
func TestSize(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if err := World().WriteSVG(w, plain); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(CSS)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if packed.Len() > 45_000 {
		t.Errorf("map and style sheet have %d bytes with gzip, want 45,000 at most", packed.Len())
	}
}
