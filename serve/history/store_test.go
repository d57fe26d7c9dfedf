package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve/live"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

var start = time.Date(2014, 12, 22, 16, 0, 0, 0, time.UTC)

// at returns the n-th minute after the start.
func at(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

func sqlAt(n int) string { return at(n).Format(time.DateTime) }

// filler stores rows as a sink would.
type filler struct {
	t *testing.T
	s clickhouse.Server
}

func (f filler) exec(format string, args ...any) {
	f.t.Helper()
	if err := f.s.Ask(f.t.Context(), strings.ReplaceAll(fmt.Sprintf(format, args...), "{{db}}", f.s.Database)); err != nil {
		f.t.Fatal(err)
	}
}

// value stores a value with one known prefix more than usual.
func (f filler) value(n int, kind, code string, space, usual int) {
	f.t.Helper()
	f.exec(`INSERT INTO {{db}}.visibility (dataset, timestamp, entity_type, entity_code, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, voters, appended_at)
		VALUES ('test', '%s', '%s', '%s', 'ipv4', %d, %d, %d, %d, %d, %d, 40, now())`, sqlAt(n), kind, code, space, space, usual+1, usual+1, usual, usual)
}

// outage stores a record that was decided at a minute.
func (f filler) outage(decided int, o bgp.Outage) {
	f.t.Helper()
	o.Dataset, o.Family = "test", "ipv4"
	o.ID = bgp.OutageID(o.Entity.Type, o.Entity.Code, bgp.IPv4, o.Start)
	b, err := json.Marshal(o)
	if err != nil {
		f.t.Fatal(err)
	}
	end := "NULL"
	if o.End != nil {
		end = "'" + o.End.Format(time.DateTime) + "'"
	}
	var watch []string
	for _, m := range o.Watch {
		watch = append(watch, fmt.Sprintf("('%s', '%s', '%s', '', %t)", m.List, m.Title, m.Member, m.Public))
	}
	var origins []string
	for _, a := range o.Origins {
		origins = append(origins, fmt.Sprint(uint32(a.ASN)))
	}
	f.exec(`INSERT INTO {{db}}.outage_events (dataset, id, sequence, event, decided_at, kind, state, family, entity_type, entity_code, start, end, duration_seconds, severity, peak_loss_percent, origins, countries, watch, blip, json)
		VALUES ('test', '%s', %d, '%s', '%s', '%s', '%s', 'ipv4', '%s', '%s', '%s', %s, %d, '%s', %s, [%s], %s, [%s], %t, '%s')`,
		o.ID, o.Sequence, o.Event, sqlAt(decided), o.Kind, o.State, o.Entity.Type, o.Entity.Code, o.Start.Format(time.DateTime), end, o.DurationSeconds, o.Severity, o.Peak.LossPercent,
		strings.Join(origins, ","), textArray(o.Countries), strings.Join(watch, ","), o.Blip, b)
}

// life stores an outage that opens, and ends unless to is 0.
func (f filler) life(from, to int, o bgp.Outage) {
	f.t.Helper()
	o.Start, o.Sequence, o.State, o.Event = at(from), 1, bgp.StateOpen, bgp.EventOpened
	if o.Kind != bgp.KindOrigin {
		o.Kind = bgp.KindOutage
	}
	f.outage(from+2, o)
	if to == 0 {
		return
	}
	end := at(to)
	o.Sequence, o.State, o.Event, o.End, o.EndReason, o.DurationSeconds = 2, bgp.StateClosed, bgp.EventClosed, &end, bgp.EndRecovered, int64(to-from)*60
	f.outage(to+1, o)
}

func entity(t bgp.EntityType, code string) bgp.Entity { return bgp.Entity{Type: t, Code: code} }

// fill stores a day with some outages. A country is lost from minute 15 to 60. From minute 100 to
// 200 there are no values.
func fill(t *testing.T, s clickhouse.Server) {
	t.Helper()
	f := filler{t, s}
	for n := 0; n <= 400; n += 15 {
		f.exec(`INSERT INTO {{db}}.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, idx, position_sequence, appended_at)
			VALUES ('test', '%s', 'ipv4', 'complete', 40, 12, 20, 3, %t, '%s', 0, %d, now())`, sqlAt(n), n < 100 || n > 200, map[bool]string{true: "voters"}[n >= 100 && n <= 200], n)
	}
	for _, v := range []struct{ n, space int }{{0, 4}, {15, 0}, {60, 4}, {205, 3}, {260, 4}, {320, 4}, {380, 4}} {
		f.value(v.n, "country", "KP", v.space, 4)
	}
	f.value(250, "country", "TO", 7, 8)
	f.value(250, "watch", "secret", 1, 8)
	f.value(250, "prefix", "192.0.2.0/24", 0, 1)
	secret := []bgp.WatchMember{{List: "secret", Title: "Our customers", Member: "KP"}}
	f.life(15, 60, bgp.Outage{Entity: entity(bgp.EntityCountry, "KP"), Severity: bgp.SeverityTotal, Peak: bgp.Loss{LossPercent: 10000}, Watch: secret, Baseline: bgp.Size{Prefixes: 4, Space: 400}})
	f.life(16, 61, bgp.Outage{Entity: entity(bgp.EntityAS, "AS131279"), Severity: bgp.SeverityMajor, Peak: bgp.Loss{LossPercent: 9000}, Countries: []string{"KP"}})
	f.life(205, 260, bgp.Outage{Entity: entity(bgp.EntityPrefix, "192.0.2.0/24"), Severity: bgp.SeverityMinor, Peak: bgp.Loss{LossPercent: 10000}, Origins: []bgp.AS{{ASN: 64496}}})
	f.life(250, 0, bgp.Outage{Entity: entity(bgp.EntityCountry, "TO"), Severity: bgp.SeverityMinor, Peak: bgp.Loss{LossPercent: 1250}, Baseline: bgp.Size{Prefixes: 8, Space: 800}})
	f.life(251, 0, bgp.Outage{Entity: entity(bgp.EntityWatch, "secret"), Severity: bgp.SeverityTotal, Watch: secret})
	f.life(252, 253, bgp.Outage{Entity: entity(bgp.EntityCountry, "FJ"), Severity: bgp.SeverityMinor, Blip: true})
	f.life(254, 0, bgp.Outage{Kind: bgp.KindOrigin, Entity: entity(bgp.EntityPrefix, "198.51.100.0/24"), Severity: bgp.SeverityMinor, Watch: secret})
}

// newStore returns a Store for a server, with the metrics that count its questions.
func newStore(s clickhouse.Server) (*Store, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	return New(Config{
		Connect: func(context.Context) (clickhouse.Server, func() error, error) {
			return s, func() error { return nil }, nil
		},
		Log: slog.New(slog.DiscardHandler), Registerer: reg,
	}), reg
}

// TestQuestions asks every question of a real ClickHouse.
func TestQuestions(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Server(t)
	fill(t, server)
	fillEvidence(t, server)
	s, reg := newStore(server)
	t.Run("outages", func(t *testing.T) { testOutages(t, s) })
	t.Run("pages", func(t *testing.T) { testPages(t, s) })
	t.Run("outage", func(t *testing.T) { testOutage(t, s) })
	t.Run("events", func(t *testing.T) { testEvents(t, s) })
	t.Run("series", func(t *testing.T) { testSeries(t, s) })
	t.Run("world", func(t *testing.T) { testWorld(t, s) })
	t.Run("seed", func(t *testing.T) { testSeed(t, s) })
	t.Run("withdrawals", func(t *testing.T) { testWithdrawals(t, s) })
	t.Run("peers", func(t *testing.T) { testPeers(t, s) })
	t.Run("named", func(t *testing.T) { testNamed(t, s) })
	t.Run("shared", func(t *testing.T) { testShared(t, s, reg) })
	t.Run("no answer", func(t *testing.T) { testNoAnswer(t, server) })
}

var public, private = Scope{Dataset: "test", Window: "1"}, Scope{Dataset: "test", Window: "1", Private: true}

// codes returns the codes of the entities of outages.
func codes(all []outagelog.Entry) string {
	var out []string
	for _, e := range all {
		out = append(out, e.Outage.Entity.Code)
	}
	return strings.Join(out, " ")
}

func testOutages(t *testing.T, s *Store) {
	t.Helper()
	for _, tt := range []struct {
		name string
		sc   Scope
		q    OutagesQuery
		want string
	}{
		{"all", public, OutagesQuery{}, "TO 192.0.2.0/24 AS131279 KP"},
		{"all, logged in", private, OutagesQuery{}, "198.51.100.0/24 secret TO 192.0.2.0/24 AS131279 KP"},
		{"blips", public, OutagesQuery{Filter: outagelog.Filter{All: true}}, "FJ TO 192.0.2.0/24 AS131279 KP"},
		{"another dataset", Scope{Dataset: "other"}, OutagesQuery{}, ""},
		{"from", public, OutagesQuery{Filter: outagelog.Filter{From: at(100)}}, "TO 192.0.2.0/24"},
		{"until", public, OutagesQuery{Filter: outagelog.Filter{To: at(16)}}, "KP"},
		{"a country and what is in it", public, OutagesQuery{Filter: outagelog.Filter{Countries: []string{"KP"}}}, "AS131279 KP"},
		{"a country that is no text of ours", public, OutagesQuery{Filter: outagelog.Filter{Countries: []string{`K'P\`}}}, ""},
		{"an AS and its prefixes", public, OutagesQuery{Filter: outagelog.Filter{ASNs: []bgp.ASN{64496, 131279}}}, "192.0.2.0/24 AS131279"},
		{"code", public, OutagesQuery{Codes: []string{"TO"}}, "TO"},
		{"types", public, OutagesQuery{Filter: outagelog.Filter{Types: []bgp.EntityType{bgp.EntityCountry, bgp.EntityWatch}}}, "TO KP"},
		{"state", public, OutagesQuery{Filter: outagelog.Filter{States: []bgp.State{bgp.StateOpen}}}, "TO"},
		{"kind", private, OutagesQuery{Filter: outagelog.Filter{Kinds: []bgp.Kind{bgp.KindOrigin}}}, "198.51.100.0/24"},
		{"family", public, OutagesQuery{Filter: outagelog.Filter{Families: []string{"ipv6"}}}, ""},
		{"severity", public, OutagesQuery{Filter: outagelog.Filter{MinSeverity: bgp.SeverityMajor}}, "AS131279 KP"},
		{"duration", public, OutagesQuery{MinDuration: 50 * time.Minute}, "TO 192.0.2.0/24"},
		{"oldest", public, OutagesQuery{Sort: SortOldest}, "KP AS131279 192.0.2.0/24 TO"},
		{"loss", public, OutagesQuery{Sort: SortLoss}, "KP 192.0.2.0/24 AS131279 TO"},
	} {
		got, err := s.Outages(t.Context(), tt.sc, tt.q)
		if err != nil || codes(got.Entries) != tt.want || got.Next != "" {
			t.Errorf("%s: got %q, next %q, %v, want %q", tt.name, codes(got.Entries), got.Next, err, tt.want)
		}
		for _, e := range got.Entries {
			if !tt.sc.Private && strings.Contains(string(e.JSON), "secret") {
				t.Errorf("%s: %s", tt.name, e.JSON)
			}
		}
	}
}

func testPages(t *testing.T, s *Store) {
	t.Helper()
	for _, sort := range []Sort{SortNewest, SortOldest, SortLongest, SortLoss} {
		var all []outagelog.Entry
		cursor, pages := "", 0
		for ; pages == 0 || cursor != ""; pages++ {
			got, err := s.Outages(t.Context(), private, OutagesQuery{Sort: sort, Limit: 2, Cursor: cursor})
			if err != nil || pages > 5 {
				t.Fatalf("%s, page %d: %v", sort, pages, err)
			}
			all, cursor = append(all, got.Entries...), got.Next
		}
		whole, err := s.Outages(t.Context(), private, OutagesQuery{Sort: sort})
		if err != nil || codes(all) != codes(whole.Entries) || pages != 3 || len(all) != 6 {
			t.Errorf("%s: got %q on %d pages, want %q: %v", sort, codes(all), pages, codes(whole.Entries), err)
		}
	}
	for _, cursor := range []string{"x", "1", "1' OR 1,x", ",x"} {
		if _, err := s.Outages(t.Context(), public, OutagesQuery{Cursor: cursor}); !errors.Is(err, ErrCursor) {
			t.Errorf("%q: got %v", cursor, err)
		}
	}
}

func testOutage(t *testing.T, s *Store) {
	t.Helper()
	id := bgp.OutageID(bgp.EntityCountry, "KP", bgp.IPv4, at(15))
	o, err := s.Outage(t.Context(), public, id)
	if err != nil || len(o.Revisions) != 2 || o.Newest.Outage.State != bgp.StateClosed || o.Revisions[0].Event != bgp.EventOpened || !o.Revisions[0].DecidedAt.Equal(at(17)) || o.Revisions[1].Sequence != 2 {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, r := range o.Revisions {
		if strings.Contains(string(r.Entry.JSON), "secret") {
			t.Errorf("it tells of a private list: %s", r.Entry.JSON)
		}
	}
	hidden := bgp.OutageID(bgp.EntityWatch, "secret", bgp.IPv4, at(251))
	if o, err := s.Outage(t.Context(), private, hidden); err != nil || len(o.Revisions) != 1 {
		t.Errorf("logged in: got %+v, %v", o, err)
	}
	for _, id := range []string{hidden, "x", "' OR 1 --"} {
		if _, err := s.Outage(t.Context(), public, id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v", id, err)
		}
	}
}

func testEvents(t *testing.T, s *Store) {
	t.Helper()
	all, err := s.Events(t.Context(), private, OutagesQuery{})
	shown, publicErr := s.Events(t.Context(), public, OutagesQuery{})
	if err != nil || publicErr != nil || len(all) <= len(shown) || len(shown) < 2 {
		t.Fatalf("got %d records, %d of them for everybody: %v, %v", len(all), len(shown), err, publicErr)
	}
	for i, e := range shown {
		if strings.Contains(string(e.JSON), "secret") {
			t.Errorf("it tells of a private list: %s", e.JSON)
		}
		if i > 0 && e.DecidedAt.After(shown[i-1].DecidedAt) {
			t.Errorf("record %d was decided at %v, after the one before it", i, e.DecidedAt)
		}
	}
	one, err := s.Events(t.Context(), public, OutagesQuery{Codes: []string{"KP"}, Limit: 1})
	if err != nil || len(one) != 1 || one[0].Outage.Entity.Code != "KP" {
		t.Errorf("got %+v, %v", one, err)
	}
}

func testSeries(t *testing.T, s *Store) {
	t.Helper()
	got, err := s.Series(t.Context(), public, live.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "KP"}, at(0), at(240), 30*time.Minute)
	var line []string
	for _, p := range got.Points {
		if !p.Known {
			line = append(line, "-")
			continue
		}
		line = append(line, fmt.Sprintf("%s/%v", p.Visible.Space, p.LossPercent))
		if want := (bgp.Size{Prefixes: 4, Space: 400}); p.Usual != want {
			t.Errorf("usual at %v: got %+v, want %+v", p.At, p.Usual, want)
		}
	}
	if want := "4/0 0/100 4/0 4/0 4/0 - - 3/25"; err != nil || strings.Join(line, " ") != want || got.Step != 30*time.Minute {
		t.Errorf("got %q every %v, %v, want %q", line, got.Step, err, want)
	}
	if year, err := s.Series(t.Context(), public, got.Key, start, start.AddDate(1, 0, 0), time.Minute); err != nil || len(year.Points) > MaxPoints || year.Step < 4*time.Hour {
		t.Errorf("a year: got %d points, %v", len(year.Points), err)
	}
	if none, err := s.Series(t.Context(), public, live.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "X' OR 1"}, at(0), at(60), time.Minute); err != nil || slices.ContainsFunc(none.Points, func(p Point) bool { return p.Known }) {
		t.Errorf("nobody: got %v", err)
	}
}

func testWorld(t *testing.T, s *Store) {
	t.Helper()
	kp := live.Key{Family: bgp.IPv4, Type: bgp.EntityCountry, Code: "KP"}
	for _, tt := range []struct {
		n            int
		open, closed string
		loss         bgp.Decimal
		quiet        bool
	}{
		{10, "", "", 0, true},
		{30, "KP AS131279", "", 10000, false},
		{90, "", "AS131279 KP", 0, true},
		{150, "", "AS131279 KP", 0, false},
		{255, "192.0.2.0/24 TO", "AS131279 KP", 2500, false},
		{300, "TO", "192.0.2.0/24 AS131279 KP", 0, false},
	} {
		w, err := s.World(t.Context(), public, at(tt.n))
		if err != nil {
			t.Fatal(err)
		}
		open := codes(w.Open)
		v, _ := w.Value(kp)
		if open != tt.open || codes(w.Closed) != tt.closed || v.LossPercent != tt.loss || w.Quiet() != tt.quiet || !w.Past || w.Stale || !w.Until().Equal(at(tt.n)) {
			t.Errorf("minute %d: got open %q, closed %q, KP %+v, quiet %t", tt.n, open, codes(w.Closed), v, w.Quiet())
		}
	}
	if w, err := s.World(t.Context(), private, at(255)); err != nil || !strings.Contains(codes(w.Open), "secret") {
		t.Errorf("logged in: got %v", err)
	}
	if _, err := s.World(t.Context(), public, at(-60*24)); !errors.Is(err, ErrNotFound) {
		t.Errorf("before anything: got %v", err)
	}
	if end, err := s.End(t.Context(), public); err != nil || !end.Equal(at(390)) {
		t.Errorf("it ends at %v, %v", end, err)
	}
	if names, err := s.Datasets(t.Context(), public); err != nil || !slices.Equal(names, []string{"evidence", "test"}) {
		t.Errorf("datasets: %v, %v", names, err)
	}
}

func testSeed(t *testing.T, s *Store) {
	t.Helper()
	seed, err := s.Seed(t.Context(), "test", at(300))
	var values []string
	for _, v := range seed.Values {
		values = append(values, v.Code+" "+v.Visible.Space.String())
	}
	slices.Sort(values)
	if want := "192.0.2.0/24 0, KP 4, TO 7, secret 1"; err != nil || strings.Join(values, ", ") != want || len(seed.Outages) != 7 {
		t.Errorf("got %q, %d outages, %v, want %q", values, len(seed.Outages), err, want)
	}
}

// testShared checks that many equal questions in a window cost one statement, also if there is no
// answer, that another window costs another one, and that logged-in viewers share no answers with
// others.
func testShared(t *testing.T, s *Store, reg *prometheus.Registry) {
	t.Helper()
	asked := func() float64 {
		var m dto.Metric
		if err := s.metrics.questions.WithLabelValues(resultAsked).Write(&m); err != nil {
			t.Fatal(err)
		}
		return m.GetCounter().GetValue()
	}
	before := asked()
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			sc := Scope{Dataset: "test", Window: "shared", Private: i%2 == 0}
			got, err := s.Outages(t.Context(), sc, OutagesQuery{Limit: 7})
			if err != nil || sc.Private != strings.Contains(codes(got.Entries), "secret") {
				t.Errorf("got %q, %v", codes(got.Entries), err)
			}
			sc.Private = false
			if _, err := s.Outage(t.Context(), sc, "country-XX-ipv4-20261201T0000Z"); !errors.Is(err, ErrNotFound) {
				t.Errorf("an unknown outage: got %v", err)
			}
		})
	}
	all.Wait()
	if _, err := s.Outages(t.Context(), Scope{Dataset: "test", Window: "next"}, OutagesQuery{Limit: 7}); err != nil {
		t.Fatal(err)
	}
	if got := asked() - before; got != 4 {
		t.Errorf("got %v statements, want 4", got)
	}
	if all, err := reg.Gather(); err != nil || len(all) != 2 {
		t.Errorf("got %d metrics, %v", len(all), err)
	}
}

// testNoAnswer checks the errors without a store, with a store that is away, and with too many
// questions. Each error names its cause, and contains nothing of the statement.
func testNoAnswer(t *testing.T, server clickhouse.Server) {
	t.Helper()
	none := New(Config{WhyNone: "It is a test.", Log: slog.New(slog.DiscardHandler)})
	if _, err := none.Datasets(t.Context(), public); !errors.Is(err, ErrNoStore) || !strings.Contains(err.Error(), "It is a test.") {
		t.Errorf("no store: got %v", err)
	}
	wrong := server
	wrong.Database = "nothing"
	away, _ := newStore(wrong)
	if _, err := away.Datasets(t.Context(), public); err == nil || err.Error() != ErrAway.Error() {
		t.Errorf("away: got %v", err)
	}
	busy, _ := newStore(server)
	if !busy.slots.TryAcquire(MaxQueries) {
		t.Fatal("no place is free")
	}
	if _, err := busy.Datasets(t.Context(), public); !errors.Is(err, ErrBusy) {
		t.Errorf("busy: got %v", err)
	}
}

// TestCache checks that the least recently used answers go first, by number and by octets.
func TestCache(t *testing.T) {
	t.Parallel()
	c := newCache()
	for i := range maxAnswers + 10 {
		c.put(fmt.Sprint(i), i, 10)
		c.get("0")
	}
	if _, ok := c.get("0"); !ok || len(c.byKey) != maxAnswers || c.octets != maxAnswers*10 {
		t.Errorf("got %d answers, %d octets", len(c.byKey), c.octets)
	}
	if _, ok := c.get("1"); ok {
		t.Error("the oldest is there")
	}
	for i := range 10 {
		c.put(fmt.Sprint("big", i), i, maxOctets/4)
	}
	c.put("too big", 1, maxOctets)
	if _, ok := c.get("too big"); ok || c.octets > maxOctets || len(c.byKey) != 4 {
		t.Errorf("got %d answers, %d octets", len(c.byKey), c.octets)
	}
}

// TestNotFoundIsAskedAgain checks that a question without an answer is asked again after a short
// time, because the store may have the answer by then.
func TestNotFoundIsAskedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache()
		c.put("outage", ErrNotFound, 0)
		c.put("list", 1, 7)
		if _, ok := c.get("outage"); !ok {
			t.Error("it is asked at once")
		}
		time.Sleep(noneFor)
		if _, ok := c.get("outage"); ok {
			t.Errorf("it is not asked after %v", noneFor)
		}
		c.put("outage", 2, 5)
		time.Sleep(time.Hour)
		if got, _ := c.get("outage"); got != 2 || c.octets != 12 || len(c.byKey) != 2 || c.order.Len() != 2 {
			t.Errorf("got %v of %d answers with %d octets", got, len(c.byKey), c.octets)
		}
	})
}
