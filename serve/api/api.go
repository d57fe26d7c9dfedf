package api

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve"
)

// API is the part of the server for programs.
type API struct{}

// Routes lists the paths.
func (API) Routes(d *serve.Deps) []serve.Route {
	return []serve.Route{
		{Pattern: "GET /v1/health", Form: serve.FormData, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { health(w, r, d) })},
		{Pattern: "GET /v1/outages", Form: serve.FormData, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { outages(w, r, d) })},
	}
}

// Health is how the server and what it shows stand.
type Health struct {
	Dataset string `json:"dataset"`
	// Minute is the beginning of the newest decided minute; absent before the first.
	Minute *time.Time `json:"minute,omitempty"`
	// Stale: what is shown may be over. Problems says in sentences what keeps it from telling all.
	Stale    bool            `json:"stale"`
	Problems []string        `json:"problems"`
	Families []feedlog.Panel `json:"families"`
	Open     int             `json:"open"`
	// History says why the past cannot be shown; empty where it can, as far as is known.
	History string `json:"history,omitempty"`
	Version string `json:"version"`
}

func health(w http.ResponseWriter, r *http.Request, d *serve.Deps) {
	s := d.Snapshot(r)
	h := Health{Dataset: s.Dataset, Stale: s.Stale, Problems: append([]string{}, s.Problems...), Families: append([]feedlog.Panel{}, s.Families...), Open: len(s.Open), Version: d.Version}
	if !s.Minute.IsZero() {
		h.Minute = &s.Minute
	}
	if err := d.History.Known(); err != nil {
		h.History = serve.Reason(err)
	}
	w.Header().Set("Cache-Control", "no-store")
	write(w, h)
}

// outages lists what is open and what ended in the last 24 hours: the objects of the records.
func outages(w http.ResponseWriter, r *http.Request, d *serve.Deps) {
	s := d.Snapshot(r)
	if serve.Fresh(w, r, s.Tag(), s.Dataset, r.URL.Path) {
		return
	}
	all := []json.RawMessage{}
	for _, of := range [][]outagelog.Entry{s.Open, s.Closed} {
		for _, e := range of {
			all = append(all, e.JSON)
		}
	}
	write(w, struct {
		Dataset string            `json:"dataset"`
		Outages []json.RawMessage `json:"outages"`
	}{s.Dataset, all})
}

func write(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client may be gone
}
