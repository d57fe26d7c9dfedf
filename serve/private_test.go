package serve_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/api"
	"github.com/darkmap/darkmap/serve/page"
)

// The private data of TestStored. secrets are the texts that no public answer may contain.
var (
	secretList   = bgp.Entity{Type: bgp.EntityWatch, Code: "secret-list", Name: "Our customers"}
	openList     = bgp.Entity{Type: bgp.EntityWatch, Code: "open-list", Name: "Public services"}
	secretRouter = "bmp/secret-router"
	secrets      = []string{"Our customers", "secret-router", "secret-list"}
	// noList is a list that does not exist. A public answer about a private list must equal the one
	// about this list.
	noList = "secret-lisp"
)

// privately fills a scene with private watch lists and routers, in the topics and in the store as
// the datasets live and past.
func privately(t *testing.T, sc *scene, server clickhouse.Server) (minute time.Time, ids []string) {
	t.Helper()
	minute = time.Now().UTC().Truncate(time.Minute).Add(-time.Minute)
	sc.feeds(time.Now())
	sc.write(sc.record(schemas.TopicFeeds, secretRouter, time.Now(), &pb.FeedRecord{Collector: secretRouter, Source: "bmp", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: "stale"}}))
	sc.panel(minute.Add(-time.Minute), bgp.VerdictPossible)
	private, public := []bgp.WatchMember{{List: secretList.Code, Title: secretList.Name, Member: "KP"}}, []bgp.WatchMember{{List: openList.Code, Title: openList.Name, Member: "KP", Public: true}}
	began := minute.Add(-time.Hour)
	var all []bgp.Outage
	add := func(e bgp.Entity, kind bgp.Kind, members []bgp.WatchMember) {
		o := lost(e, began)
		o.Kind, o.Watch, o.LostPrefixes, o.LostPrefixesTotal = kind, members, []string{"192.0.2.0/24"}, 1
		all = append(all, o)
	}
	add(korea, bgp.KindOutage, slices.Concat(private, public))
	all[0].Parents = []bgp.Parent{{Type: bgp.EntityWatch, Code: secretList.Code, ID: bgp.OutageID(secretList.Type, secretList.Code, bgp.IPv4, began)}}
	add(secretList, bgp.KindOutage, private)
	add(openList, bgp.KindOutage, public)
	add(bgp.Entity{Type: bgp.EntityPrefix, Code: "198.51.100.0/24"}, bgp.KindOrigin, private)
	for _, o := range all {
		sc.write(sc.outage(minute, o))
	}
	for _, e := range []bgp.Entity{korea, secretList, openList} {
		sc.write(sc.value(minute, e, 0))
	}
	sc.decide(minute)
	for _, dataset := range []string{"live", "past"} {
		fillStore(t, server, dataset, minute, all)
	}
	return minute, []string{all[1].ID, all[3].ID}
}

// fillStore stores the private data in a dataset.
func fillStore(t *testing.T, server clickhouse.Server, dataset string, minute time.Time, all []bgp.Outage) {
	t.Helper()
	exec := func(format string, args ...any) {
		t.Helper()
		if err := server.Ask(t.Context(), strings.ReplaceAll(fmt.Sprintf(format, args...), "{{db}}", server.Database)); err != nil {
			t.Fatal(err)
		}
	}
	at := minute.Format(time.DateTime)
	exec(`INSERT INTO {{db}}.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, idx, position_sequence, appended_at) VALUES ('%s', '%s', 'ipv4', 'complete', 40, 12, 20, 3, true, '', 0, 1, now())`, dataset, at)
	exec(`INSERT INTO {{db}}.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, collector, peer_address, peer_asn, votes, idx, position_sequence, appended_at) VALUES ('%s', '%s', 'ipv4', 'complete', 40, 12, 20, 3, true, '', '%s', '192.0.2.9', 64496, true, 1, 1, now())`, dataset, at, secretRouter)
	exec(`INSERT INTO {{db}}.feeds (dataset, timestamp, collector, event, state, source, position_sequence, appended_at) VALUES ('%s', '%s', '%s', 'status', 'up', 'bmp', 1, now())`, dataset, at, secretRouter)
	for i, e := range []bgp.Entity{korea, secretList, openList} {
		exec(`INSERT INTO {{db}}.visibility (dataset, timestamp, entity_type, entity_code, entity_name, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, voters, position_sequence, appended_at)
			VALUES ('%s', '%s', '%s', '%s', '%s', 'ipv4', 0, 0, 4, 4, 4, 4, 40, %d, now())`, dataset, at, e.Type, e.Code, e.Name, i)
	}
	storeOutages(t, server, dataset, minute, all...)
}

