package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/clip"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve/worldmap"
	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// margin is the distance between the outermost shape or dot and the drawing's edge.
const margin = 6 * geometry.Unit

// atlas holds Natural Earth's two files. Shapes come from the medium one. The detailed one has
// places that the medium one does not have.
type atlas struct {
	medium, detailed *topology
	frame            geometry.Frame
	// arcs are the arcs of the medium file, projected and simplified. Neighbours share them, so no
	// gap opens between two countries.
	arcs []orb.LineString
	// outlines are the outlines of countries by code. areas are the disputed areas.
	outlines map[string]orb.MultiPolygon
	areas    []area
}

// area is a disputed area. Its code may be empty.
type area struct {
	name, code string
	outline    orb.MultiPolygon
}

// draw makes the map.
func draw(medium, detailed *topology) (*worldmap.Map, error) {
	a := &atlas{medium: medium, detailed: detailed, outlines: map[string]orb.MultiPolygon{}}
	missing, err := a.missing()
	if err != nil {
		return nil, err
	}
	a.fit(missing)
	for _, arc := range medium.arcs {
		a.arcs = append(a.arcs, geometry.Simplify(a.frame.Line(arc)))
	}
	if err := a.outline(); err != nil {
		return nil, err
	}
	m := &worldmap.Map{Frame: a.frame}
	dots := a.dots(missing)
	var circles []geometry.Circle
	for _, at := range dots {
		circles = append(circles, geometry.Circle{Center: at, Radius: worldmap.LossReach})
	}
	for _, code := range bgp.CountryCodes() {
		s := worldmap.Shape{Code: code, Outline: a.outlines[code], Disputed: a.disputed(code)}
		if at, ok := dots[code]; ok {
			s.Dot = &at
		}
		m.Countries = append(m.Countries, worldmap.Draw(s, circles))
	}
	for _, d := range a.areas {
		m.Areas = append(m.Areas, worldmap.Area{
			Name: d.name, Code: d.code, Path: geometry.Path(geometry.Drawn(d.outline)),
		})
	}
	m.Areas = slices.DeleteFunc(m.Areas, func(d worldmap.Area) bool { return d.Path == "" })
	m.Borders, err = a.borders()
	return m, err
}

// split calls each for every polygon of a topology, with the code with which it is drawn, and with
// its name if it is a disputed area.
func split(t *topology, each func(code, disputed string, rings [][]int, degrees orb.Polygon)) error {
	for _, g := range t.geometries {
		if t.isUnneeded(g) {
			continue
		}
		code, err := codeOf(g)
		if err != nil {
			return err
		}
		for _, rings := range g.polygons {
			degrees, err := polygon(rings, t.arcs)
			if err != nil {
				return fmt.Errorf("%s: %w", g.name, err)
			}
			to, name := placeOf(code, degrees)
			each(to, cmp.Or(wholly[g.name], name), rings, degrees)
		}
	}
	return nil
}

func (t *topology) isUnneeded(g geometryObject) bool { return g.id == "" && unneeded[g.name] }

// missing returns the places of the countries that the medium file does not have: the middle of
// their largest piece in the detailed one, or their entry in places.
func (a *atlas) missing() (map[string]orb.Point, error) {
	have := map[string]bool{}
	if err := split(a.medium, func(code, _ string, _ [][]int, _ orb.Polygon) { have[code] = true }); err != nil {
		return nil, err
	}
	shapes := map[string]orb.MultiPolygon{}
	if err := split(a.detailed, func(code, _ string, _ [][]int, degrees orb.Polygon) {
		shapes[code] = append(shapes[code], degrees)
	}); err != nil {
		return nil, err
	}
	out := map[string]orb.Point{}
	for _, code := range bgp.CountryCodes() {
		switch {
		case places[code] != orb.Point{}:
			out[code] = places[code]
		case have[code]:
		case len(shapes[code]) == 0:
			return nil, fmt.Errorf("natural earth has no shape of %s, %s", code, bgp.CountryName(code))
		default:
			out[code], _ = geometry.Middle(geometry.Largest(shapes[code]), nil)
		}
	}
	return out, nil
}

// fit sets the frame in which every shape and every place is drawn.
func (a *atlas) fit(missing map[string]orb.Point) {
	var lines []orb.LineString
	for _, g := range a.medium.geometries {
		if code, err := codeOf(g); err == nil && undrawn[code] {
			continue
		}
		for _, rings := range g.polygons {
			for _, n := range rings[0] {
				lines = append(lines, a.medium.arcs[max(n, ^n)])
			}
		}
	}
	var points []orb.Point
	for _, p := range missing {
		points = append(points, p)
	}
	a.frame = geometry.Fit(lines, points, margin)
}

// outline joins the simplified arcs of each country and of each disputed area.
func (a *atlas) outline() error {
	var torn error
	err := split(a.medium, func(code, disputed string, rings [][]int, _ orb.Polygon) {
		drawn, err := polygon(rings, a.arcs)
		if err != nil {
			torn = fmt.Errorf("%s: %w", code, err)
		}
		for _, cut := range cuts {
			if cut.state == code {
				var south orb.Polygon
				drawn, south = a.cut(drawn, cut.latitude)
				a.add(cut.code, cut.name, south)
			}
		}
		a.add(code, disputed, drawn)
	})
	if err != nil {
		return err
	}
	return torn
}

// cut divides a polygon at a parallel, which is a horizontal line in this projection.
func (a *atlas) cut(drawn orb.Polygon, latitude float64) (north, south orb.Polygon) {
	y := a.frame.Point(orb.Point{0, latitude})[1]
	all := a.frame.Bound(-geometry.Width)
	above, below := all, all
	above.Max[1], below.Min[1] = y, y
	return clip.Polygon(above, drawn.Clone()), clip.Polygon(below, drawn.Clone())
}

// add adds a polygon to the shape of a country, and to that of the disputed area if disputed names
// one.
func (a *atlas) add(code, disputed string, drawn orb.Polygon) {
	if undrawn[code] || len(drawn) == 0 {
		return
	}
	if code != "" {
		a.outlines[code] = append(a.outlines[code], drawn)
	}
	if disputed == "" {
		return
	}
	i := slices.IndexFunc(a.areas, func(d area) bool { return d.name == disputed })
	if i < 0 {
		i = len(a.areas)
		a.areas = append(a.areas, area{name: disputed, code: code})
	}
	a.areas[i].outline = append(a.areas[i].outline, drawn)
}

// disputed reports whether all of a country's shape is a disputed area.
func (a *atlas) disputed(code string) bool {
	return slices.ContainsFunc(a.areas, func(d area) bool {
		return d.code == code && len(d.outline) == len(a.outlines[code])
	})
}

// dots returns the centres of the dots, by code.
func (a *atlas) dots(missing map[string]orb.Point) map[string]orb.Point {
	var codes []string
	var centers []orb.Point
	for _, code := range bgp.CountryCodes() {
		if !geometry.NeedsDot(a.outlines[code]) {
			continue
		}
		center, ok := missing[code]
		if ok {
			center = a.frame.Point(center)
		} else {
			center, _ = geometry.Middle(geometry.Largest(a.outlines[code]), nil)
		}
		codes, centers = append(codes, code), append(centers, center)
	}
	dots := map[string]orb.Point{}
	for i, p := range geometry.Spread(centers, worldmap.DotDistance, a.frame.Bound(margin)) {
		dots[codes[i]] = p
	}
	return dots
}
