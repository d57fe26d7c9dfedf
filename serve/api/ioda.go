package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/history"
)

// The routes below /v2 answer in the format of IODA's API, so that its clients work here with
// another address.

// The data sources, by IODA's names: visible /24s, and visible /48s, which IODA does not have.
const (
	sourceIPv4 = "bgp"
	sourceIPv6 = "bgp6"
)

// iodaTypes maps IODA's kinds of entities to those of darkmap. Continents, and parts of networks by
// country (geoasn), have no counterpart, so questions about them find nothing.
var iodaTypes = map[string]bgp.EntityType{
	"country": bgp.EntityCountry, "region": bgp.EntityRegion, "asn": bgp.EntityAS, "continent": 0,
	"geoasn": 0,
}

const (
	iodaCopyright = "Made by darkmap from BGP data of RIPE RIS and RouteViews. " +
		"The shape of this answer is that of IODA's API; IODA has no part in it."
	// maxIODA bounds the outages that one question reads.
	maxIODA = 5000
	// maxIODACodes bounds the entities of one question.
	maxIODACodes = 50
)

// envelope is the envelope of every answer of /v2.
type envelope struct {
	Type     string `json:"type"`
	Metadata struct {
		RequestTime  string `json:"requestTime"`
		ResponseTime string `json:"responseTime"`
	} `json:"metadata"`
	RequestParameters map[string]string `json:"requestParameters"`
	Error             *string           `json:"error"`
	Perf              *string           `json:"perf"`
	Data              any               `json:"data"`
	Copyright         string            `json:"copyright"`
}

// iodaError is a fault of a request, in a sentence.
type iodaError string

func (e iodaError) Error() string { return string(e) }

// ioda returns the routes below /v2.
func (s *service) ioda() []serve.Route {
	var routes []serve.Route
	add := func(pattern, kind string, f func(*iodaQuery) (any, error)) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answerIODA(w, r, kind, f) })
		routes = append(routes, serve.Route{
			Pattern: "GET " + pattern, Form: serve.FormData, Handler: quietErrors(h),
		})
	}
	for _, q := range []struct {
		path, kind string
		f          func(*iodaQuery) (any, error)
	}{
		{"/v2/outages/alerts", "outages.alerts", s.iodaAlerts},
		{"/v2/outages/events", "outages.events", s.iodaEvents},
		{"/v2/outages/summary", "outages.summary", s.iodaSummary},
		{"/v2/signals/raw", "signals", s.iodaSignals},
		{"/v2/entities/query", "entities.lookup", s.iodaEntities},
		{"/v2/datasources", "datasources", s.iodaSources},
	} {
		if q.path != "/v2/signals/raw" {
			add(q.path, q.kind, q.f)
			add(q.path+"/{$}", q.kind, q.f)
		}
		if q.path != "/v2/datasources" && q.path != "/v2/entities/query" {
			add(q.path+"/{entityType}", q.kind, q.f)
			add(q.path+"/{entityType}/{$}", q.kind, q.f)
			add(q.path+"/{entityType}/{entityCode}", q.kind, q.f)
		}
	}
	return routes
}

// answerIODA answers a question in an envelope. For a fault of the request it puts the fault into
// the envelope, with status 400.
func (s *service) answerIODA(
	w http.ResponseWriter, r *http.Request, kind string, f func(*iodaQuery) (any, error),
) {
	began := s.Now()
	status, e := http.StatusOK, envelope{
		Type: kind, RequestParameters: map[string]string{}, Copyright: iodaCopyright,
	}
	for key, all := range r.URL.Query() {
		e.RequestParameters[clip(key)] = clip(strings.Join(all, ","))
	}
	q, err := s.readIODA(r)
	if err == nil {
		if s.fresh(w, r, "", "") {
			return
		}
		e.Data, err = f(q)
	}
	if err != nil {
		text := serve.Reason(err)
		status = serve.StatusOf(err)
		if fault, ok := err.(iodaError); ok { //nolint:errorlint // it is wrapped nowhere
			text, status = string(fault), http.StatusBadRequest
		}
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "2")
		}
		e.Error, e.Data = &text, nil
	}
	e.Metadata.RequestTime, e.Metadata.ResponseTime = began.UTC().Format(time.RFC3339),
		s.Now().UTC().Format(time.RFC3339)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e) // the client may be gone
}

// clip bounds a text of the request that the answer repeats.
func clip(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }

// iodaQuery is a question of /v2.
type iodaQuery struct {
	moment
	values      url.Values
	from, until time.Time
	kind        string   // IODA's kind of entity; empty means all
	codes       []string // in the form of outages
	families    []bgp.Family
	limit, page int
	// empty means that relatedTo names a kind of entity without data.
	empty bool
}