// storeOutages stores a record of each outage, all of which are open.
func storeOutages(t *testing.T, server clickhouse.Server, dataset string, decided time.Time, all ...bgp.Outage) {
	t.Helper()
	for i, o := range all {
		o.Dataset = dataset
		object, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		var watch []string
		for _, m := range o.Watch {
			watch = append(watch, fmt.Sprintf("('%s', '%s', '%s', '', %t)", m.List, m.Title, m.Member, m.Public))
		}
		if err := server.Ask(t.Context(), fmt.Sprintf(`INSERT INTO %s.outage_events (dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, start, duration_seconds, severity, peak_loss_percent, watch, json, position_sequence)
			VALUES ('%s', '%s', 1, 'opened', '%s', '%s', 'open', 'ipv4', '%s', '%s', '%s', 3600, 'total', 100, [%s], '%s', %d)`,
			server.Database, dataset, o.ID, decided.Format(time.DateTime), o.Kind, o.Entity.Type, o.Entity.Code, o.Start.Format(time.DateTime), strings.Join(watch, ","), object, i)); err != nil {
			t.Fatal(err)
		}
	}
}

// wildcards are values for the parts of paths. Those with secretList have a twin with noList.
var wildcards = map[string][]string{
	"code": {"KP", "KP-01", secretList.Code}, "number": {"131279"}, "asn": {"131279"}, "prefix...": {"192.0.2.0/24", "198.51.100.0/24"}, "list": {secretList.Code, openList.Code},
	"entityType": {"country", "watch"}, "entityCode": {"KP", secretList.Code}, "file...": {"nothing"},
}

// pageQueries are tried with every page, dataQueries with every other route. A query that a route
// does not accept is an error there, which may contain nothing private either.
var (
	pageQueries = []string{"", "dataset=past", "at=AT", "at=AT&dataset=past", "q=customers", "q=watch/" + secretList.Code, "family=ipv4"}
	dataQueries = []string{
		"", "dataset=past", "type=watch", "type=watch&dataset=past", "type=watch&code=" + secretList.Code, "type=watch&code=" + secretList.Code + "&dataset=past", "type=watch&code=" + openList.Code, "code=" + secretList.Code,
		"q=customers", "q=customers&dataset=past", "q=watch/" + secretList.Code, "q=watch/" + secretList.Code + "&dataset=past", "q=198.51.100.1", "entries=events", "entries=events&dataset=past", "prefix=192.0.2.0/24", "prefix=198.51.100.0/24",
		"kind=origin", "blips=true&state=open,closed,retracted", "from=1&until=4000000000", "from=1&until=4000000000&entityType=country&entityCode=KP", "entityType=watch&entityCode=" + secretList.Code + "&from=1&until=4000000000",
		"search=customers", "at=AT", "at=AT&dataset=past", "type=watch&at=AT",
	}
)

// calls are the calls of assistants.
var calls = []string{
	`"list_outages","arguments":{}`, `"list_outages","arguments":{"type":"watch"}`, `"explain_outage","arguments":{"id":"ID"}`, `"prefix_seen","arguments":{"prefix":"192.0.2.1"}`, `"prefix_seen","arguments":{"prefix":"198.51.100.1"}`,
	`"entity_series","arguments":{"type":"watch","code":"` + secretList.Code + `"}`, `"entity_series","arguments":{"type":"watch","code":"` + openList.Code + `"}`,
}

var wildcard = regexp.MustCompile(`\{([A-Za-z]+(?:\.\.\.)?)\}`)

