package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
)

//go:embed templates
var sources embed.FS

// content is what a page shows.
type content struct {
	// Template names the file in templates, without its ending.
	Template string
	// Title stands in the browser's tab, Description in search results and previews of links.
	Title, Description string
	// Data is what the template shows.
	Data any
	// Lacks: something could not be read. The page is not kept by caches then.
	Lacks bool
	// Newest: the page shows what is newest, whichever moment is asked for.
	Newest bool
	// Picture is the path of the picture that previews of links show; empty for none.
	Picture string
	// Fixed: the page is the same at any moment. It has no stream.
	Fixed  bool
	status int
	// redirect, where it is set, is where the answer is.
	redirect string
}

// view is what a template gets.
type view struct {
	*asked
	*content
}

// Stream is where the page hears of new minutes; empty where it shows a moment that does not change.
func (v view) Stream() string {
	if v.Fixed || v.Past() || v.Snapshot.Past || v.Dataset != v.site.deps.Dataset || v.status != http.StatusOK {
		return ""
	}
	return v.site.deps.URL("/v1/stream")
}

// Asset is the path of a file that pages load.
func (v view) Asset(name string) string { return v.site.deps.URL(v.site.assets.Path(name)) }

// Canonical is the address of the page for others.
func (v view) Canonical() string {
	return v.site.deps.Absolute(v.Request, v.URL.RequestURI())
}

// PictureURL is the address of the picture for others; empty for none.
func (v view) PictureURL() string {
	if v.Picture == "" {
		return ""
	}
	return v.site.deps.Absolute(v.Request, v.Picture)
}

// Problems says what keeps the page from telling all.
func (v view) Problems() []string { return v.Snapshot.Problems }

// LinkNewest is this page of the newest moment.
func (v view) LinkNewest() string { return v.Link(v.URL.EscapedPath(), "at", "") }

// Query is what was searched for.
func (v view) Query() string { return v.URL.Query().Get("q") }

// DatasetField is the name of the dataset where forms have to send it on; empty elsewhere.
func (v view) DatasetField() string {
	if v.Dataset == v.site.deps.Dataset {
		return ""
	}
	return v.Dataset
}

// Version is the program's.
func (v view) Version() string { return v.site.deps.Version }

// LoggedIn: the page may show what is private, and a login can be ended.
func (v view) LoggedIn() bool { return serve.Viewer(v.Request).LoggedIn }

// functions are those of templates.
var functions = template.FuncMap{
	"moment": moment, "second": second, "secondOf": secondOf, "number": number[int], "percent": percent, "space": space, "clean": plaintext.Clean,
	"as": asText, "family": familyTitle, "duration": bgp.DurationText, "count": bgp.Count[int], "entity": entityName, "listed": listed,
}

// parse reads the templates: each page has the layout and the common parts.
func parse() (map[string]*template.Template, error) {
	pages, err := fs.Glob(sources, "templates/*.html")
	if err != nil {
		return nil, err
	}
	common := []string{"templates/layout.html", "templates/common.html"}
	out := map[string]*template.Template{}
	for _, p := range pages {
		name := strings.TrimSuffix(path.Base(p), ".html")
		if name == "layout" || name == "common" {
			continue
		}
		t, err := template.New("layout.html").Funcs(functions).ParseFS(sources, append([]string{p}, common...)...)
		if err != nil {
			return nil, fmt.Errorf("reading the page %s: %w", name, err)
		}
		out[name] = t
	}
	return out, nil
}

// page answers a request with what answer makes for it. second: the page also shows what changes from second to second.
func (s *site) page(answer func(*asked) (*content, error), second bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := s.ask(r)
		if err == nil && serve.Fresh(w, r, a.tag(second)...) {
			return
		}
		var c *content
		if err == nil {
			c, err = answer(a)
		}
		if err != nil {
			c = failure(err)
		}
		if c.redirect != "" {
			notKept(w)
			http.Redirect(w, r, c.redirect, http.StatusSeeOther)
			return
		}
		if c.status == 0 {
			c.status = http.StatusOK
		}
		s.write(w, view{a, c})
	})
}

// secondsFor is for how long a page may show what changes from second to second: caches keep it for as long.
const secondsFor = 10 * time.Second

// tag is what the text of a page depends on: its ETag is made of it before anything is asked for or rendered. Answers of the store are the same for a
// window (history.Scope).
func (a *asked) tag(second bool) []string {
	parts := []string{a.site.deps.Version, a.Snapshot.Tag(), a.scope.Window, a.Dataset, a.URL.RequestURI()}
	for _, p := range a.Snapshot.Families {
		parts = append(parts, p.Text)
	}
	if second {
		parts = append(parts, a.site.deps.Now().Truncate(secondsFor).String())
	}
	return parts
}

// notKept takes back that an answer may be kept.
func notKept(w http.ResponseWriter) {
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
}

// failure is the page of an error.
func failure(err error) *content {
	c := &content{Template: "failure", Title: "This cannot be shown", Description: reason(err), Lacks: true, status: http.StatusServiceUnavailable}
	var p *problem
	switch {
	case errors.As(err, &p):
		c.Title, c.Description, c.status = p.title, p.detail, p.status
	case errors.Is(err, history.ErrNotFound):
		c.Title, c.status = "There is nothing of this name", http.StatusNotFound
	}
	return c
}

// write renders a page and sends it. One that is an error, or lacks something, is kept by no cache.
func (s *site) write(w http.ResponseWriter, v view) {
	var b bytes.Buffer
	if err := s.templates[v.Template].Execute(&b, v); err != nil {
		s.deps.Log.Error("a page cannot be made", "page", v.Template, "err", err)
		serve.Refuse(w, v.Request, http.StatusInternalServerError, "This page cannot be made.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if v.Lacks || v.status != http.StatusOK {
		notKept(w)
	}
	if v.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "2")
	}
	w.WriteHeader(v.status)
	_, _ = w.Write(b.Bytes()) // the client may be gone
}
