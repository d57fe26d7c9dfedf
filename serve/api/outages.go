package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve/history"
)

// outagesInput holds the parameters of a list of outages.
type outagesInput struct {
	DatasetInput
	From        string   `query:"from" maxLength:"40" doc:"Outages that end after it: RFC 3339, a date, or Unix seconds."`
	Until       string   `query:"until" maxLength:"40" doc:"Outages that begin before it. A date is a whole day."`
	Type        []string `query:"type" maxItems:"6" enum:"prefix,as,country,region,world,watch" doc:"Kinds of entities, separated by commas."`
	Code        []string `query:"code" maxItems:"100" doc:"Codes of entities: KP, KP-01, AS131279, 175.45.176.0/24, separated by commas."`
	Country     []string `query:"country" maxItems:"100" doc:"Countries (ISO 3166-1): their own outages, those of their regions, and those of networks and prefixes that lost something there."`
	AS          []string `query:"as" maxItems:"100" doc:"AS numbers: their own outages, and those of prefixes that they originate."`
	Family      []string `query:"family" maxItems:"2" enum:"ipv4,ipv6" doc:"Address families."`
	Kind        []string `query:"kind" maxItems:"5" enum:"outage,partial,intermittent,moved,origin" doc:"Kinds of outages."`
	State       []string `query:"state" maxItems:"4" enum:"suspected,open,closed,retracted" doc:"States. Without it all but retracted ones."`
	Severity    string   `query:"severity" enum:"minor,moderate,major,total" doc:"The least severity."`
	MinDuration string   `query:"min_duration" maxLength:"20" doc:"The least duration: 30m, 2h, 7d. Outages that go on pass."`
	Blips       bool     `query:"blips" doc:"Outages of less than five minutes, and retracted ones, too."`
	Sort        string   `query:"sort" enum:"newest,oldest,longest,greatest" default:"newest" doc:"The order."`
	Limit       int      `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many are returned at most."`
	Cursor      string   `query:"cursor" maxLength:"400" doc:"The field next of the answer before."`
	Accept      string   `header:"Accept" doc:"text/csv gives CSV."`
}

// query converts the parameters to a query.
func (in *outagesInput) query() (q history.OutagesQuery, err error) {
	if q.From, err = readTime("from", in.From); err != nil {
		return q, err
	}
	if q.To, err = readTime("until", in.Until); err != nil {
		return q, err
	}
	if !q.From.IsZero() && !q.To.IsZero() && !q.From.Before(q.To) {
		return q, refused("until", "it has to be later than from")
	}
	if q.MinDuration, err = readLength("min_duration", in.MinDuration); err != nil {
		return q, err
	}
	for _, t := range in.Type {
		var kind bgp.EntityType
		if err = kind.UnmarshalText([]byte(t)); err != nil {
			return q, refused("type", "%s", err)
		}
		q.Types = append(q.Types, kind)
	}
	for _, code := range in.Code {
		q.Codes = append(q.Codes, anyCode(code, q.Types))
	}
	for _, c := range in.Country {
		q.Countries = append(q.Countries, strings.ToUpper(c))
	}
	for _, a := range in.AS {
		asn, err := bgp.ParseASN(a)
		if err != nil {
			return q, refused("as", "%.20q is no AS number", a)
		}
		q.ASNs = append(q.ASNs, asn)
	}
	for _, k := range in.Kind {
		q.Kinds = append(q.Kinds, bgp.Kind(k))
	}
	for _, st := range in.State {
		q.States = append(q.States, bgp.State(st))
		q.All = q.All || st == string(bgp.StateRetracted)
	}
	q.Families, q.MinSeverity, q.All = in.Family, bgp.Severity(in.Severity), q.All || in.Blips
	q.Sort, q.Limit, q.Cursor = history.Sort(in.Sort), in.Limit, in.Cursor
	return q, nil
}

// anyCode returns a code in the form that outages have. types are the possible kinds of the entity;
// empty means any.
func anyCode(code string, types []bgp.EntityType) string {
	if len(types) == 1 {
		return canonical(types[0], code)
	}
	upper := strings.ToUpper(code)
	if len(upper) == 2 || strings.HasPrefix(upper, "AS") && len(types) == 0 {
		return upper
	}
	return code
}

