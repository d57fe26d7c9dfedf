package serve

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve/access"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// Form is what a route's errors look like.
type Form int

// The forms.
const (
	// FormPage: a page for people; who may not read is led to the login page.
	FormPage Form = iota
	// FormData: problem details (RFC 9457); who may not read gets 401.
	FormData
)

// Route is one entry of the server.
type Route struct {
	// Pattern is that of net/http: "GET /country/{code}", or "/v1/" for all below it. It is the label of the route's metrics. A pattern of a page that
	// has no method gets GET and HEAD alone.
	Pattern string
	Form    Form
	// Stream: the answer has no end. The client may have fewer of them, there is no time limit and no compression, and it ends when the server drains
	// (the request's context).
	Stream bool
	// Free: anybody may ask, also where a login is wanted: the login page, and what it shows.
	Free    bool
	Handler http.Handler
}

// Part is a package that answers a part of the paths: serve/page, serve/api.
type Part interface {
	// Routes lists what it answers. It is called once.
	Routes(*Deps) []Route
}

// Deps is what parts answer from. All of it may be used by any number of goroutines.
type Deps struct {
	// Present is what the dataset shows now, or, of a dataset of the past, at its end or at the time that --at names.
	Present *live.Present
	// History asks the store; never nil. Without a store its questions fail with history.ErrNoStore.
	History *history.Store
	// Voters asks the detector who holds a thing this second (internal/querydoor); nil where there is none to ask. Its answers name private routers: use
	// PublicAnswer for who is not logged in.
	Voters func(ctx context.Context, q query.Question, limit int) (query.Answer, error)
	// Dataset is what is shown unless ?dataset= names another.
	Dataset string
	// Base is the path below which all is, without a slash at its end; PublicURL the address that browsers use, "" where it is not configured.
	Base, PublicURL string
	// Version is the program's.
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// URL is a link to a path of this server: URL("/country/KP").
func (d *Deps) URL(path string) string { return d.Base + path }

// Absolute is URL with scheme and host, for feeds and messages: those of PublicURL, else those that were asked for.
func (d *Deps) Absolute(r *http.Request, path string) string {
	if d.PublicURL != "" {
		return strings.TrimRight(d.PublicURL, "/") + path
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + d.Base + path
}

// Snapshot is the present, as far as who asks may see it.
func (d *Deps) Snapshot(r *http.Request) *live.Snapshot { return d.SnapshotFor(Viewer(r)) }

// SnapshotFor is Snapshot for a viewer.
func (d *Deps) SnapshotFor(v access.Viewer) *live.Snapshot { return d.shown(d.Present.Snapshot(), v) }

// shown is a snapshot as far as a viewer may see it. Where the store does not answer, that is one more problem.
func (d *Deps) shown(s *live.Snapshot, v access.Viewer) *live.Snapshot {
	if !v.LoggedIn {
		s = s.Public()
	}
	if since := d.History.AwaySince(); !since.IsZero() {
		s = s.WithProblem("Since " + since.Format("2006-01-02 15:04 UTC") + " the store does not answer: the past cannot be shown. What is shown of the present goes on.")
	}
	return s
}

// Next waits for the next decided minute, or for other problems, as far as a viewer may see them. The error is ctx's.
func (d *Deps) Next(ctx context.Context, v access.Viewer, after *live.Snapshot) (*live.Snapshot, error) {
	whole := d.Present.Snapshot()
	for {
		if s := d.shown(whole, v); s.Tag() != after.Tag() {
			return s, nil
		}
		var err error
		if whole, err = d.Present.Next(ctx, whole); err != nil {
			return nil, err
		}
	}
}

// Scope is that of questions to the store about the dataset of the present.
func (d *Deps) Scope(r *http.Request) history.Scope { return d.ScopeOf(r, d.Dataset) }

// ScopeOf is Scope of another dataset. Answers on a dataset that the present is not of are kept for a minute.
func (d *Deps) ScopeOf(r *http.Request, dataset string) history.Scope {
	sc := history.Scope{Dataset: dataset, Private: Viewer(r).LoggedIn}
	if w := d.Present.Snapshot().Last(); dataset == d.Dataset && w != nil {
		sc.Window = w.ID
	} else {
		sc.Window = d.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
	}
	return sc
}

// Viewer is who asks.
func Viewer(r *http.Request) access.Viewer { return access.Of(r.Context()) }
