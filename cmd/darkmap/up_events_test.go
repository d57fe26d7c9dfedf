package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/progress"
)

// TestUpEvents: JSON output is the record's object, one event a line. Text leaves out updates. All
// events of an outage that passes the filter are printed, and none of an outage that does not pass
// it.
func TestUpEvents(t *testing.T) {
	t.Parallel()
	start, end := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)
	var all []outagelog.Entry
	for i, code := range []string{"KP", "IQ"} {
		entity := bgp.Entity{Type: bgp.EntityCountry, Code: code}
		for _, event := range []bgp.Event{bgp.EventOpened, bgp.EventUpdated, bgp.EventClosed} {
			o := bgp.Outage{ID: code, Event: event, State: bgp.StateOpen, Start: start.Add(time.Duration(i) * time.Hour), Entity: entity}
			if event == bgp.EventClosed {
				o.State, o.End = bgp.StateClosed, &end
			}
			all = append(all, outagelog.Entry{Outage: o, JSON: []byte(`{"id":"` + code + `","event":"` + string(event) + `"}`)})
		}
	}
	for format, want := range map[string][]string{
		"json": {`{"id":"KP","event":"opened"}`, `{"id":"KP","event":"updated"}`, `{"id":"KP","event":"closed"}`},
		"text": {"2026-11-24 12:00:00  opened", "2026-11-24 13:00:00  closed"},
	} {
		var out bytes.Buffer
		g := &globals{stdout: &out, line: progress.NewLine(&out)}
		p := &events{g: g, json: format == "json", stream: outagelog.NewStream(outagelog.Filter{To: end}), log: outagelog.New()}
		tell := func(o bgp.Outage, _ time.Time) error { return p.print(outageview.Unfolded([]bgp.Outage{o}), "") }
		for _, e := range all {
			if err := p.take(e, start, tell); err != nil {
				t.Fatal(err)
			}
		}
		got := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(got) != len(want) {
			t.Fatalf("%s: got %q, want %q", format, got, want)
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) || format == "json" && got[i] != want[i] {
				t.Errorf("%s: got %q, want %q", format, got[i], want[i])
			}
		}
	}
}

// TestUpEventsPassLate: one outage passes the filter only once it has grown, another only at its
// end. Text then prints their begin. JSON prints the records from there on.
func TestUpEventsPassLate(t *testing.T) {
	t.Parallel()
	start, end := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)
	for format, want := range map[string]string{
		"json": "KP updated|KP closed|IQ closed|",
		"text": "2026-11-24 12:00:00  opened|2026-11-24 13:00:00  closed|2026-11-24 12:00:00  opened|2026-11-24 13:00:00  closed|",
	} {
		var out bytes.Buffer
		g := &globals{stdout: &out, line: progress.NewLine(&out)}
		p := &events{g: g, json: format == "json", stream: outagelog.NewStream(outagelog.Filter{MinSeverity: bgp.SeverityMajor}), log: outagelog.New()}
		tell := func(o bgp.Outage, _ time.Time) error { return p.print(outageview.Unfolded([]bgp.Outage{o}), "") }
		for major, code := range []string{"", "KP", "IQ"} { // the record from which on the outage is major
			if code == "" {
				continue
			}
			for i, event := range []bgp.Event{bgp.EventOpened, bgp.EventUpdated, bgp.EventClosed} {
				o := bgp.Outage{ID: code, Sequence: uint32(i + 1), Event: event, State: bgp.StateOpen, Severity: bgp.SeverityMinor, Start: start, Entity: bgp.Entity{Type: bgp.EntityCountry, Code: code}}
				if i >= major {
					o.Severity = bgp.SeverityMajor
				}
				if event == bgp.EventClosed {
					o.State, o.End, o.EndReason = bgp.StateClosed, &end, bgp.EndRecovered
				}
				if err := p.take(outagelog.Entry{Outage: o, JSON: []byte(code + " " + string(event))}, start, tell); err != nil {
					t.Fatal(err)
				}
			}
		}
		got := ""
		for line := range strings.Lines(out.String()) {
			got += strings.TrimSpace(line[:min(len(line), len("2026-11-24 12:00:00  opened"))]) + "|"
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", format, got, want)
		}
	}
}

// TestUpWindow: up shows events from now on, and reports a request for a past time as an error.
func TestUpWindow(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := run(t.Context(), append(newObservatory(t).args, "--from", "2014-12-22T00:00:00Z"), nil, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "--from") || strings.Contains(errs.String(), "watches") {
		t.Errorf("got %d, want %d and a sentence about --from:\n%s", code, exitUsage, errs.String())
	}
}
