package page

import (
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// span is a length of time that a chart may have.
type span struct {
	Name, Title  string
	length, step time.Duration
}

// spans are the choices of a page. The first one is the default.
var spans = []span{
	{"24h", "24 hours", 24 * time.Hour, time.Minute},
	{"7d", "7 days", 7 * 24 * time.Hour, 10 * time.Minute},
	{"30d", "30 days", 30 * 24 * time.Hour, 30 * time.Minute},
	{"1y", "1 year", 365 * 24 * time.Hour, 6 * time.Hour},
}

// spanOf returns the requested span.
func spanOf(a *asked) span {
	for _, s := range spans {
		if s.Name == a.URL.Query().Get("span") {
			return s
		}
	}
	return spans[0]
}

// maxChanges bounds the rows of the table beside a chart.
const maxChanges = 300

// change is a row of the table beside a chart: the values from At on.
type change struct {
	At             time.Time
	Known          bool
	Visible, Usual string
	Prefixes       string
	Loss           string
	Voters         int
}

// figure is a chart with the table of its numbers.
type figure struct {
	Title string
	// Unit explains the unit of the numbers.
	Unit    string
	chart   *chart
	Changes []change
	// More gives the number of changes left out, in a sentence.
	More string
	// Problem is the reason why there is no chart, or empty. Empty means that nothing was measured
	// in the span.
	Problem string
	Empty   bool
	SQL     string
}

// SVG draws the chart.
func (f figure) SVG() any { return f.chart.SVG() }

// figureOf reads the series of an entity and makes a figure of it. now is the newest value in it.
func (a *asked) figureOf(k live.Key, s span, outages []bgp.Outage) (f figure, now *history.Point) {
	to := a.Until()
	from := to.Add(-s.length)
	f = figure{
		Title: k.Family.Title(), Unit: unitMeaning(k.Family),
		SQL: seriesSQL(a.Dataset, k, from, to, s.step),
	}
	if to.IsZero() {
		f.Problem = "No minute is decided yet."
		return f, nil
	}
	got, err := a.site.deps.History.Series(a.Context(), a.scope, k, from, to, s.step)
	if err != nil {
		f.Problem = reason(err)
		return f, nil
	}
	c := &chart{
		ID: "chart-" + k.Family.String(), From: got.From, To: to, Unit: unit(k.Family),
		HasUsual: true, Ticks: timeTicks(got.From, to),
	}
	f.Empty = true
	for i, p := range got.Points {
		f.Empty = f.Empty && !p.Known
		if p.Known {
			now = &got.Points[i]
		}
		c.Points = append(c.Points, chartPoint{
			At: p.At, Known: p.Known, Value: float64(p.Visible.Space) / 100,
			Usual: float64(p.Usual.Space) / 100,
		})
	}
	for _, o := range outages {
		if o.Family == k.Family.String() {
			c.Bands = append(c.Bands, bandOf(o, to))
		}
	}
	c.Label = fmt.Sprintf(
		"%s address space that the voters see, %s to %s, in %s; %s. The table below has the same numbers.",
		k.Family.Title(), clock(got.From), clock(to), unit(k.Family), bgp.Count(len(c.Bands), "outage"))
	f.chart = c
	f.changes(got, k.Family)
	return f, now
}

// bandOf marks an outage in a chart that ends at to.
func bandOf(o bgp.Outage, to time.Time) band {
	b := band{
		From: o.Start, To: to, Class: string(o.Severity),
		Text: fmt.Sprintf("%s, lost: %s, since %s", outageview.Kind(o), outageview.Loss(o), clock(o.Start)),
	}
	if o.End != nil {
		b.To = *o.End
		b.Text += ", until " + clock(*o.End)
	}
	return b
}

// changes lists the changes of a series. Between them the values hold.
func (f *figure) changes(s history.Series, family bgp.Family) {
	var last history.Point
	n := 0
	for i, p := range s.Points {
		if i > 0 && p.Known == last.Known && p.Visible == last.Visible && p.Usual == last.Usual &&
			p.Voters == last.Voters {
			continue
		}
		last = p
		if n++; n > maxChanges {
			continue
		}
		f.Changes = append(f.Changes, change{
			At: p.At, Known: p.Known, Visible: space(p.Visible.Space, family),
			Usual: space(p.Usual.Space, family), Loss: percent(p.LossPercent),
			Prefixes: fmt.Sprintf("%s of %s", number(p.Visible.Prefixes), number(p.Usual.Prefixes)), Voters: p.Voters,
		})
	}
	if n > maxChanges {
		f.More = fmt.Sprintf("The table has the first %d of %d changes. The SQL gives all.", maxChanges, n)
	}
}
