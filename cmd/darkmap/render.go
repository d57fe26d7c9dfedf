package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/darkmap/darkmap/internal/bgp"
)

// column is one column of a table of outages. Narrow terminals lose text from the columns that may shrink, the last first.
type column struct {
	title   string
	shrinks bool
	text    func(o bgp.Outage) string
}

func outageColumns() []column {
	return []column{
		{"START (UTC)", false, func(o bgp.Outage) string { return o.Start.UTC().Format("2006-01-02 15:04") }},
		{"END", false, endText},
		{"DURATION", false, durationText},
		{"ENTITY", true, func(o bgp.Outage) string { return entityText(o.Entity) }},
		{"FAMILY", false, func(o bgp.Outage) string { return o.Family }},
		{"KIND", false, kindText},
		{"LOSS", false, lossText},
		{"SEVERITY", false, func(o bgp.Outage) string { return string(o.Severity) }},
		{"UPSTREAM", true, upstreamText},
	}
}

// outageTable draws one line per outage under a heading, no line longer than width; width 0 is unlimited.
func outageTable(all []bgp.Outage, width int) []string {
	columns := outageColumns()
	cells, shrinks := make([][]string, len(all)+1), make([]bool, len(columns))
	for i, c := range columns {
		shrinks[i] = c.shrinks
		cells[0] = append(cells[0], c.title)
		for row, o := range all {
			cells[row+1] = append(cells[row+1], c.text(o))
		}
	}
	return alignedLines(cells, shrinks, width)
}

// alignedLines draws rows of cells in columns, no line longer than width; width 0 is unlimited.
func alignedLines(cells [][]string, shrinks []bool, width int) []string {
	widths := make([]int, len(shrinks))
	for _, row := range cells {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	shrink(shrinks, widths, width)
	lines := make([]string, 0, len(cells))
	for _, row := range cells {
		var b strings.Builder
		for i, text := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			b.WriteString(fit(text, widths[i]))
		}
		lines = append(lines, clip(strings.TrimRight(b.String(), " "), width))
	}
	return lines
}

// shrink takes from the columns that may shrink what the table is too wide, but leaves them eight characters.
func shrink(shrinks []bool, widths []int, width int) {
	if width <= 0 {
		return
	}
	over := 2*(len(shrinks)-1) - width
	for _, w := range widths {
		over += w
	}
	for i := len(shrinks) - 1; i >= 0 && over > 0; i-- {
		if !shrinks[i] {
			continue
		}
		take := max(min(over, widths[i]-8), 0)
		widths[i], over = widths[i]-take, over-take
	}
}

// fit pads text to width characters, or cuts it there.
func fit(text string, width int) string {
	text = clip(text, width)
	return text + strings.Repeat(" ", width-utf8.RuneCountInString(text))
}

// clip cuts text to width characters, two dots telling so; width 0 is unlimited.
func clip(text string, width int) string {
	if width <= 0 || utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	if width <= 2 {
		return string(runes[:width])
	}
	return string(runes[:width-2]) + ".."
}

// eventLine is one line about an event in the life of an outage, for a run that shows them as they come.
func eventLine(o bgp.Outage) string {
	event := cmp.Or(string(o.Event), string(o.State))
	at := o.Start
	if (o.State == bgp.StateClosed || o.State == bgp.StateRetracted) && o.End != nil {
		at = *o.End
	}
	parts := []string{
		fmt.Sprintf("%s  %-9s %s", at.UTC().Format("2006-01-02 15:04:05"), event, entityText(o.Entity)),
		o.Family, kindText(o), lossText(o),
	}
	if o.State == bgp.StateClosed {
		parts = append(parts, "after "+durationText(o))
	}
	if u := upstreamText(o); u != "" {
		parts = append(parts, "upstream "+u)
	}
	return strings.Join(parts, ", ")
}

// endText is the end as the table shows it: the date again only if it differs from the start's.
func endText(o bgp.Outage) string {
	if o.End == nil {
		return "still open"
	}
	if sameDay(o.Start, *o.End) {
		return o.End.UTC().Format("15:04")
	}
	return o.End.UTC().Format("01-02 15:04")
}

func sameDay(a, b time.Time) bool {
	return a.UTC().Truncate(24 * time.Hour).Equal(b.UTC().Truncate(24 * time.Hour))
}

// durationText writes 9 h 31 min, 31 min, 45 s, 2 d 4 h.
func durationText(o bgp.Outage) string {
	return bgp.DurationText(time.Duration(o.DurationSeconds) * time.Second)
}

