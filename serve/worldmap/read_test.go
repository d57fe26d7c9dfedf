package worldmap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paulmach/orb"
)

// collection returns a GeoJSON file of features.
func collection(features ...string) string {
	return `{"type":"FeatureCollection","features":[` + strings.Join(features, ",") + `]}`
}

// square returns a polygon with the given south-west corner and side, in degrees.
func square(properties string, lon, lat, side float64) string {
	return fmt.Sprintf(`{"type":"Feature","properties":{%s},"geometry":{"type":"Polygon","coordinates":[[[%g,%g],[%g,%g],[%g,%g],[%g,%g],[%g,%g]]]}}`,
		properties, lon, lat, lon+side, lat, lon+side, lat+side, lon, lat+side, lon, lat)
}

// TestRead reads a file that redraws Spain and Morocco, hatches Ceuta, moves the dot of Gibraltar
// and does not name the others.
func TestRead(t *testing.T) {
	t.Parallel()
	m, notes, err := Read(strings.NewReader(collection(
		square(`"ISO_A2":"ES"`, -8, 37, 5),
		square(`"ISO_A2":"-99","iso_a2_eh":"MA"`, -8, 30, 3),
		square(`"code":"MA"`, -12, 26, 2),
		square(`"name":"Ceuta","code":"ES","disputed":true`, -5.5, 35.5, 1),
		`{"type":"Feature","properties":{"code":"GI"},"geometry":{"type":"Point","coordinates":[-5.3,36.1,12]}}`,
		`{"type":"Feature","properties":{"disputed":true},"geometry":{"type":"LineString","coordinates":[[-8,33],[-5,33]]}}`,
		square(`"name":"Atlantis"`, -30, 30, 5),
		`{"type":"Feature","properties":{"code":"PT"},"geometry":null}`,
		`{"id":"FR","geometry":{"type":"MultiPolygon","coordinates":[[[[0,45],[5,45],[5,50],[0,50]]],[[[-54,3],[-52,3],[-52,5],[-54,5],[-54,3]]]]}}`,
	)))
	if err != nil {
		t.Fatal(err)
	}
	outlines := outlinesOf(t, m)
	for place, want := range map[orb.Point]string{{-6, 39}: "ES", {-0.5, 39.5}: "", {-6.5, 31.5}: "MA", {-11, 27}: "EHMA", {2.35, 48.86}: "FR", {-53, 4}: "GF", {-8.2, 39.5}: "PT"} {
		if got := hit(m, outlines, m.Frame.Point(place)); got != want {
			t.Errorf("at %v: got %q, want %q", place, got, want)
		}
	}
	gibraltar, _ := m.Country("GI")
	if want := round(m.Frame.Point(orb.Point{-5.3, 36.1})); *gibraltar.Dot != want || gibraltar.At != want {
		t.Errorf("Gibraltar: got %v, want %v", gibraltar, want)
	}
	last := m.Areas[len(m.Areas)-1]
	if last.Name != "Ceuta" || last.Code != "ES" || len(m.Areas) != len(World().Areas)+1 {
		t.Errorf("areas: got %+v at last", last)
	}
	of := func(borders []Border, code string) (n int) {
		for _, b := range borders {
			if slices.Contains(b.Codes[:], code) {
				n++
			}
		}
		return n
	}
	if ours := of(World().Borders, "MA"); ours == 0 || of(m.Borders, "MA") != 0 || len(m.Borders) != len(World().Borders)-ours+1 {
		t.Errorf("the file's border does not stand for the %d of Morocco: %d borders", ours, len(m.Borders))
	}
	if len(notes) != 2 || !strings.Contains(notes[0], `Feature 7 ("Atlantis") of the map is left out: it has no code`) || !strings.Contains(notes[1], "Feature 8 (PT)") {
		t.Errorf("notes: %q", notes)
	}
}

// TestReadSmall checks that a country that becomes small gets a dot, and that one beyond the map's
// edge keeps its own.
func TestReadSmall(t *testing.T) {
	t.Parallel()
	m, _, err := Read(strings.NewReader(collection(square(`"code":"PT"`, -8, 39, 0.5), square(`"code":"AQ"`, -100, -88, 10), square(`"code":"FJ"`, 178, -18, 3))))
	if err != nil {
		t.Fatal(err)
	}
	checkMap(t, m)
	portugal, _ := m.Country("PT")
	if portugal.Dot == nil {
		t.Error("Portugal, half a degree wide, has no dot")
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	polygon := func(coordinates string) string {
		return collection(`{"properties":{"code":"FR"},"geometry":{"type":"Polygon","coordinates":` + coordinates + `}}`)
	}
	for name, tt := range map[string]struct {
		file string
		want error
		says string
	}{
		"no JSON":        {"shapes", nil, "invalid character"},
		"TopoJSON":       {`{"type":"Topology","objects":{}}`, ErrNoFeatures, ""},
		"empty":          {collection(), ErrNoFeatures, ""},
		"short ring":     {polygon("[[[0,0],[1,1],[0,0]]]"), errShort, "feature 1 (FR)"},
		"no ring":        {polygon("[]"), errShort, ""},
		"metres":         {polygon("[[[500000,4649776],[0,1],[1,1],[0,0]]]"), errPosition, "feature 1 (FR)"},
		"one number":     {polygon("[[[5],[0,1],[1,1],[0,0]]]"), errPosition, ""},
		"null":           {polygon("[[[null,5],[0,1],[1,1],[0,0]]]"), errPosition, ""},
		"wrong nesting":  {polygon("[[0,0],[1,1],[0,1],[0,0]]"), nil, "reading the coordinates of a Polygon"},
		"no coordinates": {collection(`{"properties":{"code":"FR"},"geometry":{"type":"Polygon"}}`), nil, "feature 1 (FR)"},
	} {
		_, _, err := Read(strings.NewReader(tt.file))
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %v %q", name, err, tt.want, tt.says)
		}
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestReadTooLong(t *testing.T) {
	t.Parallel()
	if _, _, err := Read(endless{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v", err)
	}
}

// FuzzRead checks that, whatever a file contains, the resulting map has every country within the
// view box.
func FuzzRead(f *testing.F) {
	f.Add(collection(square(`"code":"PT"`, -8, 39, 0.5)))
	f.Add(collection(square(`"code":"AQ","disputed":true`, -100, -88, 10), square(`"code":"FJ"`, 178, -18, 3)))
	f.Add(collection(`{"id":"GI","geometry":{"type":"Point","coordinates":[-5.3,36.1,12]}}`))
	f.Add(collection(`{"properties":{"code":"FR"},"geometry":{"type":"MultiPolygon","coordinates":[[[[0,0],[0,0],[0,0],[0,0]]]]}}`))
	f.Fuzz(func(t *testing.T, file string) {
		m, _, err := Read(strings.NewReader(file))
		if err != nil {
			return
		}
		for _, c := range m.Countries {
			if c.Path == "" && c.Dot == nil || !m.Frame.Bound(0).Contains(c.At.orb()) {
				t.Errorf("%+v", c)
			}
		}
	})
}
