package simulate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// TruthFile is the file of an export that lists its true events for programs:
// {"label":...,"start":...,"end":...,"events":[...]}.
const TruthFile = "truth.json"

// truthEvent is an event in the file. Times are RFC 3339, UTC. An absent end is after the end of
// the feeds.
type truthEvent struct {
	Kind     string     `json:"kind"`
	Country  string     `json:"country,omitempty"`
	Family   string     `json:"family"`
	Start    time.Time  `json:"start"`
	End      *time.Time `json:"end,omitempty"`
	Origins  []bgp.ASN  `json:"origins"`
	Prefixes []string   `json:"prefixes"`
	Losses   int        `json:"losses"`
	// StartBasis and EndBasis are published, assumed or simulated, and absent for events outside of
	// the schedule.
	StartBasis string `json:"start_basis,omitempty"`
	EndBasis   string `json:"end_basis,omitempty"`
}

// truthJSON returns the content of TruthFile.
func (w *World) truthJSON() (string, error) {
	out := struct {
		Label  string       `json:"label"`
		Start  time.Time    `json:"start"`
		End    time.Time    `json:"end"`
		Events []truthEvent `json:"events"`
	}{w.Label(), time.UnixMicro(w.start).UTC(), time.UnixMicro(w.end).UTC(), []truthEvent{}}
	for _, e := range w.Truth() {
		t := truthEvent{
			Kind: e.Kind, Country: e.Country, Family: e.Family.String(), Start: e.Start,
			Origins: e.Origins, Losses: e.Losses,
			StartBasis: e.StartBasis, EndBasis: e.EndBasis,
		}
		if !e.End.IsZero() {
			t.End = &e.End
		}
		for _, p := range e.Prefixes {
			t.Prefixes = append(t.Prefixes, p.String())
		}
		out.Events = append(out.Events, t)
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing the truth: %w", err)
	}
	return string(b) + "\n", nil
}

// truthText returns the same for people, one line for each event.
func (w *World) truthText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nFrom %s to %s. Times are when the networks went and came back.\n\n",
		w.Label(), clock(time.UnixMicro(w.start)), clock(time.UnixMicro(w.end)))
	for _, line := range w.TruthLines() {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// TruthLines describes the true events, one line each.
func (w *World) TruthLines() []string {
	var lines []string
	for _, e := range w.Truth() {
		end := "to the end"
		if !e.End.IsZero() {
			end = fmt.Sprintf("to %s, %s", clock(e.End), bgp.DurationText(e.End.Sub(e.Start)))
		}
		what := e.Kind
		if e.Losses > 1 {
			what += " (" + bgp.Count(e.Losses, "loss") + ")"
		}
		basis := ""
		if e.StartBasis != "" || e.EndBasis != "" {
			basis = fmt.Sprintf("; the start is %s, the end %s", e.StartBasis, e.EndBasis)
		}
		names := make([]string, len(e.Prefixes))
		for i, p := range e.Prefixes {
			names[i] = p.String()
		}
		const most = 6
		if more := len(names) - most; more > 0 {
			names = append(slices.Clone(names[:most]), fmt.Sprintf("%d more", more))
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s, %s, of %s in %s%s", clock(e.Start), end, what,
			e.Family.Title(), strings.Join(names, ", "), e.Country, basis))
	}
	return lines
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
