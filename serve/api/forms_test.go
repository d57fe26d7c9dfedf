package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve"
)

// decode decodes the JSON of an answer.
func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var out T
	if err := json.Unmarshal([]byte(a.body), &out); err != nil || a.status != http.StatusOK {
		t.Fatalf("got %d %s: %v", a.status, a.body, err)
	}
	return out
}

// TestIODA checks that events have IODA's format and the start and duration of /v1, and that faults
// are in the envelope, with 400.
func TestIODA(t *testing.T) {
	t.Parallel()
	at := started(t, told(t).Snapshot(minute(44)))
	ours := decode[outagesBody](t, ask(t, at+"/v1/outages?code=KP", ""))
	theirs := decode[struct {
		Type  string
		Error *string
		Data  []map[string]any
	}](t, ask(t, at+"/v2/outages/events?entityType=country&entityCode=KP&from=1419260000&until=1419270000", ""))
	if len(ours.Outages) != 1 || len(theirs.Data) != 1 || theirs.Type != "outages.events" || theirs.Error != nil {
		t.Fatalf("got %+v and %+v", ours, theirs)
	}
	o, e := ours.Outages[0], theirs.Data[0]
	for key, want := range map[string]any{
		"location": "country/KP", "start": float64(o.Start.Unix()), "duration": float64(o.DurationSeconds), "uncertainty": nil, "datasource": "bgp", "status": 0.0, "fraction": nil,
		"location_name": "North Korea", "overlaps_window": true, "id": o.ID, "method": iodaMethod, "score": 0.0,
	} {
		if got, ok := e[key]; !ok || got != want {
			t.Errorf("%s: got %v, want %v", key, got, want)
		}
	}
	if o.DurationSeconds != 42*60 {
		t.Errorf("the duration counts to the newest minute: got %d", o.DurationSeconds)
	}
	same := ask(t, at+"/v2/outages/events/asn/131279?from=1419260000&until=1419270000&format=ioda&includeAlerts=true", "")
	if !strings.Contains(same.body, `"fqid":"asn.131279"`) || !strings.Contains(same.body, `"level":"critical"`) {
		t.Errorf("got %s", same.body)
	}
	for _, path := range []string{"/v2/outages/events", "/v2/outages/events?from=x&until=2", "/v2/outages/alerts?from=2&until=1", "/v2/outages/alerts?from=1&until=2&entityType=planet", "/v2/outages/summary?from=1&until=2&limit=-1"} {
		a := ask(t, at+path, "")
		var env struct {
			Error *string
			Data  any
		}
		if err := json.Unmarshal([]byte(a.body), &env); err != nil || a.status != http.StatusBadRequest || env.Error == nil || env.Data != nil {
			t.Errorf("%s: got %d %s", path, a.status, a.body)
		}
	}
}

// uuid matches the id of a feed of a server without a configured name.
var uuid = regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// TestFeedIDs checks that an id depends only on its parts. With public_url it is a tag URI in its
// name.
func TestFeedIDs(t *testing.T) {
	t.Parallel()
	bare, named := &service{Deps: &serve.Deps{}}, &service{Deps: &serve.Deps{PublicURL: "https://map.example.net/below"}}
	if a, b, c := bare.tag("outage", "live", "x"), bare.tag("outage", "live", "x"), bare.tag("outage", "live", "y"); a != b || a == c || !uuid.MatchString(a) {
		t.Errorf("got %s, %s and %s", a, b, c)
	}
	if got, want := named.tag("outage", "live", "prefix-192.0.2.0_24"), "tag:map.example.net,2026:outage/live/prefix-192.0.2.0_24"; got != want || !atomfeed.IsTag(got) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestAtom checks that an outage is an entry with a constant id, and that a feed of a country has
// only that country's outages.
func TestAtom(t *testing.T) {
	t.Parallel()
	at := started(t, told(t).Snapshot(minute(44)))
	for path, want := range map[string]int{"/feed.atom": 4, "/country/KP/feed.atom": 1, "/feed.atom?country=TO": 1, "/feed.atom?as=131279": 1, "/feed.atom?severity=total&type=as": 1} {
		a := ask(t, at+path, "")
		f, err := atomfeed.Read(strings.NewReader(a.body))
		if err != nil || a.status != http.StatusOK || len(f.Entries) != want || !uuid.MatchString(f.ID) {
			t.Errorf("%s: got %d, %v, %d entries: %s", path, a.status, err, len(f.Entries), a.body)
			continue
		}
		for _, e := range f.Entries {
			if !uuid.MatchString(e.ID) {
				t.Errorf("%s: the id %s is no UUID", path, e.ID)
			}
		}
		if !strings.Contains(a.body, `rel="self"`) {
			t.Errorf("%s has no self", path)
		}
	}
	if a := ask(t, at+"/feed.atom?countrie=KP", ""); a.status != http.StatusBadRequest {
		t.Errorf("an unknown parameter: got %d", a.status)
	}
}

// TestAssistants checks that names are in fields of their own, and in no sentence.
func TestAssistants(t *testing.T) {
	t.Parallel()
	at := started(t, told(t).Snapshot(minute(44)))
	id := bgp.OutageID(star.Type, star.Code, bgp.IPv4, minute(1))
	a := ask(t, at+"/mcp", call("explain_outage", `{"id":"`+id+`"}`), mcpHeaders...)
	got := decode[struct {
		Result struct {
			StructuredContent map[string]any
			IsError           bool
		}
	}](t, a)
	if got.Result.IsError {
		t.Fatalf("got %s", a.body)
	}
	b, err := json.Marshal(got.Result.StructuredContent["names"])
	if err != nil || !strings.Contains(string(b), star.Name) {
		t.Errorf("the names: got %s, %v", b, err)
	}
	delete(got.Result.StructuredContent, "names")
	if b, err = json.Marshal(got.Result.StructuredContent); err != nil || strings.Contains(string(b), star.Name) {
		t.Errorf("the facts hold a name: %s, %v", b, err)
	}
	if a := ask(t, at+"/mcp", call("list_outages", `{"note":"`+strings.Repeat("x", maxQuestion)+`"}`), mcpHeaders...); a.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a large message: got %d", a.status)
	}
	if a := ask(t, at+"/mcp", "", mcpHeaders...); a.status != http.StatusMethodNotAllowed {
		t.Errorf("a stream of an assistant: got %d", a.status)
	}
}

// TestKept checks that two answers of the same minute have the same ETag, and that an error has
// none.
func TestKept(t *testing.T) {
	t.Parallel()
	at := started(t, told(t).Snapshot(minute(44)))
	a := ask(t, at+"/v1/entities?type=country", "")
	tag := a.header.Get("ETag")
	if tag == "" || ask(t, at+"/v1/entities?type=country", "", "If-None-Match", tag).status != http.StatusNotModified {
		t.Errorf("got ETag %q", tag)
	}
	if a := ask(t, at+"/v1/entities?type=planet", ""); a.status != http.StatusUnprocessableEntity || a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("an error: got %d, %v", a.status, a.header)
	}
	if a := ask(t, at+"/v1/outages", "", "Accept", "text/csv"); !strings.HasPrefix(a.body, "id,dataset,") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/csv") {
		t.Errorf("CSV: got %s", a.body)
	}
}
