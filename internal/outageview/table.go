package outageview

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Options say how a table of outages is drawn.
type Options struct {
	// Width is the terminal's, in cells; 0 is unlimited.
	Width int
	// Wide shows the ids too.
	Wide bool
	// More columns that the caller adds, before the ids.
	More []Extra
}

// Extra is a column that is not in the record. It is never cut.
type Extra struct {
	Title string
	// Said stands before the value where all rows are equal and it is said once; the zero value leaves the value alone.
	Said string
	Text func(o bgp.Outage) string
}

// field is a column of the table and what stands in it.
type field struct {
	terminal.Column
	cell func(in Incident) terminal.Cell
}

// plain is a column whose text is never cut.
func plain(c terminal.Column, text func(o bgp.Outage) string) field {
	return field{c, func(in Incident) terminal.Cell { return terminal.Text(text(in.Outage)) }}
}

// cut is a column whose cells can do with less.
func cut(c terminal.Column, cell func(o bgp.Outage) terminal.Cell) field {
	return field{c, func(in Incident) terminal.Cell { return cell(in.Outage) }}
}

// fields are the columns from left to right. Where the table does not fit, family goes up into the line above it first, how an
// incident ended last; the name of the upstream is cut first.
func fields(all []Incident, o Options) []field {
	next := successors(all)
	out := []field{
		plain(terminal.Column{Title: "START (UTC)"}, startText),
		plain(terminal.Column{Title: "END"}, endText),
		plain(terminal.Column{Title: "DURATION"}, durationText),
		cut(terminal.Column{Title: "ENTITY", Shrink: 4}, entityCell),
	}
	if slices.ContainsFunc(all, func(in Incident) bool { return len(in.Folded) > 0 }) {
		out = append(out, field{terminal.Column{Title: "INCLUDES", Drop: 5}, func(in Incident) terminal.Cell { return terminal.Text(in.Includes()) }})
	}
	out = append(out,
		plain(terminal.Column{Title: "FAMILY", Drop: 1}, familyText),
		cut(terminal.Column{Title: "KIND", Drop: 6, Shrink: 2, Whole: true, Said: "kind"}, kindCell),
		cut(terminal.Column{Title: "LOSS", Drop: 3, Shrink: 3, Whole: true}, lossCell),
		plain(terminal.Column{Title: "SEVERITY", Drop: 2, Said: "severity"}, func(o bgp.Outage) string { return string(o.Severity) }),
		plain(terminal.Column{Title: "ENDED", Drop: 7, Said: "ended:"}, func(o bgp.Outage) string { return endedText(o, next(o)) }),
		cut(terminal.Column{Title: "UPSTREAM", Drop: 4, Shrink: 1, Said: "upstream", None: "no upstream known"}, func(o bgp.Outage) terminal.Cell { return asCell(o.Upstreams) }),
	)
	for _, x := range o.More {
		out = append(out, plain(terminal.Column{Title: x.Title, Drop: 8, Said: x.Said}, x.Text))
	}
	if o.Wide {
		out = append(out, plain(terminal.Column{Title: "ID"}, func(o bgp.Outage) string { return o.ID }))
	}
	return out
}

// successors finds the event that goes on from another, among all that are given.
func successors(all []Incident) func(bgp.Outage) *bgp.Outage {
	byID := map[string]*bgp.Outage{}
	for i := range all {
		byID[all[i].ID] = &all[i].Outage
		for k := range all[i].Folded {
			byID[all[i].Folded[k].ID] = &all[i].Folded[k]
		}
	}
	return func(o bgp.Outage) *bgp.Outage { return byID[o.Successor] }
}

// Table draws a row for each incident under a heading, no line wider than the options' width. The entity is never cut.
func Table(all []Incident, o Options) []string {
	columns := fields(all, o)
	t := terminal.Table{Rows: make([][]terminal.Cell, len(all))}
	for _, c := range columns {
		t.Columns = append(t.Columns, c.Column)
		for n, in := range all {
			t.Rows[n] = append(t.Rows[n], c.cell(in))
		}
	}
	return t.Lines(o.Width)
}
