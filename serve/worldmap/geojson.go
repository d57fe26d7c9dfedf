package worldmap

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/paulmach/orb"
)

// errPosition means that a position is not a longitude and latitude in degrees.
var errPosition = errors.New("a position is no longitude and latitude in degrees")

// errShort means that a ring of a polygon, or a line, is too short.
var errShort = errors.New("a ring has fewer than four positions, or a line fewer than two")

// position is a GeoJSON position: longitude, latitude and, unused here, a height.
type position orb.Point

// UnmarshalJSON refuses positions outside of the globe. A longitude beyond 180 is one turn away.
func (p *position) UnmarshalJSON(b []byte) error {
	var numbers []*float64
	if err := json.Unmarshal(b, &numbers); err != nil || len(numbers) < 2 || numbers[0] == nil ||
		numbers[1] == nil {
		return errPosition
	}
	if *p = (position{*numbers[0], *numbers[1]}); math.Abs(p[0]) > 360 || math.Abs(p[1]) > 90 {
		return fmt.Errorf("%w: %v", errPosition, *p)
	}
	return nil
}

// geometryObject is a GeoJSON geometry (RFC 7946, section 3.1). orb's own reader would bring
// MongoDB's BSON with it.
type geometryObject struct {
	Type        string
	Coordinates json.RawMessage
}

// shapes holds the polygons, lines and points of a geometry, in degrees.
type shapes struct {
	polygons orb.MultiPolygon
	lines    []orb.LineString
	points   []orb.Point
}

// read returns empty shapes for a type that the map does not draw.
func (g geometryObject) read() (shapes, error) {
	var polygons [][][]position
	var lines [][]position
	var points []position
	var err error
	switch g.Type {
	case "Polygon":
		polygons = make([][][]position, 1)
		err = json.Unmarshal(g.Coordinates, &polygons[0])
	case "MultiPolygon":
		err = json.Unmarshal(g.Coordinates, &polygons)
	case "LineString":
		lines = make([][]position, 1)
		err = json.Unmarshal(g.Coordinates, &lines[0])
	case "MultiLineString":
		err = json.Unmarshal(g.Coordinates, &lines)
	case "Point":
		points = make([]position, 1)
		err = json.Unmarshal(g.Coordinates, &points[0])
	}
	if err != nil {
		return shapes{}, fmt.Errorf("reading the coordinates of a %s: %w", g.Type, err)
	}
	var s shapes
	for _, p := range points {
		s.points = append(s.points, orb.Point(p))
	}
	for _, l := range lines {
		if len(l) < 2 {
			return shapes{}, errShort
		}
		s.lines = append(s.lines, line(l))
	}
	for _, rings := range polygons {
		polygon, err := toPolygon(rings)
		if err != nil {
			return shapes{}, err
		}
		s.polygons = append(s.polygons, polygon)
	}
	return s, nil
}

func line(positions []position) orb.LineString {
	out := make(orb.LineString, len(positions))
	for i, p := range positions {
		out[i] = orb.Point(p)
	}
	return out
}

// toPolygon closes open rings.
func toPolygon(rings [][]position) (orb.Polygon, error) {
	if len(rings) == 0 {
		return nil, errShort
	}
	var out orb.Polygon
	for _, positions := range rings {
		if len(positions) < 4 {
			return nil, errShort
		}
		ring := orb.Ring(line(positions))
		if ring[0] != ring[len(ring)-1] {
			ring = append(ring, ring[0])
		}
		out = append(out, ring)
	}
	return out, nil
}
