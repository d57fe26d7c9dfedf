package deadletter

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Lines returns the list as a table, no wider than width; 0 is unlimited.
func (l List) Lines(width int) []string {
	if l.Letters == 0 {
		return []string{"no dead letters"}
	}
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "COUNT"},
		{Title: "SENT BACK"},
		{Title: "STAGE"},
		{Title: "READ FROM", Shrink: 2},
		{Title: "COLLECTOR", Drop: 1, Said: "collector "},
		{Title: "LAST (UTC)"},
		{Title: "IDS"},
		{Title: "REASON", Shrink: 1},
	}}
	for _, g := range l.Groups {
		ids := g.FirstID.String()
		if g.Count > 1 {
			ids += ".." + g.LastID.String()
		}
		table.Rows = append(table.Rows, []terminal.Cell{
			terminal.Text(strconv.Itoa(g.Count)), terminal.Text(strconv.Itoa(g.SentBack)), terminal.Text(g.Stage),
			{Body: g.Topic},
			terminal.Text(g.Collector),
			terminal.Text(timeText(g.Last)), terminal.Text(ids),
			{Body: g.Reason},
		})
	}
	lines := append(table.Lines(width), "",
		bgp.Count(l.Letters, "dead letter")+" in "+bgp.Count(len(l.Groups), "group"))
	if l.Further > 0 {
		lines = append(lines,
			fmt.Sprintf("and %s of further groups, which are not listed: "+
				"choose with --stage, --reason, --collector, --from or --to",
				bgp.Count(l.Further, "dead letter")))
	}
	return lines
}

// EachLines returns the letters of a list, one a row.
func (l List) EachLines(width int) []string {
	if l.Letters == 0 {
		return []string{"no dead letters"}
	}
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "ID"},
		{Title: "TIME (UTC)"},
		{Title: "STAGE"},
		{Title: "READ FROM", Shrink: 2},
		{Title: "COLLECTOR", Drop: 1, Said: "collector "},
		{Title: "SENT BACK"},
		{Title: "REASON", Shrink: 1},
	}}
	for _, o := range l.Each {
		sent := ""
		if !o.SentBack.IsZero() {
			sent = timeText(o.SentBack)
		}
		table.Rows = append(table.Rows, []terminal.Cell{
			terminal.Text(o.ID.String()), terminal.Text(timeText(o.Time)), terminal.Text(o.Stage),
			{Body: o.position()},
			terminal.Text(o.Collector()), terminal.Text(sent),
			{Body: o.Reason},
		})
	}
	lines := table.Lines(width)
	if older := l.Letters - len(l.Each); older > 0 {
		lines = append(lines, "",
			fmt.Sprintf("and %s before these: --limit shows more", bgp.Count(older, "dead letter")))
	}
	return lines
}

// Lines describes the effect of a plan.
func (p Plan) Lines() []string { return append(Counts("to send back", p.Back), p.NotLines()...) }

// NotLines names the letters that cannot be sent back.
func (p Plan) NotLines() []string {
	var lines []string
	for _, why := range slices.Sorted(maps.Keys(p.Not)) {
		r := p.Not[why]
		lines = append(lines,
			fmt.Sprintf("not sent back: %s, first %s: %s", bgp.Count(r.Count, "dead letter"),
				r.First, terminal.Clean(why)))
	}
	return lines
}

// Counts returns a line with the number of letters of each topic.
func Counts(what string, by map[string]int) []string {
	total := 0
	var of []string
	for _, topic := range slices.Sorted(maps.Keys(by)) {
		total += by[topic]
		of = append(of, fmt.Sprintf("%d to %s", by[topic], terminal.Clean(topic)))
	}
	text := what + ": " + bgp.Count(total, "dead letter")
	if total > 0 {
		text += " (" + strings.Join(of, ", ") + ")"
	}
	return []string{text}
}
