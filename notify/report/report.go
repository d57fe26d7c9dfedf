package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/notify/incident"
)

// Form is an output format.
type Form struct {
	// JSON selects one JSON object a line.
	JSON bool
	// Width is the width of the terminal; 0 is unlimited.
	Width int
	Now   time.Time
}

// draw writes a table, or the text nothing if the table has no rows.
func draw(w io.Writer, f Form, t terminal.Table, nothing string) error {
	lines := []string{nothing}
	if len(t.Rows) > 0 {
		lines = t.Lines(f.Width)
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// objects writes one JSON object a line.
func objects[T any](w io.Writer, all []T) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, x := range all {
		if err := out.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

// moment formats a time; a zero time is a hyphen.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

func row(cells ...string) []terminal.Cell {
	out := make([]terminal.Cell, len(cells))
	for i, c := range cells {
		out[i] = terminal.Text(plaintext.Clean(c))
	}
	return out
}

func columns(titles ...string) []terminal.Column {
	out := make([]terminal.Column, len(titles))
	for i, t := range titles {
		out[i] = terminal.Column{Title: t}
	}
	return out
}

// statusObject is the JSON form of a target's status.
type statusObject struct {
	Target    string    `json:"target"`
	State     string    `json:"state"`
	Off       string    `json:"off,omitempty"`
	Open      int       `json:"open"`
	Waiting   int       `json:"waiting"`
	Parked    int       `json:"parked"`
	Oldest    time.Time `json:"oldest_waiting,omitzero"`
	LastSent  time.Time `json:"last_sent,omitzero"`
	LastError string    `json:"last_error,omitempty"`
}

// stateOf returns the state of a target as a word.
func stateOf(s incident.Status) string {
	switch {
	case !s.Known:
		return "not configured"
	case s.Off != "":
		return "off"
	case s.Waiting > 0 && s.LastError != "":
		return "failing"
	}
	return "on"
}

// Status prints the status of the targets.
func Status(w io.Writer, all []incident.Status, f Form) error {
	if f.JSON {
		out := make([]statusObject, len(all))
		for i, s := range all {
			out[i] = statusObject{
				s.Target, stateOf(s), s.Off, s.Open, s.Waiting, s.Parked, s.Oldest, s.LastSent,
				s.LastError,
			}
		}
		return objects(w, out)
	}
	t := terminal.Table{
		Columns: columns("TARGET", "STATE", "OPEN", "WAITING", "OLDEST WAITS", "PARKED", "LAST SENT (UTC)"),
	}
	for _, s := range all {
		oldest := "-"
		if !s.Oldest.IsZero() {
			oldest = bgp.DurationText(max(0, f.Now.Sub(s.Oldest)))
		}
		t.Rows = append(t.Rows, row(s.Target, stateOf(s), strconv.Itoa(s.Open), strconv.Itoa(s.Waiting),
			oldest, strconv.Itoa(s.Parked), moment(s.LastSent)))
		var notes []string
		switch {
		case s.Off != "":
			notes = append(notes, "nothing is sent until its configuration changes: "+plaintext.Clean(s.Off))
		case s.LastError != "":
			notes = append(notes, "last error: "+plaintext.Clean(s.LastError))
		}
		t.Notes = append(t.Notes, notes)
	}
	return draw(w, f, t, "no targets: notify.targets is empty, and nobody was ever told anything")
}

// verdictObject is the JSON form of a verdict.
type verdictObject struct {
	Route    string   `json:"route"`
	Target   string   `json:"target,omitempty"`
	Matched  bool     `json:"matched"`
	Why      string   `json:"why,omitempty"`
	Incident string   `json:"incident,omitempty"`
	Lines    []string `json:"lines,omitempty"`
}

// Explain prints how an outage was handled.
func Explain(w io.Writer, id string, all []incident.Verdict, f Form) error {
	if f.JSON {
		out := make([]verdictObject, len(all))
		for i, v := range all {
			out[i] = verdictObject(v)
		}
		return objects(w, out)
	}
	lines := []string{id}
	for _, v := range all {
		to := ""
		if v.Target != "" {
			to = " to " + v.Target
		}
		switch {
		case !v.Matched:
			lines = append(lines, fmt.Sprintf("  route %s%s: not taken: %s", v.Route, to, v.Why))
		case v.Incident != "" && v.Incident != id:
			lines = append(lines, fmt.Sprintf("  route %s%s: taken, in the incident %s", v.Route, to, v.Incident))
		default:
			lines = append(lines, fmt.Sprintf("  route %s%s: taken", v.Route, to))
		}
		for _, l := range v.Lines {
			lines = append(lines, "    "+l)
		}
	}
	if len(all) == 0 {
		lines = append(lines, "  no route: notify.routes is empty")
	}
	for i := range lines {
		lines[i] = terminal.Clean(lines[i])
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// messageObject is the JSON form of a message.
type messageObject struct {
	Time     time.Time    `json:"time"`
	Target   string       `json:"target"`
	Kind     string       `json:"kind"`
	Route    string       `json:"route,omitempty"`
	Incident string       `json:"incident,omitempty"`
	Severity bgp.Severity `json:"severity,omitempty"`
	Late     bool         `json:"late,omitempty"`
	Headline string       `json:"headline"`
}

// Messages prints messages that were or would have been sent.
func Messages(w io.Writer, all []incident.Attempt, f Form) error {
	if f.JSON {
		out := make([]messageObject, len(all))
		for i, a := range all {
			m := a.Message
			out[i] = messageObject{
				m.Time, a.Target, string(m.Kind), m.Route, m.Incident, m.Severity, m.Late,
				m.Headline,
			}
		}
		return objects(w, out)
	}
	t := terminal.Table{Columns: columns("TIME (UTC)", "TARGET", "ROUTE", "WHAT", "MESSAGE")}
	for _, a := range all {
		m := a.Message
		t.Rows = append(t.Rows,
			row(moment(m.Time), a.Target, m.Route, strings.ReplaceAll(string(m.Kind), "_", " "), m.Headline))
	}
	return draw(w, f, t,
		"nothing would have been sent: no outage of that time fits a route, "+
			"or each was over before it could be told")
}

// Parked prints the parked messages with their ids, which --retry takes.
func Parked(w io.Writer, all []incident.Parked, f Form) error {
	if f.JSON {
		return objects(w, all)
	}
	t := terminal.Table{Columns: columns("ID", "SINCE (UTC)", "WHY")}
	for _, p := range all {
		why := p.Why
		if p.Records > 0 {
			why = bgp.Count(p.Records, "record") + ": " + why
		}
		t.Rows = append(t.Rows, row(p.Target+"/"+p.Incident, moment(p.Since), why))
	}
	return draw(w, f, t, "nothing is parked: every message was sent, or waits")
}

// Silences prints silences.
func Silences(w io.Writer, all []incident.Silence, f Form) error {
	if f.JSON {
		return objects(w, all)
	}
	t := terminal.Table{Columns: columns("ID", "UNTIL (UTC)", "OF", "REASON", "BY")}
	for _, s := range all {
		t.Rows = append(t.Rows, row(s.ID, moment(s.Until), Of(s), s.Reason, s.Who))
	}
	return draw(w, f, t, "no silence holds")
}

// Of describes the scope of a silence.
func Of(s incident.Silence) string {
	var parts []string
	for _, p := range []struct {
		name   string
		values []string
	}{{"watch", s.Watch}, {"code", s.Codes}, {"type", s.Types}, {"route", s.Routes}} {
		if len(p.values) > 0 {
			parts = append(parts, p.name+" "+strings.Join(p.values, ", "))
		}
	}
	if len(parts) == 0 {
		return "everything"
	}
	return strings.Join(parts, "; ")
}
