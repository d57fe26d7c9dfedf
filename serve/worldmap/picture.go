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
	p := painter{img: img, scale: scale, fill: vector.NewRasterizer(0, 0)}
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

// painter fills shapes. It works within the bounds of one shape at a time: to fill the whole picture
// for each of 250 countries took seconds.
type painter struct {
	img   *image.RGBA
	fill  *vector.Rasterizer
	scale float32
	at    image.Rectangle // the bounds of the present shape, pixels
}

// begin sets the bounds of the next shape: from the corner (x1, y1) to (x2, y2), and a margin.
func (p *painter) begin(x1, y1, x2, y2, margin float32) {
	p.at = image.Rect(int(x1-margin)-1, int(y1-margin)-1, int(x2+margin)+2, int(y2+margin)+2).
		Intersect(p.img.Bounds()) // the rasterizer does not clip
	p.fill.Reset(p.at.Dx(), p.at.Dy())
}

// flush fills the drawn path.
func (p *painter) flush(c color.RGBA) {
	p.fill.Draw(p.img, p.at, image.NewUniform(c), image.Point{})
	p.fill.Reset(p.at.Dx(), p.at.Dy())
}

// moveTo, lineTo and cubeTo take pixels of the picture.
func (p *painter) moveTo(x, y float32) { p.fill.MoveTo(p.in(x, y)) }

func (p *painter) lineTo(x, y float32) { p.fill.LineTo(p.in(x, y)) }

func (p *painter) cubeTo(x1, y1, x2, y2, x3, y3 float32) {
	x1, y1 = p.in(x1, y1)
	x2, y2 = p.in(x2, y2)
	x3, y3 = p.in(x3, y3)
	p.fill.CubeTo(x1, y1, x2, y2, x3, y3)
}

// in returns a point of the picture within the bounds of the present shape.
func (p *painter) in(x, y float32) (float32, float32) {
	return x - float32(p.at.Min.X), y - float32(p.at.Min.Y)
}

// shape fills path data as geometry.Path writes it, and draws a border.
func (p *painter) shape(path string, c color.RGBA) {
	rings := readRings(path)
	if len(rings) == 0 {
		return
	}
	low, high := rings[0][0], rings[0][0]
	for _, ring := range rings {
		for _, at := range ring {
			low = Point{min(low[0], at[0]), min(low[1], at[1])}
			high = Point{max(high[0], at[0]), max(high[1], at[1])}
		}
	}
	p.begin(float32(low[0])*p.scale, float32(low[1])*p.scale,
		float32(high[0])*p.scale, float32(high[1])*p.scale, lineHalf)
	for _, ring := range rings {
		for i, at := range ring {
			x, y := float32(at[0])*p.scale, float32(at[1])*p.scale
			if i == 0 {
				p.moveTo(x, y)
			} else {
				p.lineTo(x, y)
			}
		}
		p.fill.ClosePath()
	}
	p.flush(c)
	for _, ring := range rings {
		for i, at := range ring {
			p.line(at, ring[(i+1)%len(ring)])
		}
	}
	p.flush(borderColour)
}

// lineHalf is half the width of a line, pixels.
const lineHalf = 0.35

// line draws a thin line.
func (p *painter) line(a, b Point) {
	x1, y1, x2, y2 := float32(a[0])*p.scale, float32(a[1])*p.scale, float32(b[0])*p.scale, float32(b[1])*p.scale
	dx, dy := x2-x1, y2-y1
	length := max(abs(dx)+abs(dy), 0.001) // exact enough for such a thin line
	nx, ny := -dy/length*lineHalf, dx/length*lineHalf
	p.moveTo(x1+nx, y1+ny)
	p.lineTo(x2+nx, y2+ny)
	p.lineTo(x2-nx, y2-ny)
	p.lineTo(x1-nx, y1-ny)
	p.fill.ClosePath()
}

func abs(x float32) float32 { return max(x, -x) }

// dot fills a circle made of four curves.
func (p *painter) dot(at Point, r float32, c color.RGBA) {
	const k = 0.5523 // for a quarter of a circle
	x, y := float32(at[0])*p.scale, float32(at[1])*p.scale
	p.begin(x, y, x, y, r)
	p.moveTo(x+r, y)
	p.cubeTo(x+r, y+k*r, x+k*r, y+r, x, y+r)
	p.cubeTo(x-k*r, y+r, x-r, y+k*r, x-r, y)
	p.cubeTo(x-r, y-k*r, x-k*r, y-r, x, y-r)
	p.cubeTo(x+k*r, y-r, x+r, y-k*r, x+r, y)
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
