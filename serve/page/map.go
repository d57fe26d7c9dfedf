package page

import (
	"errors"
	"fmt"
	"html/template"
	"os"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/serve/live"
	"github.com/darkmap/darkmap/serve/worldmap"
)

// openMap reads the map from an operator's file, or the built-in one if file is empty. It calls
// note with a sentence for each part of the file that it cannot use.
func openMap(file string, note func(string)) (m *worldmap.Map, err error) {
	if file == "" {
		return worldmap.World(), nil
	}
	f, err := os.Open(file) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("serve.map_file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	m, notes, err := worldmap.Read(f)
	if err != nil {
		return nil, fmt.Errorf("serve.map_file: %s: %w", file, err)
	}
	for _, n := range notes {
		note(n)
	}
	return m, nil
}

type legendEntry struct{ Class, Words string }

// legend lists the classes of colour with their words.
func legend() []legendEntry {
	var out []legendEntry
	for _, l := range worldmap.Levels() {
		out = append(out, legendEntry{l.Class(), l.String()})
	}
	return out
}

// drawMap draws the map of the world for a page.
func (a *asked) drawMap() (template.HTML, error) {
	var b strings.Builder
	err := a.site.world.WriteSVG(&b, worldmap.View{
		Label: "Map of the world: the countries by the loss of their usual address space", Status: a.country,
		Link: func(code string) string { return a.LinkEntity(bgp.EntityCountry, code) },
	})
	return template.HTML(b.String()), err //nolint:gosec // the map escapes what it writes
}

// country returns the status of a country in the family with the greatest loss. A family counts as
// not measured if it has no verdict, or no fresh value (live.FreshFor).
func (a *asked) country(code string) worldmap.Status {
	var worst worldmap.Status
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
		worst = worldmap.Status{Measured: true, Loss: loss, Text: a.countryText(f, v)}
	}
	if !worst.Measured {
		worst.Text = "no measurement"
	}
	return worst
}

// countryText describes the loss of a country, and the start of its outage if it has one.
func (a *asked) countryText(f bgp.Family, v live.Value) string {
	if v.Outage != "" {
		if e, ok := a.Snapshot.Find(v.Outage); ok {
			return fmt.Sprintf("%s lost in %s since %s (%s)", percent(v.LossPercent), f.Title(),
				clock(e.Outage.Start), outageview.Loss(e.Outage))
		}
	}
	if v.LossPercent < 100 {
		return "less than 1\u00a0% lost"
	}
	return fmt.Sprintf("%s lost in %s, no outage", percent(v.LossPercent), f.Title())
}
