package worldmap

import (
	"math"

	"github.com/paulmach/orb"

	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// Radii of dots and the least distance of their centres, in units of the drawing. No dot hides the
// centre of another.
const (
	quietRadius = 2.5 * geometry.Unit
	lossRadius  = 3.8 * geometry.Unit
	// LossReach is the radius of the widest dot with its outline.
	LossReach = 4.5 * geometry.Unit
	// DotDistance is the least distance of the centres of two dots. It allows for the rounding of
	// both.
	DotDistance = 5*geometry.Unit + 2
)

// Shape is a country before it is drawn.
type Shape struct {
	Code string
	// Outline is projected and simplified.
	Outline orb.MultiPolygon
	// Dot is the required place of its dot, nil for none.
	Dot      *orb.Point
	Disputed bool
}

// Draw draws a shape below dots.
func Draw(s Shape, dots []geometry.Circle) Country {
	drawn := geometry.Drawn(s.Outline)
	c := Country{Code: s.Code, Path: geometry.Path(drawn), Disputed: s.Disputed}
	if s.Dot != nil {
		at := round(*s.Dot)
		c.Dot, c.At = &at, at
		return c
	}
	middle, _ := geometry.Middle(geometry.Largest(drawn), dots)
	c.At = round(middle)
	return c
}

func round(p orb.Point) Point { return Point{int(math.Round(p[0])), int(math.Round(p[1]))} }
