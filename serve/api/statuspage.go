package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/live"
)

// The formats below are those of Statuspage's summary.json.
type (
	statusSummary struct {
		Page struct {
			ID        string    `json:"id"`
			Name      string    `json:"name"`
			URL       string    `json:"url"`
			TimeZone  string    `json:"time_zone"`
			UpdatedAt time.Time `json:"updated_at"`
		} `json:"page"`
		Status struct {
			Indicator   string `json:"indicator"`
			Description string `json:"description"`
		} `json:"status"`
		Components   []statusComponent `json:"components"`
		Incidents    []statusIncident  `json:"incidents"`
		Maintenances []struct{}        `json:"scheduled_maintenances"`
	}
	statusComponent struct {
		ID           string    `json:"id"`
		Name         string    `json:"name"`
		Status       string    `json:"status"`
		CreatedAt    time.Time `json:"created_at"`
		UpdatedAt    time.Time `json:"updated_at"`
		Position     int       `json:"position"`
		Description  string    `json:"description"`
		Showcase     bool      `json:"showcase"`
		StartDate    *string   `json:"start_date"`
		GroupID      *string   `json:"group_id"`
		PageID       string    `json:"page_id"`
		Group        bool      `json:"group"`
		OnlyDegraded bool      `json:"only_show_if_degraded"`
	}
	statusIncident struct {
		ID           string            `json:"id"`
		Name         string            `json:"name"`
		Status       string            `json:"status"`
		Impact       string            `json:"impact"`
		CreatedAt    time.Time         `json:"created_at"`
		UpdatedAt    time.Time         `json:"updated_at"`
		StartedAt    time.Time         `json:"started_at"`
		MonitoringAt *time.Time        `json:"monitoring_at"`
		ResolvedAt   *time.Time        `json:"resolved_at"`
		Shortlink    string            `json:"shortlink"`
		PageID       string            `json:"page_id"`
		Updates      []statusUpdate    `json:"incident_updates"`
		Components   []statusComponent `json:"components"`
	}
	statusUpdate struct {
		ID         string    `json:"id"`
		IncidentID string    `json:"incident_id"`
		Status     string    `json:"status"`
		Body       string    `json:"body"`
		CreatedAt  time.Time `json:"created_at"`
		UpdatedAt  time.Time `json:"updated_at"`
		DisplayAt  time.Time `json:"display_at"`
	}
)

// maxIncidents bounds the outages of the summary.
const maxIncidents = 100

// statusOf returns the status of a component with a loss of the given severity, the impact of the
// incident, and a rank of the two.
func statusOf(severity bgp.Severity) (component, impact string, rank int) {
	switch severity {
	case bgp.SeverityTotal:
		return "major_outage", "critical", 3
	case bgp.SeverityMajor:
		return "major_outage", "major", 2
	case bgp.SeverityModerate, bgp.SeverityMinor:
		return "partial_outage", "minor", 1
	}
	return "operational", "none", 0
}

// statuspage answers /status/api/v2/summary.json.
func (s *service) statuspage(w http.ResponseWriter, r *http.Request) {
	p := s.Snapshot(r)
	if s.fresh(w, r, "", "") {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.summary(r, p)) // the client may be gone
}

