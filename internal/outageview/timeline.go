package outageview

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/terminal"
)

// TimelineOptions configure a timeline.
type TimelineOptions struct {
	// Title is the line above the timeline; empty omits it.
	Title    string
	From, To time.Time
	// Width is the width of the terminal, in characters; 0 is 80.
	Width int
	// ASCII selects glyphs in ASCII.
	ASCII bool
}

// The states of a cell, from visible to dark. Of two overlapping events the darker one is shown.
const (
	cellVisible = iota
	cellPartial
	cellFlapping
	cellPartlyDark
	cellDark
	cellOutside
)

// glyphs returns the glyph of each state, in the order of the constants above.
func glyphs(ascii bool) [6]rune {
	if ascii {
		return [6]rune{'.', '-', '~', '+', '#', ' '}
	}
	return [6]rune{'·', '░', '▒', '▄', '█', ' '}
}

const (
	timelineLabel = 12 // Mon 22 Dec and two blanks
	timelineNote  = 18 // two blanks and: dark 9 h 31 min
	oneDay        = 24 * time.Hour
)

// Timeline draws one strip a day (UTC) of the given outages, which should be those of one entity
// and family: the times that were dark, flapping or visible. No line is longer than the width. It
// is a pure function.
func Timeline(all []bgp.Outage, o TimelineOptions) []string {
	if o.Width <= 0 {
		o.Width = 80
	}
	perDay, notes := cellsPerDay(o.Width)
	drawn := glyphs(o.ASCII)
	var lines []string
	if o.Title != "" {
		lines = append(lines, terminal.Wrap(terminal.Clean(o.Title), o.Width, 2)...)
	}
	lines = append(lines, hourScale(perDay))
	for day := o.From.UTC().Truncate(oneDay); day.Before(o.To); day = day.Add(oneDay) {
		var b strings.Builder
		fmt.Fprintf(&b, "%-*s", timelineLabel, day.Format("Mon _2 Jan"))
		for i := range perDay {
			start := day.Add(oneDay * time.Duration(i) / time.Duration(perDay))
			b.WriteRune(drawn[cell(all, o, start, oneDay/time.Duration(perDay))])
		}
		if notes {
			b.WriteString(dayNote(all, o, day))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return append(lines, legend(drawn, perDay, o.Width)...)
}

// cellsPerDay returns the number of cells of the finest strip that fits, and whether the day's note
// fits after it.
func cellsPerDay(width int) (cells int, notes bool) {
	fits := 24
	for _, n := range []int{12, 24, 48, 72, 96} {
		if timelineLabel+n <= width {
			fits = n
		}
		if timelineLabel+n+timelineNote <= width {
			cells, notes = n, true
		}
	}
	if notes {
		return cells, true
	}
	return min(fits, max(width-timelineLabel, 1)), false
}

// hourScale returns the hours 0, 6, 12, 18 above their cells, as far as there is room.
func hourScale(perDay int) string {
	line := []rune(strings.Repeat(" ", timelineLabel+perDay+1))
	for h := 0; h < 24; h += 6 {
		text := fmt.Sprintf("%02d", h)
		copy(line[timelineLabel+h*perDay/24:], []rune(text))
	}
	return strings.TrimRight(string(line[:timelineLabel+perDay]), " ")
}

// cell returns the state of a stretch of time.
func cell(all []bgp.Outage, o TimelineOptions, start time.Time, length time.Duration) int {
	end := start.Add(length)
	if !start.Before(o.To) || !end.After(o.From) {
		return cellOutside
	}
	worst := cellVisible
	var dark time.Duration
	for _, x := range all {
		part := overlap(x, start, end)
		if part <= 0 {
			continue
		}
		switch {
		case x.Kind == bgp.KindIntermittent:
			worst = max(worst, cellFlapping)
		case isDark(x):
			worst = max(worst, cellPartlyDark)
			dark += part
		default:
			worst = max(worst, cellPartial)
		}
	}
	if dark*10 >= length*9 {
		return cellDark
	}
	return worst
}

// isDark reports whether an outage is total, not the loss of a part.
func isDark(x bgp.Outage) bool { return x.Kind == bgp.KindOutage && x.Severity == bgp.SeverityTotal }

// overlap returns the part of the outage between start and end, without its pauses. An open outage
// has no end yet.
func overlap(x bgp.Outage, start, end time.Time) time.Duration {
	last := end
	if x.End != nil {
		last = *x.End
	}
	d := between(x.Start, last, start, end)
	for _, g := range x.Gaps {
		d -= between(g.Start, g.End, start, end)
	}
	return d
}

func between(aStart, aEnd, bStart, bEnd time.Time) time.Duration {
	if aStart.Before(bStart) {
		aStart = bStart
	}
	if aEnd.After(bEnd) {
		aEnd = bEnd
	}
	return max(aEnd.Sub(aStart), 0)
}

// dayNote returns the dark time of the day, or that it flapped.
func dayNote(all []bgp.Outage, o TimelineOptions, day time.Time) string {
	end := day.Add(oneDay)
	if end.After(o.To) {
		end = o.To
	}
	var dark time.Duration
	flapped := false
	for _, x := range all {
		part := overlap(x, day, end)
		flapped = flapped || part > 0 && x.Kind == bgp.KindIntermittent
		if isDark(x) {
			dark += part
		}
	}
	switch {
	case dark > 0:
		return "  dark " + bgp.DurationText(dark)
	case flapped:
		return "  flapping"
	}
	return ""
}

// legend explains the glyphs, in as many lines as necessary.
func legend(drawn [6]rune, perDay, width int) []string {
	words := []string{
		string(drawn[cellVisible]) + " visible",
		string(drawn[cellPartial]) + " partly lost",
		string(drawn[cellFlapping]) + " flapping",
		string(drawn[cellPartlyDark]) + " dark for a part",
		string(drawn[cellDark]) + " dark",
		"one sign is " + bgp.DurationText(oneDay/time.Duration(perDay)) + ", times are UTC",
	}
	var lines []string
	line := ""
	for _, w := range words {
		switch {
		case line == "":
			line = w
		case terminal.Cells(line)+3+terminal.Cells(w) > width:
			lines, line = append(lines, terminal.Clip(line, width)), w
		default:
			line += "   " + w
		}
	}
	return append(lines, terminal.Clip(line, width))
}
