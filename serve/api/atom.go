package api

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/atomfeed"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
)

// feedEntries is the number of entries in a feed.
const feedEntries = 50

// feedKeys are the parameters of a feed.
var feedKeys = []string{"country", "as", "severity", "type", "family", "entries", "dataset"}

// feedInput reads the parameters of a feed. fault describes an invalid parameter in a sentence.
func feedInput(r *http.Request) (in outagesInput, events bool, fault string) {
	values := r.URL.Query()
	for key := range values {
		if !slices.Contains(feedKeys, key) {
			return in, false, "A feed has the parameters " + strings.Join(feedKeys, ", ") + "."
		}
	}
	list := func(key string) []string {
		text := values.Get(key)
		if text == "" || len(text) > 1000 {
			return nil
		}
		return strings.Split(text, ",")
	}
	in = outagesInput{
		Country: list("country"), AS: list("as"), Type: list("type"), Family: list("family"),
		Severity: values.Get("severity"), Limit: feedEntries,
	}
	in.Dataset = values.Get("dataset")
	if code := r.PathValue("code"); code != "" {
		in.Country = []string{code}
	}
	if asn := r.PathValue("asn"); asn != "" {
		in.AS = []string{asn}
	}
	kind := values.Get("entries")
	switch {
	case kind != "" && kind != "events" && kind != "outages":
		return in, false, "The parameter entries is outages or events."
	case in.Severity != "" && !slices.Contains(bgp.Severities, bgp.Severity(in.Severity)):
		return in, false, "The parameter severity is minor, moderate, major or total."
	case in.Dataset != "" && !datasetName.MatchString(in.Dataset):
		return in, false, "There is no such dataset."
	}
	return in, kind == "events", ""
}

// feedEntry is a record in a feed.
type feedEntry struct {
	outagelog.Entry
	updated time.Time
}

// atom answers a feed with an entry for each outage, or for each of their records.
func (s *service) atom(w http.ResponseWriter, r *http.Request) {
	in, events, fault := feedInput(r)
	if fault != "" {
		serve.Refuse(w, r, http.StatusBadRequest, fault)
		return
	}
	q, err := in.query()
	if err != nil {
		serve.Refuse(w, r, http.StatusBadRequest,
			"A parameter cannot be read: as is AS numbers, type is prefix, as, country, region, world or watch.")
		return
	}
	if s.fresh(w, r, in.Dataset, "atom") {
		return
	}
	m := s.about(r, in.Dataset)
	entries, problem, err := s.feedEntries(m, q, events)
	if err != nil {
		serve.Failed(w, r, err)
		return
	}
	if problem != "" {
		notKept(w)
	}
	b, err := atomfeed.Write(s.feed(m, entries, events, problem))
	if err != nil {
		serve.Failed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/atom+xml; charset=utf-8")
	_, _ = w.Write(b) //nolint:gosec // XML, whose texts are escaped; the client may be gone
}

func (s *service) feedEntries(
	m moment, q history.OutagesQuery, events bool,
) (out []feedEntry, problem string, err error) {
	if events {
		got, err := s.History.Events(m.r.Context(), m.scope, q)
		for _, e := range got {
			out = append(out, feedEntry{e.Entry, e.DecidedAt})
		}
		return out, "", err
	}
	got, err := s.list(m, q)
	for _, e := range got.Entries {
		at := e.Outage.Start
		if e.Outage.End != nil {
			at = *e.Outage.End
		}
		out = append(out, feedEntry{e, at})
	}
	return out, got.Problem, err
}

// tag returns an id that never changes: a tag URI in the name of serve.public_url, whatever name
// the request used. Without public_url there is no name that belongs to the operator, so the id is
// a UUID made of the parts (RFC 9562, version 8).
func (s *service) tag(parts ...string) string {
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	specific := strings.ReplaceAll(strings.Join(parts, "/"), "%", "~")
	if u, err := url.Parse(s.PublicURL); err == nil && u.Hostname() != "" {
		return "tag:" + u.Hostname() + ",2026:" + specific
	}
	h := sha256.Sum256([]byte("darkmap atom 1\n" + specific))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// feed returns the Atom document.
func (s *service) feed(m moment, entries []feedEntry, events bool, problem string) *atomfeed.Feed {
	path := m.r.URL.Path
	self := s.Absolute(m.r, path)
	name := m.r.URL.Query().Encode()
	if name != "" {
		self += "?" + name
	}
	f := &atomfeed.Feed{
		Language: "en", ID: s.tag("feed", m.dataset, strings.Trim(path, "/"), name),
		Title: "darkmap: outages", Subtitle: problem, Author: atomfeed.Person{Name: "darkmap"},
		Links: []atomfeed.Link{
			{Rel: "self", Type: "application/atom+xml", Href: self},
			{Rel: "alternate", Type: "text/html", Href: s.Absolute(m.r, "/")},
		},
	}
	if m.dataset != "live" {
		f.Title += " (" + m.dataset + ")"
	}
	newest := time.Unix(0, 0)
	for _, e := range entries {
		o := e.Outage
		id := s.tag("outage", m.dataset, o.ID)
		if events {
			id = s.tag("event", m.dataset, o.ID, strconv.Itoa(int(o.Sequence)))
		}
		if e.updated.After(newest) {
			newest = e.updated
		}
		published := atomfeed.At(o.Start)
		f.Entries = append(f.Entries, atomfeed.Entry{
			ID: id, Title: plaintext.Clean(titleOf(o)), Published: &published, Updated: atomfeed.At(e.updated),
			Categories: []atomfeed.Category{
				{Scheme: s.tag("severity"), Term: string(o.Severity)},
				{Scheme: s.tag("entity"), Term: o.Entity.Type.String()},
				{Scheme: s.tag("state"), Term: string(o.State)},
			},
			Links: []atomfeed.Link{
				{Rel: "alternate", Type: "text/html", Href: s.pageOf(m.r, m.dataset, o.ID)},
				{Rel: "related", Type: "application/json", Href: s.Absolute(m.r, "/v1/outages/"+o.ID)},
			},
			Summary: plaintext.CleanLines(o.Summary),
		})
	}
	f.Updated = atomfeed.At(newest)
	return f
}

// titleOf describes an outage in one line.
func titleOf(o bgp.Outage) string {
	if o.Headline != "" {
		return o.Headline
	}
	return o.Entity.Code + " (" + o.Family + "): " + string(o.State)
}