func (s *service) summary(r *http.Request, p *live.Snapshot) statusSummary {
	var out statusSummary
	out.Page.ID, out.Page.Name, out.Page.URL, out.Page.TimeZone, out.Page.UpdatedAt = p.Dataset,
		"darkmap", s.Absolute(r, "/"), "Etc/UTC", p.Until()
	out.Components, out.Incidents, out.Maintenances = components(p), []statusIncident{}, []struct{}{}
	worst := 0
	for _, e := range p.Open {
		o := e.Outage
		if !listedEvent(o, len(out.Components) > 0) || len(out.Incidents) == maxIncidents {
			continue
		}
		_, impact, rank := statusOf(o.Severity)
		worst = max(worst, rank)
		in := statusIncident{
			ID: o.ID, Name: o.Headline, Status: "investigating", Impact: impact, CreatedAt: o.Start,
			UpdatedAt: p.Until(), StartedAt: o.Start,
			Shortlink: s.pageOf(r, p.Dataset, o.ID), PageID: p.Dataset, Components: []statusComponent{},
		}
		for _, c := range out.Components {
			if o.Entity.Type == bgp.EntityWatch && c.Name == o.Entity.Code ||
				slices.ContainsFunc(o.Watch, func(m bgp.WatchMember) bool {
					return m.List == c.Name
				}) {
				in.Components = append(in.Components, c)
			}
		}
		in.Updates = []statusUpdate{
			{
				ID: o.ID + "-" + o.Start.UTC().Format("20060102T150405Z"), IncidentID: o.ID,
				Status: in.Status, Body: o.Summary, CreatedAt: o.Start, UpdatedAt: in.UpdatedAt,
				DisplayAt: o.Start,
			},
		}
		out.Incidents = append(out.Incidents, in)
	}
	switch {
	case p.Stale || len(p.Families) == 0:
		out.Status.Indicator, out.Status.Description = "major",
			"It is not known what is dark. "+strings.Join(p.Problems, " ")
	case len(out.Incidents) > 0:
		out.Status.Indicator, out.Status.Description = []string{"none", "minor", "major", "critical"}[worst],
			bgp.Count(len(out.Incidents), "outage")+" of what is shown here"
	case len(p.Problems) > 0:
		out.Status.Indicator, out.Status.Description = "minor",
			"Not all can be told. "+strings.Join(p.Problems, " ")
	default:
		out.Status.Indicator, out.Status.Description = "none", "Nothing that is shown here is dark"
	}
	return out
}

// listedEvent reports whether an outage is an incident. If there are watch lists, incidents are the
// outages of lists and of their members; otherwise the outages of countries and the world.
func listedEvent(o bgp.Outage, lists bool) bool {
	if lists {
		return o.Entity.Type == bgp.EntityWatch || len(o.Watch) > 0
	}
	return o.Entity.Type == bgp.EntityCountry || o.Entity.Type == bgp.EntityWorld
}

// components returns the watch lists that the viewer may see, by name. A list without a fresh value
// is under maintenance, not operational.
func components(p *live.Snapshot) []statusComponent {
	byName := map[string]statusComponent{}
	for v := range p.Values(bgp.EntityWatch) {
		c := statusComponent{
			ID: "watch-" + v.Code, Name: v.Code, Status: "operational", CreatedAt: v.Minute,
			UpdatedAt: p.Until(), Showcase: true, PageID: p.Dataset, Description: v.Name,
		}
		if !v.Fresh(p.Minute) || p.Stale {
			c.Status, c.Description = "under_maintenance", "Nothing was measured lately."
		}
		if old, ok := byName[v.Code]; !ok || old.Status == "operational" {
			byName[v.Code] = c
		}
	}
	for _, e := range p.Open {
		if c, ok := byName[e.Outage.Entity.Code]; ok && e.Outage.Entity.Type == bgp.EntityWatch {
			c.Status, _, _ = statusOf(e.Outage.Severity)
			byName[c.Name] = c
		}
	}
	out := []statusComponent{}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		c := byName[name]
		c.Position = len(out) + 1
		out = append(out, c)
	}
	return out
}

// others returns the routes of this part outside of huma's /v1 and of /v2.
func (s *service) others() []serve.Route {
	return []serve.Route{
		{Pattern: "GET /v1/stream", Form: serve.FormData, Stream: true, Handler: s.stream()},
		{Pattern: "GET /status/api/v2/summary.json", Form: serve.FormData, Handler: http.HandlerFunc(s.statuspage)},
		{Pattern: "GET /feed.atom", Form: serve.FormData, Handler: quietErrors(http.HandlerFunc(s.atom))},
		{
			Pattern: "GET /country/{code}/feed.atom", Form: serve.FormData,
			Handler: quietErrors(http.HandlerFunc(s.atom)),
		},
		{Pattern: "GET /as/{asn}/feed.atom", Form: serve.FormData, Handler: quietErrors(http.HandlerFunc(s.atom))},
		{Pattern: "GET /llms.txt", Form: serve.FormData, Handler: http.HandlerFunc(s.llms)},
		{Pattern: "/mcp", Form: serve.FormData, Handler: s.assistants()},
	}
}