// paths returns the paths of a route, with every value of its parts. ids are the ids of private
// outages.
func paths(t *testing.T, pattern string, ids []string) (all []string) {
	t.Helper()
	_, path, ok := strings.Cut(pattern, " ")
	if !ok {
		path = pattern
	}
	all = []string{strings.TrimSuffix(path, "{$}")}
	for _, m := range wildcard.FindAllStringSubmatch(path, -1) {
		values := wildcards[m[1]]
		if m[1] == "id" {
			values = slices.Concat(ids, []string{ids[0] + ".csv", bgp.OutageID(korea.Type, korea.Code, bgp.IPv4, time.Unix(0, 0))})
		}
		if len(values) == 0 {
			t.Errorf("the route %s has a part %s, of which this test knows no value: add one to wildcards", pattern, m[1])
		}
		var next []string
		for _, p := range all {
			for _, v := range values {
				next = append(next, strings.Replace(p, m[0], v, 1))
			}
		}
		all = next
	}
	return all
}

// changing matches the parts of an answer that differ between two answers with the same content.
var changing = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z| UTC)?|urn:uuid:[0-9a-f-]+|"timestamp":[0-9]+`)

// ask requests a path, or calls an assistant's tool if body is not empty.
func (s *site) ask(path, body string, in bool) (status int, header http.Header, text string) {
	s.t.Helper()
	method, reader := http.MethodGet, io.Reader(http.NoBody)
	heads := []string{}
	if body != "" {
		method, reader = http.MethodPost, strings.NewReader(body)
		heads = append(heads, "Content-Type", "application/json", "Accept", "application/json, text/event-stream")
	}
	if in {
		heads = append(heads, "Authorization", "Bearer "+login)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	return send(s.t, req, heads...)
}

// TestStored sends two sorts of requests to a server of one scene with a store: for private data,
// and with odd parameters.
func TestStored(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	past := &store{server: clickhousetest.Server(t)}
	minute, ids := privately(t, sc, past.server)
	voters := func(_ context.Context, q query.Question, _ int) (query.Answer, error) {
		a := query.Answer{What: q.Code, Kind: q.Kind, Dataset: "live", Source: query.SourceLive}
		if q.Kind == query.KindWatch {
			a.Watch = []query.WatchList{{Name: secretList.Code, Title: secretList.Name, Members: []query.WatchMember{{Member: "KP"}}}, {Name: openList.Code, Public: true}}
			return a, nil
		}
		a.Families = []query.Family{{Family: "ipv4", Prefix: &query.Prefix{Prefix: q.Code, State: query.Visible, HeldBy: 2, Voters: 3, PeersTotal: 2, Peers: []query.Peer{
			{Collector: secretRouter, ASN: 64496, Votes: true, Holds: true}, {Collector: "ris/rrc00", ASN: 64497, Votes: true, Holds: true},
		}}}}
		return a, nil
	}
	s := startSite(t, siteConfig{kafka: sc.cfg, store: past, voters: voters, change: func(c *serve.Config) { c.Public = true }})
	s.wants("the minute is known", false, "1 country and 1 watch list are dark")
	t.Run("private", func(t *testing.T) { private(t, s, minute, ids) })
	t.Run("odd requests", func(t *testing.T) { oddRequests(t, s) })
}

// private walks the table of routes. With any parameters, before and after a logged-in viewer has
// asked the same, a public answer must contain nothing private. About a private list it must equal
// the answer about a list that does not exist. New routes are included by themselves.
func private(t *testing.T, s *site, minute time.Time, ids []string) {
	t.Helper()
	pages, err := page.New("", func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	deps := &serve.Deps{}
	type question struct{ route, path, body string }
	var all []question
	for _, r := range slices.Concat(api.API{}.Routes(deps), pages.Routes(deps)) {
		if r.Pattern == "/mcp" {
			for _, c := range calls {
				all = append(all, question{r.Pattern, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":` + strings.Replace(c, "ID", ids[0], 1) + `}}`})
			}
			continue
		}
		if strings.HasSuffix(r.Pattern, "/{$}") && r.Pattern != "GET /{$}" {
			continue // the same as without the slash
		}
		queries := pageQueries
		if r.Form == serve.FormData {
			queries = dataQueries
		}
		for _, p := range paths(t, r.Pattern, ids) {
			for _, q := range queries {
				if r.Stream && q != "" {
					continue
				}
				all = append(all, question{r.Pattern, strings.TrimSuffix(p+"?"+strings.ReplaceAll(q, "AT", minute.Add(time.Minute).Format("2006-01-02T15:04Z")), "?"), ""})
			}
		}
	}
	told := map[string]bool{} // routes with private data for logged-in viewers
	for i, q := range all {
		var status int
		var out string
		var header http.Header
		ask := func() { status, header, out = s.ask(q.path, q.body, false) }
		if i%2 == 0 {
			ask()
		}
		_, inHeader, in := s.ask(q.path, q.body, true)
		if i%2 == 1 {
			ask()
		}
		asked := q.path + q.body
		text := fmt.Sprint(header) + out
		for _, secret := range secrets {
			if strings.Contains(text, secret) && !strings.Contains(asked, secret) {
				t.Errorf("%s tells anybody of %s: %s", asked, secret, excerpt(text, secret))
			}
			if strings.Contains(in, secret) && !strings.Contains(asked, secret) {
				told[q.route] = true
			}
		}
		if c := inHeader.Get("Cache-Control"); !strings.Contains(c, "private") && !strings.Contains(c, "no-store") && !strings.Contains(c, "immutable") {
			t.Errorf("%s for who is logged in: Cache-Control %q", asked, c)
		}
		// The route does not accept such parameters.
		if !strings.Contains(asked, secretList.Code) || status == http.StatusUnprocessableEntity {
			continue
		}
		twin := func(text string) string {
			return strings.NewReplacer(secretList.Code, noList, strings.ToUpper(secretList.Code), strings.ToUpper(noList)).Replace(text)
		}
		_, _, other := s.ask(twin(q.path), twin(q.body), false)
		if a, b := changing.ReplaceAllString(twin(out), ""), changing.ReplaceAllString(other, ""); a != b {
			t.Errorf("%s tells anybody another thing than of a list that nobody has:\n%.600s\n%.600s", asked, a, b)
		}
	}
	t.Logf("%d questions; private things are told on %d routes", len(all), len(told))
	for _, route := range []string{"GET /{$}", "GET /outage/{id}", "GET /watch/{list}", "GET /feeds", "GET /prefix/{prefix...}", "GET /v1/outages", "GET /v1/outages/{id}", "GET /v1/entities", "GET /v1/feeds", "GET /v1/panel", "GET /v1/search", "GET /feed.atom", "GET /v1/prefixes", "/mcp"} {
		if !told[route] {
			t.Errorf("%s tells those who are logged in of nothing private", route)
		}
	}
	for _, id := range ids {
		for _, path := range []string{"/outage/" + id, "/outage/" + id + "/picture.png", "/v1/outages/" + id, "/outage/" + id + "?dataset=past"} {
			if status, _, text := s.ask(path, "", false); status != http.StatusNotFound {
				t.Errorf("%s answers anybody %d: %.300s", path, status, text)
			}
		}
	}
	for _, path := range []string{"/watch/" + openList.Code, "/watch/" + openList.Code + "?dataset=past", "/v1/visibility?type=watch&code=" + openList.Code + "&dataset=past"} {
		if status, _, text := s.ask(path, "", false); status != http.StatusOK {
			t.Errorf("the public list: %s answers anybody %d: %.300s", path, status, text)
		}
	}
	if status, _, text := s.ask("/v1/search?q=services&dataset=past", "", false); status != http.StatusOK || !strings.Contains(text, openList.Code) {
		t.Errorf("the public list is not found by its name: %d %s", status, text)
	}
}

// excerpt returns the text around a word.
func excerpt(text, word string) string {
	i := strings.Index(text, word)
	return text[max(0, i-150):min(len(text), i+150)]
}
