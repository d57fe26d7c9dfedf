package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/terminal"
)

// print writes the result: the objects, or the table and the story of the longest outage.
func (c *demoCmd) print(g *globals, world *simulate.World, r *outagelog.Log) error {
	f := c.outages()
	shown := r.Select(f)
	switch {
	case len(shown) == 0:
		return writeNothing(g, r.Tally(f), c.Format)
	case c.Format == formatJSON:
		return writeJSON(g.stdout, shown)
	}
	basis := outageview.Extra{Title: "BASIS", Text: func(o bgp.Outage) string { return basisText(world, o) }}
	if err := c.writeTable(g, shown, basis); err != nil {
		return err
	}
	width, all := terminal.Width(g.stdout), outagelog.Outages(shown)
	longest := longestOutage(all, world)
	of := slices.DeleteFunc(slices.Clone(all), func(o bgp.Outage) bool {
		return o.Entity != longest.Entity || o.Family != longest.Family
	})
	text := []string{""}
	for _, line := range sourceLines(world, all) {
		text = append(text, terminal.Wrap(line, width, 6)...)
	}
	text = append(text, "", "What could be seen, hour by hour:")
	text = append(text, outageview.Timeline(of, outageview.TimelineOptions{
		Title: outageview.Entity(longest) + ", " + longest.Family, From: world.Start(), To: world.End(),
		Width: width, ASCII: !terminal.Unicode(),
	})...)
	text = append(text, postLines(world, longest)...)
	if !c.NoStore {
		text = append(text, "", "To look further:")
		for _, q := range furtherSQL(longest) {
			text = append(text, "  "+g.command("sql", `"`+q+`"`))
		}
	}
	return printLines(g.stdout, append(text, "", world.Label()))
}

// basisText returns the basis of an outage's times and the number of its row in the schedule.
func basisText(world *simulate.World, o bgp.Outage) string {
	if o.Entity.Type == bgp.EntityWatch {
		return "that of its members"
	}
	row := world.Row(o)
	if row < 0 {
		return "not in the schedule"
	}
	return fmt.Sprintf("%s [%d]", world.Schedule()[row].Basis(), row+1)
}

// sourceLines explain the numbers of those rows of the schedule that the outages come from.
func sourceLines(world *simulate.World, all []bgp.Outage) []string {
	lines := []string{
		"Which times were published, and where (`darkmap demo --schedule` shows all of the schedule):",
	}
	for i, r := range world.Schedule() {
		if !slices.ContainsFunc(all, func(o bgp.Outage) bool { return world.Row(o) == i }) {
			continue
		}
		if r.Source == "" {
			return []string{"All times are simulated: those of December 2014, shifted, and laid on another country."}
		}
		lines = append(lines, fmt.Sprintf(
			"  [%d] start %s, end %s: %s. Note: %s", i+1, r.StartBasis, r.EndBasis, r.Source, r.Note,
		))
	}
	return lines
}

// postLines describe the outage in words. They warn if its times were not published, and if losses
// before it are assumed.
func postLines(world *simulate.World, o bgp.Outage) []string {
	row := world.Row(o)
	if row < 0 {
		return []string{"", "In words:", "  " + o.Post, "", "The same in full:", "  " + o.Summary}
	}
	r := world.Schedule()[row]
	text := []string{"", "What a person could post:", "  " + o.Post}
	if r.Basis() != simulate.Published {
		text = []string{
			"", "Not to be posted, for its times were not published (" + r.Basis() + "):", "  " + o.Post,
		}
	}
	text = append(text, "", "The same in full:", "  "+o.Summary)
	if o.Flaps.Day > 0 {
		text = append(text, "  (The short losses before it are "+assumption(world)+
			", not published, and so is what the summary concludes from them.)")
	}
	return text
}

// assumption returns the basis of short losses that were not published: assumed or simulated.
func assumption(world *simulate.World) string {
	for _, r := range world.Schedule() {
		if r.Flaps && r.StartBasis == simulate.Assumed {
			return "assumed by this reconstruction"
		}
	}
	return "simulated"
}

// longestOutage returns the longest outage of the first rank. It prefers, in this order, entities
// of the world to watch lists, outages to other kinds, broader entities to their parts, and outages
// with published start and end to others. all must not be empty.
func longestOutage(all []bgp.Outage, world *simulate.World) bgp.Outage {
	rank := func(o bgp.Outage) int {
		if row := world.Row(o); row >= 0 && world.Schedule()[row].Basis() == simulate.Published {
			return 1
		}
		return 0
	}
	outage := func(o bgp.Outage) int {
		if o.Kind == bgp.KindOutage {
			return 1
		}
		return 0
	}
	told := func(o bgp.Outage) int {
		if o.Entity.Type == bgp.EntityWatch {
			return 0
		}
		return 1
	}
	return slices.MaxFunc(all, func(a, b bgp.Outage) int {
		return cmp.Or(
			told(a)-told(b), outage(a)-outage(b),
			cmp.Compare(a.Entity.Type.Breadth(), b.Entity.Type.Breadth()),
			rank(a)-rank(b), cmp.Compare(a.DurationSeconds, b.DurationSeconds),
		)
	})
}

// scheduleLines draw the schedule as a table.
func scheduleLines(world *simulate.World, width int) []string {
	const layout = "2006-01-02 15:04"
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "ROW"},
		{Title: "START (UTC)"},
		{Title: "END (UTC)"},
		{Title: "WHAT"},
		{Title: "BASIS", Drop: 1},
		{Title: "SOURCE", Drop: 2},
		{Title: "NOTE", Drop: 3},
	}}
	for i, r := range world.Schedule() {
		var cells []terminal.Cell
		for _, text := range []string{
			strconv.Itoa(i + 1), r.Start.Format(layout), r.End.Format(layout), r.What(),
			r.Basis(), r.Source, strings.ReplaceAll(r.Note, "\t", " "),
		} {
			cells = append(cells, terminal.Text(text))
		}
		table.Rows = append(table.Rows, cells)
	}
	const explained = "published: the start and the end were. end assumed: only the start was. " +
		"assumed: neither was."
	return slices.Concat(table.Lines(width), []string{""}, terminal.Wrap(explained, width, 0))
}
