package outageview

import (
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Options configure the table of outages.
type Options struct {
	// Width is the width of the terminal, in cells; 0 is unlimited.
	Width int
	// Wide shows the ids too.
	Wide bool
	// More are columns of the caller, before the ids.
	More []Extra
}

// Extra is a column with a value that is not in the record. It is never cut.
type Extra struct {
	Title string
	// Said precedes the value if all rows have the same and it moves to the line above the table;
	// empty shows the value alone.
	Said string
	Text func(o bgp.Outage) string
}

// field is a column of the table and the function of its cells.
type field struct {
	terminal.Column
	cell func(in Incident) terminal.Cell
}

// plain returns a column whose text is never cut.
func plain(c terminal.Column, text func(o bgp.Outage) string) field {
	return field{c, func(in Incident) terminal.Cell { return terminal.Text(text(in.Outage)) }}
}

// cut returns a column whose cells can be shortened.
func cut(c terminal.Column, cell func(o bgp.Outage) terminal.Cell) field {
	return field{c, func(in Incident) terminal.Cell { return cell(in.Outage) }}
}

// fields returns the columns from left to right. If the table is too wide, columns whose rows are
// all equal move to the line above it in the order of Drop: the family first, the caller's columns
// last. Cells are cut in the order of Shrink: the upstream's name first.
func fields(all []Incident, o Options) []field {
	next := successors(all)
	out := []field{
		plain(terminal.Column{Title: "START (UTC)"}, startText),
		plain(terminal.Column{Title: "END"}, endText),
		plain(terminal.Column{Title: "DURATION"}, durationText),
		cut(terminal.Column{Title: "ENTITY", Shrink: 4}, entityCell),
	}
	if slices.ContainsFunc(all, func(in Incident) bool { return len(in.Folded) > 0 }) {
		out = append(out, field{
			terminal.Column{Title: "INCLUDES", Drop: 5},
			func(in Incident) terminal.Cell { return terminal.Text(in.Includes()) },
		})
	}
	out = append(out,
		plain(terminal.Column{Title: "FAMILY", Drop: 1}, familyText),
		cut(terminal.Column{Title: "KIND", Drop: 6, Shrink: 2, Whole: true, Said: "kind"}, kindCell),
		cut(terminal.Column{Title: "LOSS", Drop: 3, Shrink: 3, Whole: true}, lossCell),
		plain(terminal.Column{Title: "SEVERITY", Drop: 2, Said: "severity"},
			func(o bgp.Outage) string { return string(o.Severity) }),
		plain(terminal.Column{Title: "ENDED", Drop: 7, Said: "ended:"},
			func(o bgp.Outage) string { return endedText(o, next(o)) }),
		cut(terminal.Column{
			Title: "UPSTREAM", Drop: 4, Shrink: 1, Said: "upstream", None: "no upstream known",
		}, func(o bgp.Outage) terminal.Cell { return asCell(o.Upstreams) }),
	)
	for _, x := range o.More {
		out = append(out, plain(terminal.Column{Title: x.Title, Drop: 8, Said: x.Said}, x.Text))
	}
	if o.Wide {
		out = append(out, plain(terminal.Column{Title: "ID"}, func(o bgp.Outage) string { return o.ID }))
	}
	return out
}

// successors returns a function that finds the successor of an outage among all.
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

// Table returns a heading and a row for each incident, no line wider than the options' width. The
// entity is never cut.
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
