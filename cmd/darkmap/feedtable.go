package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/terminal"
)

// writeFeedsJSON prints one object a line: first the feeds, then the families.
func writeFeedsJSON(w io.Writer, rows []feedlog.Row, panels []feedlog.Panel) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing the feeds: %w", err)
		}
	}
	for _, p := range panels {
		if err := enc.Encode(p); err != nil {
			return fmt.Errorf("writing the panels: %w", err)
		}
	}
	return nil
}

// panelLines describe for each family whether verdicts are possible.
func panelLines(panels []feedlog.Panel) []string {
	if len(panels) == 0 {
		return []string{"no verdict is possible yet: no peer has said anything that the detector has decided on"}
	}
	var lines []string
	for _, p := range panels {
		lines = append(lines, fmt.Sprintf("%s (since %s UTC)", p.Text, p.Since.Format("2006-01-02 15:04")))
		if p.PlacesNotJudged != "" {
			lines = append(lines, p.PlacesNotJudged)
		}
	}
	return lines
}

// feedLines draws the rows under a heading. No line is longer than width; 0 means no limit.
func feedLines(rows []feedlog.Row, width int) []string {
	table := terminal.Table{Columns: []terminal.Column{
		{Title: "COLLECTOR"},
		{Title: "SOURCE", Drop: 1, Said: "source"},
		{Title: "STATE"},
		{Title: "PEERS UP"},
		{Title: "FULL IPV4"},
		{Title: "FULL IPV6", Drop: 2, Said: "full IPv6 feeds"},
		{Title: "MESSAGES/S"},
		{Title: "LAG"},
		{Title: "LAST GAP (UTC)", Drop: 3, Said: "last gap"},
		{Title: "WHY", Drop: 4, Said: "why:"},
	}}
	for _, r := range rows {
		gap, lag := "-", "-"
		if r.LastGap != nil {
			gap = r.LastGap.Format("2006-01-02 15:04:05")
		}
		if r.LagSeconds != nil {
			lag = fmt.Sprintf("%.1f s", *r.LagSeconds)
		}
		row := []string{
			r.Collector, r.Source, string(r.State),
			fmt.Sprint(r.PeersUp), fmt.Sprint(r.FullFeedsIPv4), fmt.Sprint(r.FullFeedsIPv6),
			fmt.Sprintf("%.1f", r.MessagesPerSecond), lag, gap, r.Reason,
		}
		cells := make([]terminal.Cell, len(row))
		for i, text := range row {
			cells[i] = terminal.Text(text)
		}
		table.Rows = append(table.Rows, cells)
	}
	return table.Lines(width)
}
