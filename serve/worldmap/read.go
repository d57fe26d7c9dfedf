package worldmap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/paulmach/orb"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// maxFile bounds an operator's file, in bytes. Natural Earth's most detailed countries have 25 MB
// as GeoJSON.
const maxFile = 64 << 20

// ErrTooLong means that a file is longer than 64 MiB.
var ErrTooLong = errors.New("it is longer than 64 MiB")

// ErrNoFeatures means that a file is not a GeoJSON FeatureCollection, or an empty one.
var ErrNoFeatures = errors.New("it is no GeoJSON FeatureCollection with features")

// Read draws an operator's GeoJSON file (RFC 7946, a FeatureCollection) over the map that comes
// with darkmap. docs/map.md describes the features. Countries that the file does not name are
// unchanged. notes are sentences about features that Read could not use.
func Read(r io.Reader) (m *Map, notes []string, err error) {
	b, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading the map: %w", err)
	}
	if len(b) > maxFile {
		return nil, nil, fmt.Errorf("reading the map: %w", ErrTooLong)
	}
	var file struct {
		Type     string
		Features []feature
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, nil, fmt.Errorf("reading the map: %w", err)
	}
	if file.Type != "FeatureCollection" || len(file.Features) == 0 {
		return nil, nil, fmt.Errorf("reading the map: %w", ErrNoFeatures)
	}
	o := &overlay{frame: World().Frame, outlines: map[string]orb.MultiPolygon{}, dots: map[string]Point{}}
	for i, f := range file.Features {
		note, err := o.add(f)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the map: feature %d%s: %w", i+1, f.called(), err)
		}
		if note != "" {
			notes = append(notes, fmt.Sprintf("Feature %d%s of the map %s.", i+1, f.called(), note))
		}
	}
	return o.over(World()), notes, nil
}

// overlay holds the drawing of a file, projected.
type overlay struct {
	frame    geometry.Frame
	outlines map[string]orb.MultiPolygon
	dots     map[string]Point
	areas    []Area
	borders  []Border
}

// add draws a feature. note is the reason if it leaves the feature out.
func (o *overlay) add(f feature) (note string, err error) {
	found, err := f.Geometry.read()
	if err != nil {
		return "", err
	}
	code := f.code()
	switch {
	case len(found.lines) > 0 && f.disputed():
		o.borders = append(o.borders, Border{
			Codes: [2]string{code, code}, Path: geometry.LinePath(project(o.frame, found.lines)),
		})
		return "", nil
	case len(found.polygons) > 0 && f.disputed():
		path := geometry.Path(geometry.Drawn(o.shape(found.polygons)))
		if path == "" {
			return "is too small to be hatched", nil
		}
		o.areas = append(o.areas, Area{Name: f.name(), Code: code, Path: path})
		return "", nil
	case code == "":
		return "is left out: it has no code of ISO 3166-1 (property code or ISO_A2), and is not marked as disputed",
			nil
	case len(found.polygons) > 0:
		for _, polygon := range found.polygons {
			to := PieceOf(code, polygon)
			o.outlines[to] = append(o.outlines[to], o.shape(orb.MultiPolygon{polygon})...)
		}
		return "", nil
	case len(found.points) > 0:
		at := o.frame.Point(found.points[0])
		if !o.frame.Bound(0).Contains(at) {
			return "is left out: its dot lies beyond the edge of the map", nil
		}
		o.dots[code] = round(at)
		return "", nil
	}
	return "is left out: it is neither an area nor a point, nor a line that is marked as disputed", nil
}

func (o *overlay) shape(polygons orb.MultiPolygon) orb.MultiPolygon {
	var out orb.MultiPolygon
	for _, polygon := range polygons {
		var drawn orb.Polygon
		for _, ring := range polygon {
			drawn = append(drawn, orb.Ring(project(o.frame, []orb.LineString{orb.LineString(ring)})[0]))
		}
		// A shape beyond the map's edge, such as Antarctica, cannot be hit.
		if o.frame.Bound(0).Intersects(drawn.Bound()) {
			out = append(out, drawn)
		}
	}
	return out
}

func project(frame geometry.Frame, lines []orb.LineString) []orb.LineString {
	var out []orb.LineString
	for _, line := range lines {
		out = append(out, geometry.Simplify(frame.Line(line)))
	}
	return out
}

// over draws the overlay over a map. For countries that the file draws, it removes the map's
// disputed areas and borders.
func (o *overlay) over(below *Map) *Map {
	m := &Map{Frame: below.Frame}
	var circles []geometry.Circle
	for _, c := range below.Countries {
		if at, ok := o.dots[c.Code]; ok {
			c.Dot, c.At = &at, at
		}
		if c.Dot != nil {
			circles = append(circles, geometry.Circle{
				Center: orb.Point{float64(c.Dot[0]), float64(c.Dot[1])}, Radius: LossReach,
			})
		}
		m.Countries = append(m.Countries, c)
	}
	for i, c := range m.Countries {
		outline, ok := o.outlines[c.Code]
		if !ok {
			continue
		}
		s := Shape{Code: c.Code, Outline: outline}
		switch {
		case c.Dot != nil:
			s.Dot = &orb.Point{float64(c.Dot[0]), float64(c.Dot[1])}
		case geometry.NeedsDot(outline):
			middle, _ := geometry.Middle(geometry.Largest(outline), nil)
			if len(outline) == 0 {
				middle = orb.Point{float64(c.At[0]), float64(c.At[1])}
			}
			s.Dot = &middle
		}
		m.Countries[i] = Draw(s, circles)
	}
	ours := func(code string) bool { return code != "" && o.outlines[code] != nil }
	m.Areas = append(slices.DeleteFunc(slices.Clone(below.Areas), func(a Area) bool {
		return ours(a.Code)
	}), o.areas...)
	m.Borders = append(slices.DeleteFunc(slices.Clone(below.Borders), func(b Border) bool {
		return ours(b.Codes[0]) || ours(b.Codes[1])
	}), o.borders...)
	return m
}

// feature is a GeoJSON feature.
type feature struct {
	ID         any
	Properties map[string]any
	Geometry   geometryObject
}

// codeProperties are the properties with a country's code, in order of preference.
var codeProperties = []string{"code", "iso_a2_eh", "iso_a2", "iso3166-1-alpha-2"}

// code returns the code of the country, or "" if the feature has no known code.
func (f feature) code() string {
	for _, name := range codeProperties {
		if code := f.text(name); bgp.CountryName(code) != "" {
			return code
		}
	}
	if code, ok := f.ID.(string); ok && bgp.CountryName(code) != "" {
		return code
	}
	return ""
}

// text returns a property. It compares names without regard to case.
func (f feature) text(name string) string {
	for _, key := range slices.Sorted(maps.Keys(f.Properties)) {
		if s, ok := f.Properties[key].(string); ok && strings.EqualFold(key, name) {
			return s
		}
	}
	return ""
}

func (f feature) name() string { return plaintext.Clean(f.text("name")) }

func (f feature) disputed() bool { return f.Properties["disputed"] == true }

// called returns the feature's name for a message, after its number.
func (f feature) called() string {
	if name := f.name(); name != "" {
		return fmt.Sprintf(" (%q)", name)
	}
	if code := f.code(); code != "" {
		return " (" + code + ")"
	}
	return ""
}
