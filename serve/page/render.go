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

// content is the content of a page.
type content struct {
	// Template names the file in templates, without its ending.
	Template string
	// Title is shown in the browser's tab, and Description in search results and link previews.
	Title, Description string
	// Data is the data of the template.
	Data any
	// Lacks means that a part could not be read. Caches must not keep the page then.
	Lacks bool
	// Newest means that the page shows the newest data for any requested moment.
	Newest bool
	// Picture is the path of the picture for link previews, or empty.
	Picture string
	// Fixed means that the page is the same at any moment. It has no stream.
	Fixed  bool
	status int
	// redirect is the address of the answer, if it is set.
	redirect string
}

// view is the input of a template.
type view struct {
	*asked
	*content
}

// Stream returns the address of the stream of new minutes. It is empty if the page shows a moment
// that does not change.
func (v view) Stream() string {
	if v.Fixed || v.Past() || v.Snapshot.Past || v.Dataset != v.site.deps.Dataset || v.status != http.StatusOK {
		return ""
	}
	return v.site.deps.URL("/v1/stream")
}

// Asset returns the path of an asset.
func (v view) Asset(name string) string { return v.site.deps.URL(v.site.assets.Path(name)) }

// Canonical returns the address of the page for others.
func (v view) Canonical() string {
	return v.site.deps.Absolute(v.Request, v.URL.RequestURI())
}

// PictureURL returns the address of the picture for others, or "".
func (v view) PictureURL() string {
	if v.Picture == "" {
		return ""
	}
	return v.site.deps.Absolute(v.Request, v.Picture)
}

// Problems lists everything that makes the page incomplete.
func (v view) Problems() []string { return v.Snapshot.Problems }

// LinkNewest returns the link of this page for the newest moment.
func (v view) LinkNewest() string { return v.Link(v.URL.EscapedPath(), "at", "") }

// Query returns the text of the search.
func (v view) Query() string { return v.URL.Query().Get("q") }

// DatasetField returns the name of the dataset if forms must send it, or "".
func (v view) DatasetField() string {
	if v.Dataset == v.site.deps.Dataset {
		return ""
	}
	return v.Dataset
}

// Version returns the version of the program.
func (v view) Version() string { return v.site.deps.Version }

// LoggedIn reports whether the viewer is logged in. The page may then show private data and a
// button to log out.
func (v view) LoggedIn() bool { return serve.Viewer(v.Request).LoggedIn }

// functions are the functions of templates.
var functions = template.FuncMap{
	"moment": moment, "second": second, "secondOf": secondOf, "number": number[int],
	"percent": percent, "space": space, "clean": plaintext.Clean,
	"as": asText, "family": familyTitle, "duration": bgp.DurationText, "count": bgp.Count[int],
	"entity": entityName, "listed": listed,
}

// parse reads the templates. Each page has the layout and the common parts.
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

// page answers a request with the content that answer makes for it. second means that the page also
// has content that changes each second.
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

// secondsFor is the time for which a page may show content that changes each second. Caches keep it
// for as long.
const secondsFor = 10 * time.Second

// tag lists everything on which the text of a page depends. The ETag is made of it before anything
// is asked or rendered. Answers of the store are the same for a window (history.Scope).
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

// notKept forbids caches to keep an answer.
func notKept(w http.ResponseWriter) {
	w.Header().Del("ETag")
	w.Header().Set("Cache-Control", "no-store")
}

// failure returns the page of an error.
func failure(err error) *content {
	c := &content{
		Template: "failure", Title: "This cannot be shown", Description: reason(err), Lacks: true,
		status: http.StatusServiceUnavailable,
	}
	var p *problem
	switch {
	case errors.As(err, &p):
		c.Title, c.Description, c.status = p.title, p.detail, p.status
	case errors.Is(err, history.ErrNotFound):
		c.Title, c.status = "There is nothing of this name", http.StatusNotFound
	}
	return c
}

// write renders a page and sends it. No cache keeps an error or an incomplete page.
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
