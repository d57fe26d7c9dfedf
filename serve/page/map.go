package page

import (
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/serve/live"
)

// worldMap draws the world as one svg element.
type worldMap interface {
	// draw writes it. link is where a country's link leads, status what is known of it.
	draw(w io.Writer, label string, link func(code string) string, status func(code string) status) error
	// legend lists the classes of colour with their words.
	legend() []legendEntry
}

// status is what is known of a country.
type status struct {
	Measured bool
	// Loss is the lost share of its usual space, 0 to 1.
	Loss float64
	// Text is said after the country's name.
	Text string
}

type legendEntry struct{ Class, Words string }

// drawMap draws the world of a page.
func (a *asked) drawMap() (template.HTML, error) {
	if a.site.world == nil {
		return "", nil
	}
	var b strings.Builder
	label := "Map of the world: the countries by the loss of their usual address space"
	err := a.site.world.draw(&b, label, func(code string) string { return a.LinkEntity(bgp.EntityCountry, code) }, a.country)
	return template.HTML(b.String()), err //nolint:gosec // the map escapes what it writes
}

// country tells of a country: of the family in which it lost most. Where no verdict is possible, and where no value is newer than an hour, there is no
// measurement.
func (a *asked) country(code string) status {
	var worst status
	for _, f := range a.families() {
		if p, ok := hasPanel(a.Snapshot, f.String()); !ok || !p.Verdicts {
			continue
		}
		v, ok := a.Snapshot.Value(live.Key{Family: f, Type: bgp.EntityCountry, Code: code})
		if !ok || !v.Fresh(a.Snapshot.Minute) {
			continue
		}
		loss := float64(v.LossPercent) / 100_00
		if worst.Measured && loss <= worst.Loss {
			continue
		}
		worst = status{Measured: true, Loss: loss, Text: a.countryText(f, v)}
	}
	if !worst.Measured {
		worst.Text = "no measurement"
	}
	return worst
}

// countryText says how much of a country is lost, and since when where that is an outage.
func (a *asked) countryText(f bgp.Family, v live.Value) string {
	if v.Outage != "" {
		if e, ok := a.Snapshot.Find(v.Outage); ok {
			return fmt.Sprintf("%s lost in %s since %s (%s)", percent(v.LossPercent), f.Title(), clock(e.Outage.Start), outageview.Loss(e.Outage))
		}
	}
	if v.LossPercent < 100 {
		return "less than 1\u00a0% lost"
	}
	return fmt.Sprintf("%s lost in %s, no outage", percent(v.LossPercent), f.Title())
}
