package page

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/timespan"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

// asked is a request for a page about a moment of a dataset.
type asked struct {
	*http.Request
	site *site
	// Dataset is the dataset of the page. At is the requested moment of the past, zero for the
	// newest. Family is zero for all families.
	Dataset string
	At      time.Time
	Family  bgp.Family
	// Snapshot is the state of the world at the moment.
	Snapshot *live.Snapshot
	scope    history.Scope
}

// problem is the reason why a page cannot be shown, in words for its reader.
type problem struct {
	status        int
	title, detail string
}

func (p *problem) Error() string { return p.title + ": " + p.detail }

func notFound(title, detail string) error { return &problem{http.StatusNotFound, title, detail} }

// datasetName matches the possible names of datasets other than the server's.
var datasetName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// ask reads the moment of a request, and loads its snapshot.
func (s *site) ask(r *http.Request) (*asked, error) {
	q := r.URL.Query()
	a := &asked{Request: r, site: s, Dataset: s.deps.Dataset, Snapshot: s.deps.Snapshot(r)}
	if name := q.Get("dataset"); name != "" && name != a.Dataset {
		a.Dataset = name
		if !datasetName.MatchString(name) {
			return a, notFound("There is no such dataset",
				"A dataset has a name of small letters, digits, hyphens and underscores.")
		}
	}
	if f := q.Get("family"); f != "" {
		var ok bool
		if a.Family, ok = bgp.FamilyNamed(f); !ok {
			return a, &problem{http.StatusBadRequest, "There is no such address family", "Families are ipv4 and ipv6."}
		}
	}
	at, _, err := timespan.Parse(strings.TrimSpace(q.Get("at")))
	if err != nil {
		return a, &problem{
			http.StatusBadRequest, "The time cannot be read",
			"Write a time in UTC as 2014-12-22T17:00.",
		}
	}
	a.scope = s.deps.ScopeOf(r, a.Dataset)
	return a, a.find(at)
}

// find loads the snapshot of a moment. It takes the newest one if at is zero or later.
func (a *asked) find(at time.Time) error {
	present := a.Dataset == a.site.deps.Dataset
	if present && (at.IsZero() || !at.Before(a.Snapshot.Until())) {
		return nil
	}
	if !present {
		end, err := a.site.deps.History.End(a.Context(), a.scope)
		if errors.Is(err, history.ErrNotFound) {
			return notFound("There is no such dataset",
				fmt.Sprintf("The store holds nothing of a dataset named %s.", a.Dataset))
		}
		if err != nil {
			return err
		}
		if at.IsZero() || at.After(end) {
			at = end
		}
	}
	a.At = at.UTC().Truncate(time.Minute)
	s, err := a.site.deps.History.World(a.Context(), a.scope, a.At)
	if errors.Is(err, history.ErrNotFound) {
		return notFound("Nothing is known of this time",
			fmt.Sprintf("The dataset %s holds no decided minute at %s.", a.Dataset, clock(a.At)))
	}
	if err == nil {
		a.Snapshot = s
	}
	return err
}

// Past reports whether the page shows a requested moment.
func (a *asked) Past() bool { return !a.At.IsZero() }

// Until returns the end of the newest minute on the page, zero if none is known.
func (a *asked) Until() time.Time { return a.Snapshot.Until() }

// families returns the families of the page.
func (a *asked) families() []bgp.Family {
	if a.Family != 0 {
		return []bgp.Family{a.Family}
	}
	return bgp.Families[:]
}

// shows reports whether the page is about a family.
func (a *asked) shows(family string) bool { return a.Family == 0 || a.Family.String() == family }

// Link returns a link to a path for the same dataset, moment and family. more holds names and
// values of further parameters. An empty value removes a parameter.
func (a *asked) Link(path string, more ...string) string {
	q := url.Values{}
	if a.Dataset != a.site.deps.Dataset {
		q.Set("dataset", a.Dataset)
	}
	if a.Past() {
		q.Set("at", a.At.Format(minuteForm))
	}
	if a.Family != 0 {
		q.Set("family", a.Family.String())
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Del(more[i])
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	link := a.site.deps.URL(path)
	if len(q) > 0 {
		link += "?" + q.Encode()
	}
	return link
}

// LinkOutage returns the permanent link of an outage. It names the dataset, but no moment.
func (a *asked) LinkOutage(id string) string { return a.Link("/outage/"+id, "at", "", "family", "") }

// LinkEntity returns the link of an entity's page.
func (a *asked) LinkEntity(t bgp.EntityType, code string) string { return a.Link(entityPath(t, code)) }

// entityPath returns the path of an entity's page.
func entityPath(t bgp.EntityType, code string) string {
	switch t {
	case bgp.EntityWorld:
		return "/"
	case bgp.EntityAS:
		return "/as/" + strings.TrimPrefix(code, "AS")
	case bgp.EntityPrefix:
		return "/prefix/" + code
	case bgp.EntityCountry, bgp.EntityRegion, bgp.EntityWatch:
	}
	return "/" + t.String() + "/" + url.PathEscape(code)
}

// reason explains in a sentence why a part of the past is not shown.
func reason(err error) string { return serve.Reason(err) }
