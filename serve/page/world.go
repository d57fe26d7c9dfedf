package page

import (
	"html/template"

	"github.com/darkmap/darkmap/internal/bgp"
)

// world holds the content of the first page.
type world struct {
	Headline, Voters string
	// Families lists for each family whether verdicts are possible.
	Families []string
	Map      template.HTML
	Legend   []legendEntry
	Open     table
	// Suspected lists the unconfirmed outages.
	Suspected table
	Closed    table
	Slider    *slider
	Choices   []step
}

// worldPage answers `/`.
func (s *site) worldPage(a *asked) (*content, error) {
	snap := a.Snapshot
	d := world{
		Headline: headline(snap, a.shows), Voters: voters(snap, a.shows), Slider: a.slider(),
		Choices: a.familyChoices("/"), Legend: legend(),
		Open:      a.table("Open outages", snap.Open, false),
		Suspected: a.table("Suspected outages", snap.Suspected, false),
		Closed:    a.table("Outages that ended in the 24 hours before", snap.Closed, true),
	}
	for _, p := range snap.Families {
		if a.shows(p.Family) {
			d.Families = append(d.Families, p.Text+".")
		}
	}
	var err error
	if d.Map, err = a.drawMap(); err != nil {
		return nil, err
	}
	text := d.Headline + "; " + d.Voters
	if !a.Until().IsZero() {
		text += "; decided up to " + clock(a.Until())
	}
	return &content{Template: "world", Title: d.Headline, Description: text + ".", Data: d}, nil
}

// familyChoices returns links to the page for all families and for each one.
func (a *asked) familyChoices(path string) []step {
	out := []step{{Text: "IPv4 and IPv6", Link: a.Link(path, "family", ""), Current: a.Family == 0}}
	for _, f := range bgp.Families {
		out = append(out, step{Text: f.Title(), Link: a.Link(path, "family", f.String()), Current: a.Family == f})
	}
	return out
}
