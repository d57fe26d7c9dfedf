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

// Form is the form of a route's errors.
type Form int

// The forms.
const (
	// FormPage is a page for people. A viewer without the right to read is sent to the login page.
	FormPage Form = iota
	// FormData is problem details (RFC 9457). A viewer without the right to read gets 401.
	FormData
)

// Route is one entry of the server.
type Route struct {
	// Pattern is a pattern of net/http: "GET /country/{code}", or "/v1/" for all paths below it. A
	// pattern without a method takes every method.
	Pattern string
	Form    Form
	// Stream marks an answer without an end. A client may have fewer of them. They have no time
	// limit and no compression. The request's context ends when the server drains.
	Stream bool
	// Free marks a route that anybody may use even if a login is needed: the login page and its
	// assets.
	Free    bool
	Handler http.Handler
}

// Part is a package that answers a part of the paths: serve/page, serve/api.
type Part interface {
	// Routes lists the routes of the part. It is called once.
	Routes(*Deps) []Route
}

// Deps holds the sources from which parts answer. All of them are safe for concurrent use.
type Deps struct {
	// Present is the present of the dataset. For a dataset of the past it is the state at its end,
	// or at the time of --at.
	Present *live.Present
	// History asks the store. It is never nil. Without a store its questions fail with
	// history.ErrNoStore.
	History *history.Store
	// Voters asks the detector which voters hold a thing this second (internal/querydoor). It is
	// nil if there is no detector to ask. Its answers name private routers: use PublicAnswer for
	// viewers who are not logged in.
	Voters func(ctx context.Context, q query.Question, limit int) (query.Answer, error)
	// Dataset is shown unless ?dataset= names another one.
	Dataset string
	// Base is the path below which all routes are, without a slash at its end. PublicURL is the
	// address that browsers use, "" if not configured.
	Base, PublicURL string
	// Version is the version of the program.
	Version string
	Log     *slog.Logger
	Now     func() time.Time
}

// URL returns a link to a path of this server: URL("/country/KP").
func (d *Deps) URL(path string) string { return d.Base + path }

// Absolute returns URL with scheme and host, for feeds and messages. It takes them from PublicURL,
// else from the request.
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

// Snapshot returns the present, without the parts that the viewer of r may not see.
func (d *Deps) Snapshot(r *http.Request) *live.Snapshot { return d.SnapshotFor(Viewer(r)) }

// SnapshotFor returns Snapshot for a viewer.
func (d *Deps) SnapshotFor(v access.Viewer) *live.Snapshot { return d.shown(d.Present.Snapshot(), v) }

// shown removes the parts of a snapshot that a viewer may not see. If the store does not answer, it
// adds a problem.
func (d *Deps) shown(s *live.Snapshot, v access.Viewer) *live.Snapshot {
	if !v.LoggedIn {
		s = s.Public()
	}
	if since := d.History.AwaySince(); !since.IsZero() {
		s = s.WithProblem("Since " + since.Format("2006-01-02 15:04 UTC") +
			" the store does not answer: the past cannot be shown. What is shown of the present goes on.")
	}
	return s
}

// Next waits for the next decided minute, or for other problems, as the viewer sees them. The error
// is that of ctx.
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

// Scope returns the scope of questions to the store about the dataset of the present.
func (d *Deps) Scope(r *http.Request) history.Scope { return d.ScopeOf(r, d.Dataset) }

// ScopeOf returns Scope for another dataset. Answers about a dataset other than that of the present
// are kept for a minute.
func (d *Deps) ScopeOf(r *http.Request, dataset string) history.Scope {
	sc := history.Scope{Dataset: dataset, Private: Viewer(r).LoggedIn}
	if w := d.Present.Snapshot().Last(); dataset == d.Dataset && w != nil {
		sc.Window = w.ID
	} else {
		sc.Window = d.Now().UTC().Truncate(time.Minute).Format(time.RFC3339)
	}
	return sc
}

// Viewer returns the viewer of a request.
func Viewer(r *http.Request) access.Viewer { return access.Of(r.Context()) }
