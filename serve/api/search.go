package api

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/live"
)

// searchInput holds the parameters of a search.
type searchInput struct {
	DatasetInput
	Text  string `query:"q" required:"true" minLength:"1" maxLength:"200" doc:"A country, region, AS number or name, prefix, address, or an outage's id."`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many are returned at most."`
}

// match is a thing that the text names.
type match struct {
	Type string `json:"type" enum:"prefix,as,country,region,world,watch,outage" doc:"What it is."`
	Code string `json:"code" doc:"Its code, or the outage's id."`
	Name string `json:"name,omitempty" doc:"Its name, in the words of others."`
	URL  string `json:"url" doc:"Its page."`
}

// searchBody lists the things that the text names.
type searchBody struct {
	Results []match `json:"results"`
	Problem string  `json:"problem,omitempty" doc:"Why something was not looked for; absent where all was."`
}

func (s *service) search(ctx context.Context, in *searchInput) (*output, error) {
	x := exchangeOf(ctx)
	m := s.about(x.r, in.Dataset)
	body := searchBody{Results: []match{}}
	add := func(t, code, name string) {
		if len(body.Results) < in.Limit {
			body.Results = append(body.Results, match{t, code, name, s.Absolute(x.r, "/"+t+"/"+pathOf(code))})
		}
	}
	text := strings.TrimSpace(in.Text)
	q, err := query.Parse(text)
	if err != nil || q.Kind == query.KindCountry && bgp.CountryName(q.Code) == "" {
		for _, code := range bgp.CountriesNamed(text) {
			add("country", code, bgp.CountryName(code))
		}
		at, err := s.end(m)
		if err != nil {
			at = s.Now()
		}
		found, err := s.History.Named(m.r.Context(), m.scope, text, at, in.Limit)
		if err != nil {
			notKept(x.w)
			body.Problem = "Names of networks and regions were not looked for. " + serve.Reason(err)
		}
		for _, e := range found {
			add(e.Type.String(), e.Code, e.Name)
		}
		return encoded(body)
	}
	switch q.Kind {
	case query.KindAddress:
		found, err := s.holders(m, q.Prefix, time.Time{})
		if err != nil {
			notKept(x.w)
			body.Problem = "Prefixes were not looked for. " + serve.Reason(err)
		}
		for _, h := range found {
			add("prefix", h.Prefix, "")
		}
	case query.KindWatch:
		list := strings.TrimPrefix(q.Code, query.WatchCode+"/")
		if m.scope.Private && m.here || s.publicList(m, list) {
			add("watch", list, "")
		}
	case query.KindCountry:
		add("country", q.Code, bgp.CountryName(q.Code))
	case query.KindOutage:
		if e, ok := m.present.Find(q.Code); ok {
			add("outage", q.Code, e.Outage.Entity.Name)
		} else if got, err := s.find(m, q.Code); err == nil {
			add("outage", q.Code, got.newest.Outage.Entity.Name)
		} else if serve.StatusOf(err) != 404 {
			notKept(x.w)
			body.Problem = "Outages were not looked for. " + serve.Reason(err)
		}
	case query.KindPrefix, query.KindAS, query.KindRegion:
		add(string(q.Kind), q.Code, s.nameOf(m, q))
	}
	return encoded(body)
}

// nameOf returns the name of an entity from its newest value, or "" if it has none.
func (s *service) nameOf(m moment, q query.Question) string {
	t, ok := q.Type()
	if !ok {
		return ""
	}
	for _, f := range bgp.Families {
		if v, ok := m.present.Value(live.Key{Family: f, Type: t, Code: q.Code}); ok {
			return v.Name
		}
	}
	return ""
}

// pathOf returns a code for the path of a page. A prefix keeps its slash.
func pathOf(code string) string {
	parts := strings.Split(code, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}
