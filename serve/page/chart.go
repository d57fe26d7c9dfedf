package page

import (
	"fmt"
	"html"
	"html/template"
	"iter"
	"math"
	"strings"
	"time"
)

// The size of a chart in units of its view box. The box is stretched to the width of the page.
// Texts are outside of it, placed in percent.
const (
	chartWidth  = 1000.0
	chartHeight = 200.0
)

// chartPoint is a value that holds from At until the next point.
type chartPoint struct {
	At time.Time
	// Known is false if nothing was measured.
	Known        bool
	Value, Usual float64
}

// band is a marked span of time: an outage.
type band struct {
	From, To    time.Time
	Class, Text string
}

// chart is a series of steps over time.
type chart struct {
	ID, Label string
	From, To  time.Time
	Points    []chartPoint
	Bands     []band
	// Top is the greatest value of the axis; 0 means as much as the points need. Unit is the unit
	// at the axis.
	Top  float64
	Unit string
	// Ticks are the marks of the time axis.
	Ticks []tick
	// HasUsual adds a line for the usual values.
	HasUsual bool
}

// tick is a mark of the time axis. A minor one is left out on narrow screens.
type tick struct {
	At    time.Time
	Text  string
	Minor bool
}

// x returns the place of a time, in units of the view box.
func (c *chart) x(t time.Time) float64 {
	if t.Before(c.From) {
		t = c.From
	}
	if t.After(c.To) {
		t = c.To
	}
	return chartWidth * float64(t.Sub(c.From)) / float64(c.To.Sub(c.From))
}

func (c *chart) y(v float64) float64 { return chartHeight * (1 - v/c.Top) }

