package worldmap

import (
	"image"
	"image/color"
	"image/draw"
	"strconv"

	"golang.org/x/image/vector"

	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

// The colours of a picture, by level, are those of the style sheet on light ground. A picture has
// no hatch: a country without a measurement has the colour of the sea.
var (
	seaColour     = color.RGBA{0xf8, 0xfa, 0xfb, 0xff}
	borderColour  = color.RGBA{0xa9, 0xad, 0xb2, 0xff}
	outlineColour = color.RGBA{0x2a, 0x12, 0x08, 0xff}
	levelColours  = [...]color.RGBA{
		Unmeasured: seaColour, Whole: {0xe8, 0xe8, 0xe5, 0xff}, Slight: {0xe3, 0xbb, 0x89, 0xff},
		Minor: {0xd8, 0x8e, 0x49, 0xff}, Moderate: {0xd3, 0x4c, 0x10, 0xff},
		Major: {0xae, 0x0a, 0x0a, 0xff},
		Total: {0x69, 0x0a, 0x0b, 0xff},
	}
)

// markRadius is the radius in pixels of the dot of a country with a loss. The dot is visible in a
// small preview, too.
const markRadius = 7

// Paint draws the map into the upper part of a picture over its whole width, and returns the height
// of the map. status returns the status of a country. Each country with a loss has a dot.
func (m *Map) Paint(img *image.RGBA, status func(code string) Status) (height int) {
	width := img.Bounds().Dx()
	scale := float32(width) / geometry.Width
	height = int(float32(m.Frame.Height) * scale)
	draw.Draw(img, image.Rect(0, 0, width, height), image.NewUniform(seaColour), image.Point{}, draw.Src)
	p := painter{img, vector.NewRasterizer(width, height), scale}
	for _, c := range m.Countries {
		p.shape(c.Path, levelColours[status(c.Code).Level()])
	}
	for _, c := range m.Countries {
		if level := status(c.Code).Level(); level > Whole {
			p.dot(c.At, markRadius+1.5, outlineColour)
			p.dot(c.At, markRadius, levelColours[level])
		}
	}
	return height
}

// painter fills shapes.
type painter struct {
	img   *image.RGBA
	fill  *vector.Rasterizer
	scale float32
}

// flush fills the drawn path.
func (p painter) flush(c color.RGBA) {
	p.fill.Draw(p.img, p.fill.Bounds(), image.NewUniform(c), image.Point{})
	p.fill.Reset(p.fill.Bounds().Dx(), p.fill.Bounds().Dy())
}

// shape fills path data as geometry.Path writes it, and draws a border.
func (p painter) shape(path string, c color.RGBA) {
	for _, ring := range readRings(path) {
		for i, at := range ring {
			x, y := float32(at[0])*p.scale, float32(at[1])*p.scale
			if i == 0 {
				p.fill.MoveTo(x, y)
			} else {
				p.fill.LineTo(x, y)
			}
		}
		p.fill.ClosePath()
	}
	p.flush(c)
	for _, ring := range readRings(path) {
		for i, at := range ring {
			p.line(at, ring[(i+1)%len(ring)])
		}
	}
	p.flush(borderColour)
}

// line draws a thin line.
func (p painter) line(a, b Point) {
	const half = 0.35
	x1, y1, x2, y2 := float32(a[0])*p.scale, float32(a[1])*p.scale, float32(b[0])*p.scale, float32(b[1])*p.scale
	dx, dy := x2-x1, y2-y1
	length := max(abs(dx)+abs(dy), 0.001) // exact enough for such a thin line
	nx, ny := -dy/length*half, dx/length*half
	p.fill.MoveTo(x1+nx, y1+ny)
	p.fill.LineTo(x2+nx, y2+ny)
	p.fill.LineTo(x2-nx, y2-ny)
	p.fill.LineTo(x1-nx, y1-ny)
	p.fill.ClosePath()
}

func abs(x float32) float32 { return max(x, -x) }

// dot fills a circle made of four curves.
func (p painter) dot(at Point, r float32, c color.RGBA) {
	const k = 0.5523 // for a quarter of a circle
	x, y := float32(at[0])*p.scale, float32(at[1])*p.scale
	p.fill.MoveTo(x+r, y)
	p.fill.CubeTo(x+r, y+k*r, x+k*r, y+r, x, y+r)
	p.fill.CubeTo(x-k*r, y+r, x-r, y+k*r, x-r, y)
	p.fill.CubeTo(x-r, y-k*r, x-k*r, y-r, x, y-r)
	p.fill.CubeTo(x+k*r, y-r, x+r, y-k*r, x+r, y)
	p.fill.ClosePath()
	p.flush(c)
}

// readRings parses path data as geometry.Path writes it: M and l, m, z, and whole numbers.
func readRings(path string) (out [][]Point) {
	var ring []Point
	var pen Point
	i := 0
	number := func() int {
		for i < len(path) && path[i] == ' ' {
			i++
		}
		from := i
		for i < len(path) && (path[i] == '-' && i == from || path[i] >= '0' && path[i] <= '9') {
			i++
		}
		n, _ := strconv.Atoi(path[from:i]) // the map was checked when it was read
		return n
	}
	for i < len(path) {
		switch c := path[i]; c {
		case 'M':
			i++
			pen = Point{number(), number()}
			ring = append(ring[:0:0], pen)
		case 'm':
			i++
			pen = Point{pen[0] + number(), pen[1] + number()}
			ring = append(ring[:0:0], pen)
		case 'z':
			i++
			if len(ring) > 0 {
				out, pen = append(out, ring), ring[0]
			}
		default:
			if c == 'l' {
				i++
			}
			before := i
			pen = Point{pen[0] + number(), pen[1] + number()}
			ring = append(ring, pen)
			if i == before {
				return out // not a path of geometry.Path
			}
		}
	}
	return out
}
