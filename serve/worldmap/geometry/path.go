package geometry

import (
	"math"
	"strconv"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"
	"github.com/paulmach/orb/simplify"
)

// The smallest areas, in square pixels of a map that is 1,000 pixels wide: of a corner that a line
// keeps, of an island that is drawn, and of the largest piece of a country without a dot.
const (
	leastCorner = 0.25
	leastIsland = 0.3
	leastShape  = 12
)

// Simplify drops the corners of a projected line that are too small to see (Visvalingam and Whyatt
// 1993). It keeps the ends.
func Simplify(line orb.LineString) orb.LineString {
	keep := 2
	if len(line) > 0 && line[0] == line[len(line)-1] {
		keep = 4
	}
	return simplify.Visvalingam(leastCorner*Unit*Unit, keep).LineString(line.Clone())
}

// Drawn returns the polygons of a projected shape that are large enough to be seen, with their
// holes that are large enough.
func Drawn(shape orb.MultiPolygon) orb.MultiPolygon {
	var out orb.MultiPolygon
	for _, polygon := range shape {
		var kept orb.Polygon
		for i, ring := range polygon {
			if !large(ring, leastIsland) {
				if i == 0 {
					break
				}
				continue
			}
			kept = append(kept, ring)
		}
		if len(kept) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

func large(ring orb.Ring, least float64) bool {
	return math.Abs(planar.Area(ring)) >= least*Unit*Unit
}

// Largest returns the polygon with the largest outer ring, or nil for an empty shape.
func Largest(shape orb.MultiPolygon) orb.Polygon {
	var largest orb.Polygon
	most := -1.0
	for _, polygon := range shape {
		if len(polygon) == 0 {
			continue
		}
		if area := math.Abs(planar.Area(polygon[0])); area > most {
			largest, most = polygon, area
		}
	}
	return largest
}

// NeedsDot reports whether a shape has no piece that is large enough to see and to point at.
func NeedsDot(shape orb.MultiPolygon) bool {
	largest := Largest(shape)
	return largest == nil || !large(largest[0], leastShape)
}

// Path writes a projected shape as SVG path data: whole units, relative steps. The result is empty
// if nothing of the shape is left. Path data can be joined, since they begin with an absolute M.
func Path(shape orb.MultiPolygon) string {
	var w pathWriter
	for _, polygon := range shape {
		for _, ring := range polygon {
			w.write(orb.LineString(ring), true)
		}
	}
	return string(w.out)
}

// LinePath writes projected lines as SVG path data.
func LinePath(lines []orb.LineString) string {
	var w pathWriter
	for _, line := range lines {
		w.write(line, false)
	}
	return string(w.out)
}

// pathWriter tracks the place of the pen. After z the pen is at the ring's first point.
type pathWriter struct {
	out []byte
	pen [2]int
}

func (w *pathWriter) write(line orb.LineString, closed bool) {
	var points [][2]int
	for _, p := range line {
		at := [2]int{int(math.Round(p[0])), int(math.Round(p[1]))}
		if len(points) == 0 || points[len(points)-1] != at {
			points = append(points, at)
		}
	}
	if closed && len(points) > 1 && points[0] == points[len(points)-1] {
		points = points[:len(points)-1]
	}
	if len(points) < 2 || closed && len(points) < 3 {
		return
	}
	// Numbers without a letter after an m are relative. After an M they would be absolute.
	absolute := len(w.out) == 0
	if absolute {
		w.out = append(w.out, 'M')
	} else {
		w.out = append(w.out, 'm')
	}
	for i, p := range points {
		if absolute && i == 1 {
			w.out = append(w.out, 'l')
		}
		w.number(p[0]-w.pen[0], i == 0 || absolute && i == 1)
		w.number(p[1]-w.pen[1], false)
		w.pen = p
	}
	if closed {
		w.out = append(w.out, 'z')
		w.pen = points[0]
	}
}

// number appends n. If n does not follow a letter, a space precedes it, except before a minus sign.
func (w *pathWriter) number(n int, letter bool) {
	if n >= 0 && !letter {
		w.out = append(w.out, ' ')
	}
	w.out = strconv.AppendInt(w.out, int64(n), 10)
}
