package pagerduty

import (
	"net/url"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/text"
)

// The actions of an event.
const (
	trigger = "trigger"
	resolve = "resolve"
)

const (
	// maxSummary bounds payload.summary, in characters.
	maxSummary = 1024
	// maxDetail bounds a value of custom_details, in octets. An event has at most 512 KB.
	maxDetail = 4096
)

// event is the body of POST /v2/enqueue.
type event struct {
	RoutingKey string  `json:"routing_key"`
	Action     string  `json:"event_action"`
	DedupKey   string  `json:"dedup_key"`
	Client     string  `json:"client"`
	ClientURL  string  `json:"client_url,omitempty"`
	Links      []link  `json:"links,omitempty"`
	Payload    payload `json:"payload"`
}

type link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

type payload struct {
	Summary       string         `json:"summary"`
	Source        string         `json:"source"`
	Severity      string         `json:"severity"`
	Timestamp     string         `json:"timestamp,omitempty"`
	Component     string         `json:"component,omitempty"`
	Group         string         `json:"group,omitempty"`
	Class         string         `json:"class,omitempty"`
	CustomDetails map[string]any `json:"custom_details,omitempty"`
}

// severities maps darkmap's severities to PagerDuty's.
var severities = map[bgp.Severity]string{
	bgp.SeverityTotal: "critical", bgp.SeverityMajor: "error", bgp.SeverityModerate: "warning",
	bgp.SeverityMinor: "info",
}

// makeEvent makes the event of a message.
func makeEvent(m *target.Message, publicURL string) event {
	e := event{Action: trigger, DedupKey: m.Key(), Client: "darkmap", ClientURL: publicURL}
	if m.Kind == target.Close || m.Kind == target.TakeBack {
		e.Action = resolve
	}
	if m.Link != "" {
		e.Links = []link{{m.Link, "Evidence and course"}}
	}
	e.Payload = payload{
		Summary: text.Cut(text.Relay(text.Line(m.Heading())), maxSummary, maxSummary),
		Source:  source(publicURL), Severity: "info", Class: string(m.Subject), Group: name(m.Route),
		CustomDetails: details(m),
	}
	if e.Payload.Summary == "" {
		e.Payload.Summary = "darkmap: " + m.Event()
	}
	if s, ok := severities[m.Severity]; ok {
		e.Payload.Severity = s
	}
	if !m.Start.IsZero() {
		e.Payload.Timestamp = m.Start.UTC().Format(time.RFC3339)
	}
	if len(m.Events) > 0 {
		o := &m.Events[0]
		e.Payload.Component = name(o.Entity.Code)
		if m.Subject == target.SubjectOutage {
			e.Payload.Class = string(o.Kind)
		}
	}
	return e
}

// name makes a name harmless for the destinations to which PagerDuty passes it on.
func name(s string) string { return text.Relay(text.Name(s)) }

// source returns the source of the event: the host of public_url.
func source(publicURL string) string {
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		return u.Host
	}
	return "darkmap"
}

// details returns the texts and facts of the message for the person who is paged.
func details(m *target.Message) map[string]any {
	d := map[string]any{}
	add := func(key, value string) {
		if value = text.Cut(text.Relay(text.Lines(value)), maxDetail, maxDetail); value != "" {
			d[key] = value
		}
	}
	add("title", m.Title)
	add("summary", m.Summary)
	add("severity", string(m.Severity))
	add("end_reason", string(m.Reason))
	add("incident", m.Incident)
	for _, f := range m.Facts() {
		add(f.Key(), f.Text)
	}
	if m.EventsTotal > 0 {
		d["events"] = m.EventsTotal
	}
	return d
}
