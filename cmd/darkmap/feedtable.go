package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/feedlog"
)

// writeFeedsJSON prints one object a line.
func writeFeedsJSON(w io.Writer, rows []feedlog.Row) error {
	enc := json.NewEncoder(w)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing the feeds: %w", err)
		}
	}
	return nil
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