// axis returns round marks for the values, about five of them, and sets Top.
func (c *chart) axis() (marks []float64) {
	most := c.Top
	for _, p := range c.Points {
		most = max(most, p.Value, p.Usual)
	}
	if most <= 0 {
		most = 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, f := range []float64{0.2, 0.5, 1, 2} {
		if most/(step*f) <= 5 {
			step *= f
			break
		}
	}
	if c.Top == 0 {
		c.Top = math.Ceil(most*1.04/step) * step
	}
	for v := 0.0; v <= c.Top*1.001; v += step {
		marks = append(marks, v)
	}
	return marks
}

// SVG draws the chart. It has no style attributes and no script. The page has a table of the same
// numbers beside it.
func (c *chart) SVG() template.HTML {
	marks := c.axis()
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="chart" role="img" aria-label="%s" data-from="%d" data-to="%d">`,
		html.EscapeString(c.Label), c.From.Unix(), c.To.Unix())
	fmt.Fprintf(&b,
		`<defs><pattern id="%s-gap" width="8" height="8" patternUnits="userSpaceOnUse">`+
			`<path d="M-2 10 10 -2M-2 2 2 -2M6 10 10 6"/></pattern></defs>`,
		c.ID)
	fmt.Fprintf(&b,
		`<svg class="plot" width="100%%" height="%d%%" viewBox="0 0 %g %g" preserveAspectRatio="none">`,
		plotShare, chartWidth, chartHeight)
	for _, m := range marks {
		fmt.Fprintf(&b, `<path class="grid" d="M0 %.1fH%g"/>`, c.y(m), chartWidth)
	}
	for _, s := range c.Bands {
		x := c.x(s.From)
		fmt.Fprintf(&b,
			`<rect class="band %s" x="%.1f" y="0" width="%.1f" height="%g"><title>%s</title></rect>`,
			s.Class, x, max(c.x(s.To)-x, 1.5), chartHeight, html.EscapeString(s.Text))
	}
	if c.HasUsual {
		fmt.Fprintf(&b, `<path class="usual" d="%s"/>`, c.line(func(p chartPoint) float64 {
			return p.Usual
		}, false))
	}
	value := func(p chartPoint) float64 { return p.Value }
	fmt.Fprintf(&b, `<path class="area" d="%s"/><path class="line" d="%s"/></svg>`,
		c.line(value, true), c.line(value, false))
	c.gaps(&b)
	unit := c.Unit // only the lowest mark has the unit
	for _, m := range marks[1:] {
		fmt.Fprintf(&b, `<text class="mark" x="0" y="%.1f%%" dy="-4">%s</text>`,
			c.y(m)/chartHeight*plotShare, html.EscapeString(markText(m, unit)))
		unit = ""
	}
	for _, t := range c.Ticks {
		class := "tick"
		if t.Minor {
			class = "tick minor"
		}
		at := c.x(t.At) / chartWidth * 100
		anchor := "middle"
		switch {
		case at < 4:
			anchor = "start"
		case at > 96:
			anchor = "end"
		}
		fmt.Fprintf(&b, `<text class="%s" x="%.2f%%" y="100%%" dy="-6" text-anchor="%s">%s</text>`,
			class, at, anchor, html.EscapeString(t.Text))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // texts are escaped above
}

// plotShare is the share of the chart's height that the plot takes, in percent. The rest is the
// time axis.
const plotShare = 90

// markText formats a value of the axis.
func markText(v float64, unit string) string {
	text := fmt.Sprintf("%.4g", v)
	if v >= 1000 && v == math.Trunc(v) {
		text = number(int64(v))
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// runs yields each run of points that are known, or of those that are not, and the place in the
// drawing where the run ends.
func (c *chart) runs(known bool) iter.Seq2[[]chartPoint, float64] {
	return func(yield func([]chartPoint, float64) bool) {
		for i := 0; i < len(c.Points); {
			from := i
			for i < len(c.Points) && c.Points[i].Known == c.Points[from].Known {
				i++
			}
			end := chartWidth
			if i < len(c.Points) {
				end = c.x(c.Points[i].At)
			}
			if c.Points[from].Known == known && !yield(c.Points[from:i], end) {
				return
			}
		}
	}
}

// gaps hatches the spans without a measurement. It draws them outside of the stretched box, or the
// hatch would be stretched too.
func (c *chart) gaps(b *strings.Builder) {
	for run, end := range c.runs(false) {
		x := c.x(run[0].At)
		fmt.Fprintf(b,
			`<rect class="gap" fill="url(#%s-gap)" x="%.2f%%" y="0" width="%.2f%%" height="%d%%">`+
				`<title>no measurement</title></rect>`,
			c.ID, x/10, (end-x)/10, plotShare)
	}
}

// line returns the path of steps. The path stops where nothing was measured, and begins again after
// that. As an area it returns along the ground.
func (c *chart) line(value func(chartPoint) float64, area bool) string {
	var b strings.Builder
	for run, end := range c.runs(true) {
		begin, y := c.x(run[0].At), c.y(value(run[0]))
		fmt.Fprintf(&b, "M%.1f %.1f", begin, y)
		for _, p := range run[1:] {
			if next := c.y(value(p)); next != y {
				fmt.Fprintf(&b, "H%.1fV%.1f", c.x(p.At), next)
				y = next
			}
		}
		fmt.Fprintf(&b, "H%.1f", end)
		if area {
			fmt.Fprintf(&b, "V%gH%.1fZ", chartHeight, begin)
		}
	}
	return b.String()
}

// timeTicks returns marks at round times of a span.
func timeTicks(from, to time.Time) []tick {
	span := to.Sub(from)
	day := 24 * time.Hour
	if span > 100*day {
		return monthTicks(from, to)
	}
	step, form := time.Second, "15:04:05"
	for _, x := range []struct {
		up   time.Duration
		step time.Duration
		form string
	}{
		{2 * time.Minute, 15 * time.Second, "15:04:05"},
		{8 * time.Minute, time.Minute, "15:04"},
		{40 * time.Minute, 5 * time.Minute, "15:04"},
		{3 * time.Hour, 20 * time.Minute, "15:04"},
		{12 * time.Hour, 2 * time.Hour, "15:04"},
		{2 * day, 3 * time.Hour, "15:04"},
		{10 * day, day, "01-02"},
		{100 * day, 5 * day, "01-02"},
	} {
		step, form = x.step, x.form
		if span <= x.up {
			break
		}
	}
	var out []tick
	n := 0
	for t := from.Truncate(step).Add(step); t.Before(to); t = t.Add(step) {
		text := t.UTC().Format(form)
		if step == 3*time.Hour && t.Equal(t.Truncate(day)) {
			text = t.UTC().Format("01-02")
		}
		out = append(out, tick{At: t, Text: text, Minor: n%2 == 1})
		n++
	}
	return out
}

func monthTicks(from, to time.Time) []tick {
	var out []tick
	t := time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 1, 0)
	for n := 0; t.Before(to); n++ {
		out = append(out, tick{At: t, Text: t.Format("2006-01"), Minor: n%3 != 0})
		t = t.AddDate(0, 1, 0)
	}
	return out
}
