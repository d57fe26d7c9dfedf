package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// iodaAnswer is an answer below /v2 as clients of IODA's API decode it.
type iodaAnswer struct {
	Type  string
	Error *string
	Data  json.RawMessage
}

// iodaReads are the fields that clients read from the elements of data: alerts, events in both
// formats, summaries, entities and signals.
type iodaReads struct {
	Entity                             *struct{ Code, Name, Type string }
	Time, Start, Duration, From, Until *int64
	Level, Location                    string
	Datasource                         string
	Score                              *float64
	Scores                             map[string]float64
	EntityCode, EntityType, Code       string
	Step                               int64
	Values                             []*float64
}

// checkIODA sends the requests of public clients of IODA's API, with the address changed, and reads
// the fields that they read: IODA's own dashboard, Internet Health Report, dashboards and scripts
// in public repositories. from and until are those of the demo.
func checkIODA(t *testing.T, s *served) {
	t.Helper()
	const span = "from=1419206400&until=1419379200"
	for _, tt := range []struct {
		who, path string
		kind      string
		least     int // elements of data
		reads     func(iodaReads) bool
	}{
		{"Internet Health Report", "/v2/outages/alerts?" + span + "&entityType=asn&ignoreMethods=*.sarima", "outages.alerts", 1, func(r iodaReads) bool {
			return r.Entity != nil && r.Entity.Type == "asn" && r.Time != nil && r.Level != ""
		}},
		{"a status light of an operator", "/v2/outages/alerts?" + span + "&entityType=asn&entityCode=131279", "outages.alerts", 2, func(r iodaReads) bool {
			return slices.Contains([]string{"normal", "warning", "critical"}, r.Level) && r.Entity.Code == "131279"
		}},
		{"a dashboard's list of countries", "/v2/outages/events?" + span + "&entityType=country&limit=250&extendWindow=0", "outages.events", 1, func(r iodaReads) bool {
			return strings.HasPrefix(r.Location, "country/") && r.Start != nil && r.Duration != nil && r.Score != nil && r.Datasource != ""
		}},
		{"a map that asks for codf", "/v2/outages/events?" + span + "&entityType=country&format=codf", "outages.events", 1, func(r iodaReads) bool { return r.Location == "country/KP" }},
		{"a script for the regions of a country", "/v2/outages/events?" + span + "&includeAlertsors=true&limit=2000&relatedTo=country%2FKP&overall=false", "outages.events", 2, func(r iodaReads) bool { return strings.Contains(r.Location, "/") }},
		{"a status page of a continent", "/v2/outages/events?" + span + "&entityType=country&relatedTo=continent/NA&limit=50", "outages.events", 0, func(iodaReads) bool { return false }},
		{"IODA's dashboard, countries of a continent", "/v2/entities/query?entityType=country&relatedTo=continent/AS", "entities.lookup", 0, func(iodaReads) bool { return false }},
		{"IODA's dashboard, the events of an entity", "/v2/outages/events?" + span + "&entityType=country&entityCode=KP&includeAlerts=true&overall=true&format=ioda", "outages.events", 1, func(r iodaReads) bool {
			return r.Entity != nil && r.Entity.Name == "North Korea" && r.From != nil && r.Until != nil
		}},
		{"IODA's dashboard, the summary", "/v2/outages/summary?" + span + "&entityType=country&limit=170&page=0", "outages.summary", 1, func(r iodaReads) bool { return r.Entity.Code == "KP" && r.Scores["overall"] > 0 }},
		{"a script with the summary alone", "/v2/outages/summary?" + span, "outages.summary", 2, func(r iodaReads) bool { return r.Entity != nil }},
		{"IODA's dashboard, the search", "/v2/entities/query?entityType=country&search=korea", "entities.lookup", 1, func(r iodaReads) bool { return r.Code != "" }},
		{"IODA's dashboard, networks of a country", "/v2/entities/query?entityType=asn&relatedTo=country/KP&limit=20", "entities.lookup", 1, func(r iodaReads) bool { return r.Code == "131279" }},
		{"a script for the countries of a network", "/v2/entities/query?entityType=country&relatedTo=asn/131279", "entities.lookup", 1, func(r iodaReads) bool { return r.Code == "KP" }},
		{"IODA's dashboard, the sources", "/v2/datasources/", "datasources", 2, func(r iodaReads) bool { return r.Datasource != "" }},
	} {
		got := iodaGet(t, s, tt.path)
		var data []iodaReads
		if err := json.Unmarshal(got.Data, &data); err != nil || got.Error != nil || got.Type != tt.kind || len(data) < tt.least {
			t.Errorf("%s: %s answers %s with %d elements: %v\n%.600s", tt.who, tt.path, got.Type, len(data), err, got.Data)
			continue
		}
		for _, r := range data {
			if !tt.reads(r) {
				t.Errorf("%s: %s gives %+v", tt.who, tt.path, r)
				break
			}
		}
	}
	for _, path := range []string{"/v2/signals/raw/asn/131279?" + span, "/v2/signals/raw/country/KP?" + span + "&maxPoints=200", "/v2/signals/raw/country?entityCode=KP&" + span} { // lists of lists
		var sets [][]iodaReads
		if err := json.Unmarshal(iodaGet(t, s, path).Data, &sets); err != nil || len(sets) != 1 || len(sets[0]) != 1 {
			t.Errorf("%s: got %d sets: %v", path, len(sets), err)
			continue
		}
		x := sets[0][0]
		if x.Datasource != "bgp" || x.Step <= 0 || *x.From+x.Step*int64(len(x.Values)) != *x.Until || !slices.ContainsFunc(x.Values, func(v *float64) bool { return v != nil && *v == 0 }) {
			t.Errorf("%s: got %+v", path, x)
		}
	}
	checkSameEvent(t, s, span)
}

// iodaGet requests and decodes an answer below /v2.
func iodaGet(t *testing.T, s *served, path string) (a iodaAnswer) {
	t.Helper()
	status, body := s.get(path)
	if err := json.Unmarshal([]byte(body), &a); err != nil || status != http.StatusOK {
		t.Errorf("%s: got %d %.300s: %v", path, status, body, err)
	}
	return a
}

// checkSameEvent: the event of North Korea has the same start and duration as in /v1.
func checkSameEvent(t *testing.T, s *served, span string) {
	t.Helper()
	var events []struct {
		ID              string
		Start, Duration int64
	}
	if err := json.Unmarshal(iodaGet(t, s, "/v2/outages/events?entityType=country&entityCode=KP&"+span).Data, &events); err != nil || len(events) == 0 {
		t.Fatalf("got %d events: %v", len(events), err)
	}
	for _, e := range events {
		var one struct{ Outage bgp.Outage }
		_, body := s.get("/v1/outages/" + url.PathEscape(e.ID))
		if err := json.Unmarshal([]byte(body), &one); err != nil || one.Outage.Start.Unix() != e.Start || one.Outage.DurationSeconds != e.Duration {
			t.Errorf("%s: starts at %d and lasts %d s, and by /v1 %v and %d s: %v", e.ID, e.Start, e.Duration, one.Outage.Start, one.Outage.DurationSeconds, err)
		}
	}
}