// readIODA reads the parameters that the questions share.
func (s *service) readIODA(r *http.Request) (*iodaQuery, error) {
	q := &iodaQuery{moment: s.about(r, ""), values: r.URL.Query(), families: []bgp.Family{bgp.IPv4}}
	q.kind = q.values.Get("entityType")
	codes := q.values.Get("entityCode")
	if kind := r.PathValue("entityType"); kind != "" {
		q.kind = kind
	}
	if code := r.PathValue("entityCode"); code != "" {
		codes = code
	}
	ours, known := iodaTypes[q.kind]
	if q.kind != "" && !known {
		return nil, iodaError("entityType has to be one of continent, country, region, geoasn, asn.")
	}
	for code := range strings.SplitSeq(codes, ",") {
		if code = strings.TrimSpace(code); code != "" {
			q.codes = append(q.codes, canonical(ours, code))
		}
	}
	if len(q.codes) > maxIODACodes {
		return nil, iodaError(fmt.Sprintf("entityCode may name %d entities at most.", maxIODACodes))
	}
	switch q.values.Get("datasource") {
	case "", sourceIPv4:
	case sourceIPv6:
		q.families = []bgp.Family{bgp.IPv6}
	case "ping-slash24", "merit-nt", "ucsd-nt", "gtr", "gtr-norm", "gtr-sarima",
		"ping-slash24-loss", "ping-slash24-latency", "upstream-delay-penult-asns",
		"upstream-delay-penult-e2e-latency", "mozilla":
		q.families = nil
	default:
		return nil, iodaError(
			"datasource has to be bgp (visible /24s) or bgp6 (visible /48s); " +
				"IODA's other ones are taken and have no data here.")
	}
	var err error
	if q.limit, err = q.number("limit", 2000, maxIODA); err != nil {
		return nil, err
	}
	if q.page, err = q.number("page", 0, maxIODA); err != nil {
		return nil, err
	}
	return q, nil
}

// number reads a number from 0 to most. It returns without if the parameter is not set.
func (q *iodaQuery) number(key string, without, most int) (int, error) {
	text := q.values.Get(key)
	if text == "" {
		return without, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		return 0, iodaError(fmt.Sprintf("%s has to be a number from 0 to %d.", key, most))
	}
	return n, nil
}

// window reads from and until, which are required.
func (q *iodaQuery) window() error {
	for _, t := range []struct {
		key string
		to  *time.Time
	}{{"from", &q.from}, {"until", &q.until}} {
		n, err := strconv.ParseInt(q.values.Get(t.key), 10, 64)
		if err != nil || n < 0 || n > latest.Unix() {
			return iodaError(t.key + " has to be set: Unix seconds.")
		}
		*t.to = time.Unix(n, 0).UTC()
	}
	if !q.from.Before(q.until) {
		return iodaError("from has to be earlier than until.")
	}
	return nil
}

// iodaOutages lists the outages of the requested time, the first one first.
func (s *service) iodaOutages(q *iodaQuery) ([]bgp.Outage, error) {
	if err := q.window(); err != nil {
		return nil, err
	}
	ours := iodaTypes[q.kind]
	if q.kind != "" && ours == 0 || len(q.families) == 0 {
		return nil, nil
	}
	var lq history.OutagesQuery
	lq.From, lq.To, lq.Codes, lq.Sort, lq.Limit = q.from, q.until, q.codes, history.SortOldest,
		history.MaxOutages
	lq.Types = []bgp.EntityType{bgp.EntityCountry, bgp.EntityRegion, bgp.EntityAS}
	if ours != 0 {
		lq.Types = []bgp.EntityType{ours}
	}
	for _, f := range q.families {
		lq.Families = append(lq.Families, f.String())
	}
	lq.States = []bgp.State{bgp.StateOpen, bgp.StateClosed}
	if err := q.related(&lq); err != nil || q.empty {
		return nil, err
	}
	var all []bgp.Outage
	for {
		got, err := s.list(q.moment, lq)
		if err != nil {
			return nil, err
		}
		for _, e := range got.Entries {
			all = append(all, e.Outage)
		}
		if got.Next == "" {
			return all, nil
		}
		if len(all) >= maxIODA {
			return nil, iodaError(fmt.Sprintf(
				"More than %d outages are in that time: ask for a shorter one, or for fewer entities.",
				maxIODA))
		}
		lq.Cursor = got.Next
	}
}