// outagesBody is a list of outages.
type outagesBody struct {
	Dataset string   `json:"dataset" doc:"The dataset."`
	Minute  string   `json:"minute,omitempty" doc:"The end of the newest decided minute. The duration of outages that go on counts to it. Absent where the dataset is another one than the server's, or none is decided."`
	Outages []record `json:"outages" doc:"The outages, as their newest records have them."`
	Next    string   `json:"next,omitempty" doc:"The cursor of the page that follows; absent where none does."`
	Problem string   `json:"problem,omitempty" doc:"Why outages may be missing; absent where none is."`
}

// output is an answer in one of several forms.
type output struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// encoded returns an answer as JSON.
func encoded(body any) (*output, error) {
	b, err := json.Marshal(body)
	return &output{"application/json", append(b, '\n')}, err
}

// csvOf returns a list of outages as CSV.
func csvOf(all []outagelog.Entry) (*output, error) {
	var b bytes.Buffer
	err := outagelog.WriteCSV(&b, all)
	return &output{"text/csv; charset=utf-8; header=present", b.Bytes()}, err
}

// responseOf describes the answer of an operation: JSON in the form of T, and CSV if csv is set.
func responseOf[T any](v *v1, description string, csv bool) map[string]*huma.Response {
	var body T
	r := &huma.Response{Description: description, Content: map[string]*huma.MediaType{
		"application/json": {Schema: v.api.OpenAPI().Components.Schemas.Schema(typeOf(body), true, "")},
	}}
	if csv {
		r.Content["text/csv"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	}
	return map[string]*huma.Response{"200": r}
}

func (s *service) registerOutages(v *v1) {
	describe := func(id, path string, asCSV bool) huma.Operation {
		r := responseOf[outagesBody](v, "Outages.", true)
		if asCSV {
			delete(r["200"].Content, "application/json")
		}
		return huma.Operation{
			OperationID: id, Path: path, Summary: "List outages", Tags: []string{"outages"},
			Responses: r,
		}
	}
	register(v, describe("list-outages", "/v1/outages", false), true,
		func(ctx context.Context, in *outagesInput) (*output, error) {
			return s.outages(ctx, in, wantsCSV(in.Accept))
		})
	register(v, describe("list-outages-csv", "/v1/outages.csv", true), true,
		func(ctx context.Context, in *outagesInput) (*output, error) {
			return s.outages(ctx, in, true)
		})
	register(v, huma.Operation{
		OperationID: "get-outage", Path: "/v1/outages/{id}", Summary: "One outage with its records",
		Tags:        []string{"outages"},
		Description: "With .csv behind the id, the records as CSV.",
		Responses:   responseOf[outageBody](v, "The outage.", true),
	}, true, s.outage)
}

func (s *service) outages(ctx context.Context, in *outagesInput, csv bool) (*output, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	x := exchangeOf(ctx)
	m := s.about(x.r, in.Dataset)
	got, err := s.list(m, q)
	if err != nil {
		return nil, failed(ctx, err)
	}
	h := x.w.Header()
	if got.Problem != "" {
		notKept(x.w)
	}
	if got.Next != "" {
		u := *x.r.URL
		values := u.Query()
		values.Set("cursor", got.Next)
		h.Set("Link", "<"+s.URL(u.Path)+"?"+values.Encode()+`>; rel="next"`)
	}
	if csv {
		h.Set("Content-Disposition", `attachment; filename="outages.csv"`)
		return csvOf(got.Entries)
	}
	body := outagesBody{Dataset: m.dataset, Outages: records(got.Entries), Next: got.Next, Problem: got.Problem}
	if m.here && !m.present.Minute.IsZero() {
		body.Minute = m.present.Until().Format(time.RFC3339)
	}
	return encoded(body)
}

// outageInput names an outage.
type outageInput struct {
	DatasetInput
	ID     string `path:"id" maxLength:"400" doc:"The outage's id."`
	Accept string `header:"Accept" doc:"text/csv gives CSV."`
}

// outageBody is one outage.
type outageBody struct {
	Dataset   string     `json:"dataset" doc:"The dataset."`
	URL       string     `json:"url" doc:"The page of the outage."`
	Outage    record     `json:"outage" doc:"The outage as its newest record has it, with evidence."`
	Revisions []revision `json:"revisions" doc:"Its records, the first one first."`
	Problem   string     `json:"problem,omitempty" doc:"Why records may be missing; absent where none is."`
}

// revision is a record of an outage in short form.
type revision struct {
	Sequence    uint32     `json:"sequence"`
	Event       bgp.Event  `json:"event,omitempty"`
	State       bgp.State  `json:"state"`
	Severity    string     `json:"severity"`
	DecidedAt   *time.Time `json:"decided_at,omitempty" doc:"When it was decided, in event time."`
	Start       time.Time  `json:"start"`
	End         *time.Time `json:"end,omitempty"`
	LostPercent float64    `json:"loss_percent" doc:"Lost space in percent of the usual, at this record."`
	Lost        int        `json:"lost_prefixes" doc:"Prefixes that were lost, at this record."`
	Headline    string     `json:"headline,omitempty"`
}

func revisionOf(o bgp.Outage, decided time.Time) revision {
	r := revision{
		Sequence: o.Sequence, Event: o.Event, State: o.State, Severity: string(o.Severity),
		Start: o.Start, End: o.End, LostPercent: number(o.Now.LossPercent),
		Lost: o.Now.LostPrefixes, Headline: o.Headline,
	}
	if !decided.IsZero() {
		r.DecidedAt = &decided
	}
	return r
}

// found is one outage with its records.
type found struct {
	newest  outagelog.Entry
	entries []outagelog.Entry
	short   []revision
	problem string
}

// find returns an outage with its records. If the store is away, or does not have the outage yet,
// find answers from the present alone.
func (s *service) find(m moment, id string) (found, error) {
	got, err := s.History.Outage(m.r.Context(), m.scope, id)
	var out found
	for _, r := range got.Revisions {
		out.entries, out.short = append(out.entries, r.Entry),
			append(out.short, revisionOf(r.Entry.Outage, r.DecidedAt))
	}
	out.newest = got.Newest
	if !m.here {
		return out, err
	}
	now, ok := m.present.Find(id)
	switch {
	case err != nil && (!ok || errors.Is(err, context.Canceled)):
		return out, err
	case err != nil && !errors.Is(err, history.ErrNotFound):
		out.problem = "Older records than the newest are missing. " + reason(err)
		fallthrough
	case ok && now.Outage.Sequence > out.newest.Outage.Sequence:
		out.newest = now
		out.entries, out.short = append(out.entries, now), append(out.short, revisionOf(now.Outage, time.Time{}))
	}
	out.newest.Outage = asOf(out.newest.Outage, m.present.Until())
	return out, nil
}

func (s *service) outage(ctx context.Context, in *outageInput) (*output, error) {
	x := exchangeOf(ctx)
	m := s.about(x.r, in.Dataset)
	id, asCSV := strings.CutSuffix(in.ID, ".csv")
	got, err := s.find(m, id)
	if err != nil {
		return nil, failed(ctx, err)
	}
	if got.problem != "" {
		notKept(x.w)
	}
	if asCSV || wantsCSV(in.Accept) {
		x.w.Header().Set("Content-Disposition", `attachment; filename="outage.csv"`)
		return csvOf(got.entries)
	}
	return encoded(outageBody{
		Dataset: m.dataset, URL: s.pageOf(x.r, m.dataset, id), Outage: recordOf(got.newest),
		Revisions: got.short, Problem: got.problem,
	})
}

// pageOf returns the address of an outage's page.
func (s *service) pageOf(r *http.Request, dataset, id string) string {
	u := s.Absolute(r, "/outage/"+id)
	if dataset != s.Dataset {
		u += "?dataset=" + dataset
	}
	return u
}
