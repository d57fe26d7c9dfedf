package api

import (
	"encoding/json"
	"html/template"
	"net/http"
	"time"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/live"
)

// API is the part of the server for programs.
type API struct{}

// Routes lists the paths.
func (API) Routes(d *serve.Deps) []serve.Route {
	return []serve.Route{
		{Pattern: "GET /{$}", Form: serve.FormPage, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { front(w, r, d) })},
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

var frontPage = template.Must(template.New("front").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>darkmap</title>
<main><h1>darkmap</h1>
{{with .S}}{{range .Problems}}<p role="status">{{.}}</p>{{end}}
{{if .Quiet}}<p>Nothing is dark.</p>{{end}}
{{if not .Minute.IsZero}}<p>Last minute decided: <time datetime="{{.Minute.Format "2006-01-02T15:04:05Z07:00"}}">{{.Minute.Format "2006-01-02 15:04 UTC"}}</time>, dataset {{.Dataset}}.</p>{{end}}
{{range .Families}}<p>{{.Text}}.</p>{{end}}
<h2>Open</h2><ul>{{range .Open}}<li>{{.Outage.Headline}}</li>{{else}}<li>none is known</li>{{end}}</ul>
<h2>Ended in the last 24 hours</h2><ul>{{range .Closed}}<li>{{.Outage.Headline}}</li>{{else}}<li>none is known</li>{{end}}</ul>{{end}}
<p><a href="{{.Base}}/v1/outages">outages as JSON</a>, <a href="{{.Base}}/v1/health">health as JSON</a></p></main></html>
`))

func front(w http.ResponseWriter, r *http.Request, d *serve.Deps) {
	s := d.Snapshot(r)
	if serve.Fresh(w, r, s.Tag(), s.Dataset, r.URL.Path) {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = frontPage.Execute(w, struct { // the client may be gone
		S    *live.Snapshot
		Base string
	}{s, d.Base})
}