// entityText writes KP North Korea, AS131279 Ryugyong-dong, 192.0.2.0/24.
func entityText(e bgp.Entity) string {
	if e.Name == "" || e.Name == e.Code {
		return e.Code
	}
	return e.Code + " " + e.Name
}

// kindText writes outage, partial, intermittent (62 losses), moved; blips and what was retracted say so.
func kindText(o bgp.Outage) string {
	switch {
	case o.State == bgp.StateRetracted:
		return "retracted"
	case o.Blip:
		return "blip"
	case o.Evidence.LossesInEvent > 0:
		return string(o.Kind) + " (" + bgp.Count(o.Evidence.LossesInEvent, "loss") + ")"
	}
	return string(o.Kind)
}

// lossText speaks of few prefixes in counts, of many in percent; of a prefix that part of the networks holds, or others
// originate, in these.
func lossText(o bgp.Outage) string {
	lost, all := o.Peak.LostPrefixes, o.Baseline.Prefixes
	switch {
	case o.EndReason == bgp.EndCovered && o.Peak.LossPercent == 0:
		return "none, still covered"
	case o.Kind == bgp.KindPartial && o.Entity.Type == bgp.EntityPrefix:
		return fmt.Sprintf("%s %% of its networks", o.Peak.LossPercent)
	case o.Kind == bgp.KindMoved && o.Entity.Type == bgp.EntityPrefix && len(o.Evidence.MovedTo) > 0:
		return "to " + o.Evidence.MovedTo[0].ASN.String()
	}
	if all < 10 {
		return fmt.Sprintf("%d of %s", lost, bgp.Count(all, "prefix"))
	}
	return fmt.Sprintf("%s %% (%d of %s)", o.Peak.LossPercent, lost, bgp.Count(all, "prefix"))
}

// upstreamText names the first upstream and says how many more there are.
func upstreamText(o bgp.Outage) string {
	if len(o.Upstreams) == 0 {
		return ""
	}
	u := o.Upstreams[0]
	text := u.ASN.String()
	if u.Name != "" {
		text += " " + u.Name
	}
	if more := len(o.Upstreams) - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

// furtherSQL returns queries that show what is behind an outage, each ready for `darkmap sql`. They use route_changes and
// outages alone.
func furtherSQL(o bgp.Outage) []string {
	from := o.Start.Add(-5 * time.Minute)
	to := o.Start.Add(10 * time.Minute)
	where := fmt.Sprintf("dataset = %s AND %s AND timestamp >= %s AND timestamp < %s", sqlString(o.Dataset), sqlEntity(o), sqlTime(from), sqlTime(to))
	return []string{
		"SELECT toStartOfMinute(timestamp) AS minute, countIf(type = 'announce') AS announced, countIf(type = 'withdraw') AS withdrawn, uniqExact(peer_asn) AS peers " +
			"FROM darkmap.route_changes WHERE " + where + " GROUP BY minute ORDER BY minute",
		"SELECT collector, peer_asn, max(timestamp) AS withdrawn_at, count() AS withdrawals " +
			"FROM darkmap.route_changes WHERE " + where + " AND type = 'withdraw' GROUP BY collector, peer_asn ORDER BY withdrawn_at",
		"SELECT as_path, uniqExact(peer_asn) AS peers, count() AS announcements " +
			"FROM darkmap.route_changes WHERE " + where + " AND type = 'announce' GROUP BY as_path ORDER BY peers DESC, announcements DESC LIMIT 20",
	}
}

// sqlEntity is the condition that picks the entity's rows. Withdrawals carry no origin, so an AS is picked by the prefixes
// that it lost.
func sqlEntity(o bgp.Outage) string {
	prefixes := o.LostPrefixes
	switch {
	case o.Entity.Type == bgp.EntityCountry:
		return "country = " + sqlString(o.Entity.Code)
	case o.Entity.Type == bgp.EntityRegion:
		return "region = " + sqlString(o.Entity.Code)
	case o.Entity.Type == bgp.EntityPrefix:
		prefixes = []string{o.Entity.Code}
	case len(prefixes) == 0:
		return "1"
	}
	quoted := make([]string, len(prefixes))
	for i, p := range prefixes {
		quoted[i] = sqlString(p)
	}
	return "prefix IN (" + strings.Join(quoted, ", ") + ")"
}

func sqlString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func sqlTime(t time.Time) string {
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05") + "', 6, 'UTC')"
}