// related reads relatedTo: country/KP, asn/131279. A region passes its whole country, a continent
// nothing.
func (q *iodaQuery) related(lq *history.OutagesQuery) error {
	text := q.values.Get("relatedTo")
	if text == "" {
		return nil
	}
	kind, code, _ := strings.Cut(text, "/")
	switch kind {
	case "country":
		lq.Countries = append(lq.Countries, strings.ToUpper(code))
	case "region":
		country, _, _ := strings.Cut(strings.ToUpper(code), "-")
		lq.Countries = append(lq.Countries, country)
	case "asn":
		asn, err := bgp.ParseASN(code)
		if err != nil {
			return iodaError("relatedTo names no AS: want asn/131279.")
		}
		lq.ASNs = append(lq.ASNs, asn)
	case "continent", "geoasn":
		q.empty = true
	default:
		return iodaError("relatedTo has to be country/CODE, region/CODE or asn/NUMBER.")
	}
	return nil
}

// paged returns the requested page.
func paged[T any](q *iodaQuery, all []T) []T {
	from := min(q.limit*q.page, len(all))
	return append([]T{}, all[from:min(from+q.limit, len(all))]...)
}

// iodaEntity is an entity in IODA's format.
type iodaEntity struct {
	Code     string            `json:"code"`
	Name     string            `json:"name"`
	Type     string            `json:"type"`
	Subnames []string          `json:"subnames"`
	Attrs    map[string]string `json:"attrs"`
}

// iodaType returns IODA's name of a kind of entity.
func iodaType(t bgp.EntityType) string {
	if t == bgp.EntityAS {
		return "asn"
	}
	return t.String()
}

// iodaCode returns IODA's form of a code: an AS number without "AS".
func iodaCode(e bgp.Entity) string {
	if e.Type == bgp.EntityAS {
		return strings.TrimPrefix(e.Code, "AS")
	}
	return e.Code
}

func iodaEntityOf(e bgp.Entity) iodaEntity {
	name := e.Name
	if name == "" && e.Type == bgp.EntityCountry {
		name = bgp.CountryName(e.Code)
	}
	if name == "" {
		name = e.Code
	}
	kind := iodaType(e.Type)
	return iodaEntity{
		Code: iodaCode(e), Name: name, Type: kind, Subnames: []string{},
		Attrs: map[string]string{"fqid": kind + "." + iodaCode(e)},
	}
}

// sourceOf returns the data source of a family's outages.
func sourceOf(family string) string {
	if family == bgp.IPv6.String() {
		return sourceIPv6
	}
	return sourceIPv4
}

// iodaEntities finds entities by kind, code, a part of the name, or a related entity.
func (s *service) iodaEntities(q *iodaQuery) (any, error) {
	ours := iodaTypes[q.kind]
	text := strings.ToLower(q.values.Get("search"))
	if len(text) > 200 {
		return nil, iodaError("search has to be 200 characters or less.")
	}
	kinds := []bgp.EntityType{bgp.EntityCountry, bgp.EntityRegion, bgp.EntityAS}
	if q.kind != "" {
		kinds = []bgp.EntityType{ours}
	}
	related, err := s.relation(q, kinds)
	if err != nil {
		return nil, err
	}
	if q.empty {
		kinds = nil
	}
	seen := map[bgp.Entity]bool{}
	var all []bgp.Entity
	for _, t := range kinds {
		for v := range q.present.Values(t) {
			e := v.Entity
			named := text == "" || strings.Contains(strings.ToLower(e.Name), text) || strings.EqualFold(e.Code, text)
			if key := (bgp.Entity{Type: e.Type, Code: e.Code}); related.has(e) && named &&
				(len(q.codes) == 0 || slices.Contains(q.codes, e.Code)) && !seen[key] {
				seen[key] = true
				all = append(all, e)
			}
		}
	}
	slices.SortFunc(all, func(a, b bgp.Entity) int {
		return strings.Compare(iodaType(a.Type)+" "+a.Code, iodaType(b.Type)+" "+b.Code)
	})
	out := []iodaEntity{}
	for _, e := range paged(q, all) {
		out = append(out, iodaEntityOf(e))
	}
	return out, nil
}

// iodaSources lists the data sources.
func (s *service) iodaSources(*iodaQuery) (any, error) {
	type source struct {
		Datasource string `json:"datasource"`
		Name       string `json:"name"`
		Units      string `json:"units"`
	}
	return []source{{sourceIPv4, "BGP", "# Visible /24s"}, {sourceIPv6, "BGP (IPv6)", "# Visible /48s"}}, nil
}
