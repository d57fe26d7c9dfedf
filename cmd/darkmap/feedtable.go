package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/feedlog"
)

// writeFeedsJSON prints one object a line: the feeds, then the families.
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

// panelLines say of each family whether verdicts are possible.
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

// feedLines draws the rows under a heading, no line longer than width; 0 is unlimited.
func feedLines(rows []feedlog.Row, width int) []string {
	cells := [][]string{{"COLLECTOR", "SOURCE", "STATE", "PEERS UP", "FULL IPV4", "FULL IPV6", "MESSAGES/S", "LAG", "LAST GAP (UTC)", "WHY"}}
	for _, r := range rows {
		gap, lag := "-", "-"
		if r.LastGap != nil {
			gap = r.LastGap.Format("2006-01-02 15:04:05")
		}
		if r.LagSeconds != nil {
			lag = fmt.Sprintf("%.1f s", *r.LagSeconds)
		}
		cells = append(cells, []string{
			r.Collector, r.Source, string(r.State), fmt.Sprint(r.PeersUp), fmt.Sprint(r.FullFeedsIPv4), fmt.Sprint(r.FullFeedsIPv6),
			fmt.Sprintf("%.1f", r.MessagesPerSecond), lag, gap, r.Reason,
		})
	}
	return alignedLines(cells, []bool{9: true}, width)
}
