package worldmap

import (
	"bufio"
	"cmp"
	_ "embed"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// CSS is the style sheet for the elements of WriteSVG and for a legend, light and dark by the
// page's color-scheme.
//
//go:embed worldmap.css
var CSS string

// View holds the texts and data that a map shows.
type View struct {
	// Label is the accessible name of the whole map.
	Label string
	// Link returns the address of a country's link.
	Link func(code string) string
	// Status returns the status of a country.
	Status func(code string) Status
}

// Status is the measurement of a country. The zero value means that there is none.
type Status struct {
	Measured bool
	// Loss is the lost share of its usual space, 0 to 1.
	Loss float64
	// Text follows the name of the country ("99 % lost since 16:15 UTC"). If empty, the words of
	// the legend follow.
	Text string
}

// Level returns the class of the status.
func (s Status) Level() Level {
	if !s.Measured {
		return Unmeasured
	}
	return LevelOf(s.Loss)
}

// drawn is a country with its status.
type drawn struct {
	Country
	level Level
	loss  float64
	// attributes are the attributes of its links.
	attributes, title string
}

// WriteSVG writes a map as one svg element, for a page that has CSS. Each country is a link. The
// title of the link, its accessible name, contains the loss. Countries with a greater loss are
// above those with a smaller one, and dots are above shapes. The element has no style attributes
// and no scripts. A country with a shape and a dot has two links. The link of the dot is the one
// for keyboards and screen readers.
func (m *Map) WriteSVG(w io.Writer, v View) error {
	var all []drawn
	for _, c := range m.Countries {
		all = append(all, v.draw(c))
	}
	slices.SortStableFunc(all, func(x, y drawn) int {
		return cmp.Or(cmp.Compare(x.level, y.level), cmp.Compare(x.loss, y.loss))
	})
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, `<svg class="worldmap" viewBox="%s" role="group" aria-label="%s">%s`,
		m.ViewBox(), html.EscapeString(v.Label), patterns)
	// Countries without a measurement inherit this fill. Every other class has a colour in CSS,
	// which outranks it.
	fmt.Fprint(b, "\n<g class=\"shapes\" fill=\"url(#worldmap-unmeasured)\">")
	for _, d := range all {
		switch {
		case d.Path == "":
		case d.Dot != nil:
			fmt.Fprintf(b, "\n<a%s tabindex=\"-1\" aria-hidden=\"true\"><path d=\"%s\"/></a>", d.attributes, d.Path)
		default:
			fmt.Fprintf(b, "\n<a%s>%s<path d=\"%s\"/></a>", d.attributes, d.title, d.Path)
		}
	}
	fmt.Fprint(b, "\n</g>")
	m.writeDisputed(b)
	fmt.Fprint(b, "\n<g class=\"dots\" fill=\"url(#worldmap-unmeasured)\">")
	for _, d := range all {
		if d.Dot != nil {
			fmt.Fprintf(b, "\n<a%s>%s%s</a>", d.attributes, d.title, d.circle())
		}
	}
	fmt.Fprint(b, "\n</g></svg>\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the map: %w", err)
	}
	return nil
}

// patterns are the hatches of countries without a measurement and, over a colour, of disputed
// areas. The lines extend beyond the corners of their tiles, or they would be broken there.
const patterns = `<defs>` +
	`<pattern id="worldmap-unmeasured" width="50" height="50" patternUnits="userSpaceOnUse">` +
	`<rect width="50" height="50"/><path d="M-5 5 5-5M0 50 50 0M45 55 55 45"/></pattern>` +
	`<pattern id="worldmap-disputed" width="32" height="32" patternUnits="userSpaceOnUse">` +
	`<path d="M-4 28 4 36M0 0 32 32M28-4 36 4"/></pattern>` +
	`</defs>`

// draw reads a country's status and link.
func (v View) draw(c Country) drawn {
	status := v.Status(c.Code)
	d := drawn{Country: c, level: status.Level(), loss: status.Loss}
	d.attributes = fmt.Sprintf(` class="%s" href="%s" data-code="%s"`, d.level.Class(),
		html.EscapeString(v.Link(c.Code)), c.Code)
	text := status.Text
	if text == "" {
		text = d.level.String()
	}
	d.title = "<title>" + html.EscapeString(bgp.CountryName(c.Code)+": "+text) + "</title>"
	return d
}

// circle returns the country's dot. It is larger for a country with a loss. The outline of a
// disputed country is dashed.
func (d drawn) circle() string {
	radius, class := quietRadius, ""
	if d.level > Whole {
		radius = lossRadius
	}
	if d.Disputed {
		class = ` class="contested"`
	}
	return fmt.Sprintf(`<circle%s cx="%d" cy="%d" r="%g"/>`, class, d.Dot[0], d.Dot[1], radius)
}

// writeDisputed hatches areas and dashes borders. Clicks and screen readers ignore them. A light
// line below the dashes separates them from the outline of a loss.
func (m *Map) writeDisputed(b *bufio.Writer) {
	fmt.Fprint(b, "\n<g class=\"disputed\" aria-hidden=\"true\">")
	for _, a := range m.Areas {
		if a.Code == "" {
			fmt.Fprintf(b, `<path class="land" d="%s"/>`, a.Path)
		}
		fmt.Fprintf(b, `<path class="area" fill="url(#worldmap-disputed)" d="%s"/>`, a.Path)
	}
	var borders strings.Builder
	for _, border := range m.Borders {
		borders.WriteString(border.Path)
	}
	if borders.Len() > 0 {
		fmt.Fprintf(b, `<path class="ground" d="%s"/><path class="border" d="%s"/>`,
			borders.String(), borders.String())
	}
	fmt.Fprint(b, "</g>")
}
