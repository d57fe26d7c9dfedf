package alertmanager

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

// alert is an element of the list that POST /api/v2/alerts takes (postableAlert of Alertmanager's
// OpenAPI document).
type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// repeatEnd is how long the end of a replaced alert is repeated after a change of severity. The end
// is repeated once more when the incident ends, for an instance that was down for longer.
const repeatEnd = 15 * time.Minute

// memory is the handle: the alerts of the incident that were fired.
type memory struct {
	// Severity is the severity of the alert that fires or fired last.
	Severity bgp.Severity `json:"severity"`
	// Ended holds the alerts of other severities.
	Ended map[bgp.Severity]ended `json:"ended,omitempty"`
}

// ended is an alert that was replaced by one of another severity.
type ended struct {
	// At is the time of the decision. Said is the time at which it was first sent to Alertmanager,
	// which is later if the news is late.
	At   time.Time `json:"at"`
	Said time.Time `json:"said"`
}

// remember reads a handle. If a handle that should exist was lost, an alert of any other severity
// may be firing, so all of them end now. A first message has no handle.
func remember(h target.Handle, m *target.Message, now time.Time) (memory, error) {
	var was memory
	if len(h) > 0 {
		if err := json.Unmarshal(h, &was); err != nil {
			return was, fmt.Errorf("reading the earlier alerts of %s: %w", m.Incident, err)
		}
		return was, nil
	}
	was.Severity = m.Severity
	if m.Kind == target.Open {
		return was, nil
	}
	was.Ended = map[bgp.Severity]ended{}
	for _, s := range bgp.Severities {
		if s != m.Severity {
			was.Ended[s] = ended{At: m.Time, Said: now}
		}
	}
	return was, nil
}

// next returns the handle after the message was accepted.
func (f memory) next(m *target.Message, now time.Time) memory {
	is := memory{Severity: m.Severity, Ended: map[bgp.Severity]ended{}}
	// The severity of a close is the highest that the incident had. The alert that fires may have
	// another one.
	if over(m) {
		is.Severity = f.Severity
	}
	for s, e := range f.Ended {
		if s != is.Severity {
			is.Ended[s] = e
		}
	}
	if f.Severity != is.Severity {
		is.Ended[f.Severity] = ended{At: m.Time, Said: now}
	}
	return is
}

// alerts returns the alerts to post: the one that fires or ends, and the ends of those that it
// replaces.
func (f memory) alerts(m *target.Message, resolveAfter time.Duration, now time.Time,
	publicURL string,
) []alert {
	start := m.Start
	if start.IsZero() || start.After(now) {
		start = now
	}
	end := now.Add(resolveAfter)
	if over(m) {
		end = m.End
		if end.IsZero() {
			end = m.Time
		}
		end = between(start, end, now)
	}
	var all []alert
	add := func(s bgp.Severity, end time.Time) {
		all = append(all, alert{
			Labels: labels(m, s), Annotations: annotations(m), StartsAt: start.UTC(), EndsAt: end.UTC(),
			GeneratorURL: generator(m.Link, publicURL),
		})
	}
	for _, s := range bgp.Severities {
		if e, ok := f.Ended[s]; ok && (over(m) || now.Sub(e.Said) < repeatEnd) {
			add(s, between(start, e.At, now))
		}
	}
	add(f.Severity, end)
	return all
}

// over reports whether the message ends the incident.
func over(m *target.Message) bool { return m.Kind == target.Close || m.Kind == target.TakeBack }

// between limits t to the range from least to most. Alertmanager prefers the latest of several ends
// if it lies in the future, so an end in the future would have no effect.
func between(least, t, most time.Time) time.Time {
	if t.After(most) {
		t = most
	}
	if t.Before(least) {
		t = least
	}
	return t
}

// names holds the names of the alerts by subject.
var names = map[target.Subject]string{
	target.SubjectOutage: "DarkmapOutage", target.SubjectBlind: "DarkmapBlind",
	target.SubjectStorm: "DarkmapStorm", target.SubjectNone: "DarkmapTest",
}

// labels returns the labels of an alert. Except the severity, none of them changes during an
// incident.
func labels(m *target.Message, s bgp.Severity) map[string]string {
	l := map[string]string{
		"alertname": names[m.Subject], "severity": string(s), "outage_id": m.Incident,
		"route": text.Line(m.Route),
	}
	if m.Incident == "" {
		l["outage_id"] = m.ID
	}
	if typ, code, family, _, err := bgp.ParseOutageID(m.Incident); err == nil {
		l["entity_type"], l["code"], l["family"] = typ.String(), text.Line(code), family.String()
	}
	for name, value := range l {
		if value == "" { // Alertmanager treats an empty label as none
			delete(l, name)
		}
	}
	return l
}

// annotations returns the texts for people. Alertmanager passes them on to chats and mails with
// templates that do not escape them.
func annotations(m *target.Message) map[string]string {
	a := map[string]string{}
	add := func(name, value string) {
		if value = text.Relay(text.Lines(value)); value != "" {
			a[name] = value
		}
	}
	add("title", m.Title)
	add("summary", m.Heading())
	add("description", m.Summary)
	add("end_reason", string(m.Reason))
	for _, f := range m.Facts() {
		add(f.Key(), f.Text)
	}
	return a
}

// generator returns the first candidate that is a valid URI, or "".
func generator(candidates ...string) string {
	i := slices.IndexFunc(candidates, func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.IsAbs() && u.Host != ""
	})
	if i < 0 {
		return ""
	}
	return candidates[i]
}
