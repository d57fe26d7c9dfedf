package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/paulmach/orb"
)

// topology is a TopoJSON file (https://github.com/topojson/topojson-specification) with quantized
// arcs and one object of polygons.
type topology struct {
	geometries []geometryObject
	// arcs are longitudes and latitudes.
	arcs []orb.LineString
}

// geometryObject is one country of the file. Its rings are numbers of arcs; ^n is arc n backwards.
type geometryObject struct {
	id, name string
	polygons [][][]int
}

// readTopology reads the object countries of a TopoJSON file.
func readTopology(path string) (*topology, error) {
	b, err := os.ReadFile(path) //nolint:gosec // a file of the cache
	if err != nil {
		return nil, fmt.Errorf("reading Natural Earth's countries: %w", err)
	}
	var file struct {
		Transform struct{ Scale, Translate [2]float64 }
		Arcs      [][][2]float64
		Objects   struct {
			Countries struct {
				Geometries []struct {
					ID, Type   string
					Properties struct{ Name string }
					Arcs       json.RawMessage
				}
			}
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	t := &topology{}
	for _, steps := range file.Arcs {
		t.arcs = append(t.arcs, dequantize(steps, file.Transform.Scale, file.Transform.Translate))
	}
	for _, g := range file.Objects.Countries.Geometries {
		o := geometryObject{id: g.ID, name: g.Properties.Name}
		switch g.Type {
		case "Polygon":
			o.polygons = make([][][]int, 1)
			err = json.Unmarshal(g.Arcs, &o.polygons[0])
		case "MultiPolygon":
			err = json.Unmarshal(g.Arcs, &o.polygons)
		default:
			err = fmt.Errorf("type %s", g.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", o.name, path, err)
		}
		t.geometries = append(t.geometries, o)
	}
	return t, t.check(path)
}

// dequantize adds up the steps of an arc. scale and translate convert them to degrees.
func dequantize(steps [][2]float64, scale, translate [2]float64) orb.LineString {
	var at [2]float64
	line := make(orb.LineString, len(steps))
	for i, step := range steps {
		at[0], at[1] = at[0]+step[0], at[1]+step[1]
		line[i] = orb.Point{at[0]*scale[0] + translate[0], at[1]*scale[1] + translate[1]}
	}
	return line
}

// check checks that rings name existing arcs.
func (t *topology) check(path string) error {
	if len(t.geometries) == 0 {
		return fmt.Errorf("reading %s: it has no countries", path)
	}
	for _, g := range t.geometries {
		for _, polygon := range g.polygons {
			for _, ring := range polygon {
				for _, n := range ring {
					if max(n, ^n) >= len(t.arcs) {
						return fmt.Errorf("reading %s of %s: there is no arc %d", g.name, path, n)
					}
				}
			}
		}
	}
	return nil
}

// errTorn means that two arcs of a ring do not meet.
var errTorn = errors.New("the arcs of a ring do not meet")

// polygon joins the arcs of a polygon. arcs are those of the file, or arcs made from them.
func polygon(rings [][]int, arcs []orb.LineString) (orb.Polygon, error) {
	var out orb.Polygon
	for _, numbers := range rings {
		var ring orb.Ring
		for _, n := range numbers {
			arc := arcs[max(n, ^n)].Clone()
			if n < 0 {
				arc.Reverse()
			}
			if len(ring) > 0 {
				if ring[len(ring)-1] != arc[0] {
					return nil, errTorn
				}
				arc = arc[1:]
			}
			ring = append(ring, arc...)
		}
		out = append(out, ring)
	}
	return out, nil
}
