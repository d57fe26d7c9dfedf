package querystore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/query"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

var start = time.Date(2014, 12, 22, 16, 0, 0, 0, time.UTC)

// fill stores the rows of a sink for a country that is lost from 16:15 to 17:00 for three voters,
// of which two sent updates. The time of arrival is the present, because times to live count from
// it.
func fill(t *testing.T, s clickhouse.Server) {
	t.Helper()
	exec := func(format string, args ...any) {
		if err := s.Ask(t.Context(), strings.ReplaceAll(fmt.Sprintf(format, args...), "{{db}}", s.Database)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(d time.Duration) string { return start.Add(d).Format("2006-01-02 15:04:05") }
	for i, asn := range []int{64497, 64498, 64499} {
		exec(`INSERT INTO {{db}}.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, collector, peer_address, peer_asn, votes, idx, appended_at)
			VALUES ('test', '%s', 'ipv4', 'complete', 3, 1, 3, 1, true, '', 'file/c', '192.0.2.%d', %d, true, %d, now())`, at(0), i+1, asn, i)
	}
	row := 0
	change := func(d time.Duration, peer int, what, prefix string) {
		row++
		path, origin := "''", 0
		if what == "announce" {
			path, origin = fmt.Sprintf("'%d 4837 131279'", 64496+peer), 131279
		}
		exec(`INSERT INTO {{db}}.route_change_log (dataset, timestamp, collector, lane, sequence, peer_address, peer_asn, table, safi, type, prefix, as_path, origin_as, appended_at)
			VALUES ('test', '%s', 'file/c', 'file/x', %d, '192.0.2.%d', %d, 'pre', 'unicast', '%s', '%s', %s, %d, now())`, at(d), row, peer, 64496+peer, what, prefix, path, origin)
	}
	for peer := 1; peer <= 2; peer++ {
		change(time.Minute, peer, "announce", "175.45.176.0/24")
		change(time.Minute, peer, "announce", "175.45.176.0/20")
		change(15*time.Minute+time.Duration(peer)*time.Second, peer, "withdraw", "175.45.176.0/24")
		change(time.Hour, peer, "announce", "175.45.176.0/24")
	}
	visible := func(d time.Duration, kind, code string, space, usual int) {
		exec(`INSERT INTO {{db}}.visibility (dataset, timestamp, entity_type, entity_code, family, space, prefixes, baseline_space, baseline_prefixes, voters, appended_at)
			VALUES ('test', '%s', '%s', '%s', 'ipv4', %d, %d, %d, %d, 3, now())`, at(d), kind, code, space, space, usual, usual)
	}
	visible(15*time.Minute, "prefix", "175.45.176.0/24", 0, 1)
	visible(time.Hour, "prefix", "175.45.176.0/24", 1, 1)
	visible(time.Minute, "country", "KP", 4, 4)
	visible(15*time.Minute, "country", "KP", 3, 4)
	exec(`INSERT INTO {{db}}.visibility (dataset, timestamp, entity_type, entity_code, family, space, prefixes, baseline_space, baseline_prefixes, usual_space, usual_prefixes, voters, appended_at)
		VALUES ('test', '%s', 'country', 'TO', 'ipv4', 3, 3, 8, 8, 4, 4, 3, now())`, at(time.Minute))
	visible(time.Hour, "country", "KP", 4, 4)
	for _, e := range []struct{ kind, code string }{{"country", "KP"}, {"prefix", "175.45.176.0/24"}} {
		for seq, state := range []bgp.State{bgp.StateOpen, bgp.StateClosed} {
			var typ bgp.EntityType
			if err := typ.UnmarshalText([]byte(e.kind)); err != nil {
				t.Fatal(err)
			}
			begin, end := start.Add(15*time.Minute), start.Add(time.Hour)
			o := bgp.Outage{
				ID: bgp.OutageID(typ, e.code, bgp.IPv4, begin), Kind: bgp.KindOutage, State: state, Family: "ipv4", Entity: bgp.Entity{Type: typ, Code: e.code}, Start: begin,
				Severity: bgp.SeverityMinor, Baseline: bgp.Size{Prefixes: 4, Space: 400}, LostPrefixes: []string{"175.45.176.0/24"}, Origins: []bgp.AS{{ASN: 131279}},
			}
			if state == bgp.StateClosed {
				o.End, o.EndReason = &end, bgp.EndRecovered
			}
			b, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			exec(`INSERT INTO {{db}}.outage_events (dataset, id, sequence, decided_at, state, family, entity_type, entity_code, start, json)
				VALUES ('test', '%s', %d, '%s', '%s', 'ipv4', '%s', '%s', '%s', '%s')`, o.ID, seq+1, at(20*time.Minute+time.Duration(seq)*45*time.Minute), state, e.kind, e.code, at(15*time.Minute), b)
		}
	}
}

// line returns an answer in short form.
func line(a query.Answer) string {
	f := a.Families[0]
	out := ""
	if p := f.Prefix; p != nil {
		out = fmt.Sprintf("%s %s held %d gone %d silent %d of %d", p.Prefix, p.State, p.HeldBy, p.GoneFrom, p.Silent, p.Voters)
		for _, h := range append(p.Upstreams, p.LastUpstreams...) {
			out += fmt.Sprintf(" via %d(%d)", h.ASN, h.Voters)
		}
	}
	for _, c := range f.Covering {
		out += " under " + c.Prefix
	}
	if e := f.Entity; e != nil {
		out = fmt.Sprintf("visible %d of %d, lost %d", e.Visible.Prefixes, e.Usual.Prefixes, e.LostPrefixesTotal)
		for _, l := range e.LostPrefixes {
			out += " " + l.Prefix
		}
	}
	for _, o := range a.Outages {
		out += fmt.Sprintf(" %s", o.State)
	}
	return out
}

// TestStore asks a real ClickHouse for the state before, in and after an outage.
func TestStore(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Server(t)
	fill(t, server)
	s := New(server.AsReader())
	got := map[string]string{}
	for _, what := range []string{"175.45.176.0/24", "175.45.176.7", "KP", "TO", "ZZ", "AS131279", "198.51.100.0/24"} {
		for _, minutes := range []int{10, 30, 65} {
			q, err := query.Parse(what)
			if err != nil {
				t.Fatal(err)
			}
			a, err := s.Answer(t.Context(), q, "test", start.Add(time.Duration(minutes)*time.Minute), 10)
			if err != nil {
				t.Fatal(err)
			}
			got[fmt.Sprintf("%s %d", what, minutes)] = line(a)
		}
	}
	want := map[string]string{
		"175.45.176.0/24 10": "175.45.176.0/24 unknown held 2 gone 0 silent 1 of 3 via 4837(2) under 175.45.176.0/20",
		"175.45.176.0/24 30": "175.45.176.0/24 lost held 0 gone 2 silent 1 of 3 via 4837(2) under 175.45.176.0/20 open",
		"175.45.176.0/24 65": "175.45.176.0/24 visible held 2 gone 0 silent 1 of 3 via 4837(2) under 175.45.176.0/20 closed",
		"175.45.176.7 10":    "175.45.176.0/24 unknown held 2 gone 0 silent 1 of 3 via 4837(2) under 175.45.176.0/20",
		"175.45.176.7 30":    "175.45.176.0/24 lost held 0 gone 2 silent 1 of 3 via 4837(2) under 175.45.176.0/20 open",
		"175.45.176.7 65":    "175.45.176.0/24 visible held 2 gone 0 silent 1 of 3 via 4837(2) under 175.45.176.0/20 closed",
		"KP 10":              "visible 4 of 4, lost 0",
		"KP 30":              "visible 3 of 4, lost 1 175.45.176.0/24 open",
		"KP 65":              "visible 4 of 4, lost 0 closed",
		"TO 10":              "visible 3 of 4, lost 5", "TO 30": "visible 3 of 4, lost 5", "TO 65": "visible 3 of 4, lost 5", // 8 are known
		"ZZ 10": "", "ZZ 30": "", "ZZ 65": "", "AS131279 10": "", "AS131279 30": "", "AS131279 65": "",
		"198.51.100.0/24 10": "198.51.100.0/24 unknown held 0 gone 0 silent 3 of 3",
		"198.51.100.0/24 30": "198.51.100.0/24 unknown held 0 gone 0 silent 3 of 3",
		"198.51.100.0/24 65": "198.51.100.0/24 unknown held 0 gone 0 silent 3 of 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	checkRecords(t.Context(), t, s)
}

// checkRecords asks for records, ends and names.
func checkRecords(ctx context.Context, t *testing.T, s *Store) {
	t.Helper()
	end, err := s.End(ctx, "test")
	if want := start.Add(65 * time.Minute); err != nil || !end.Equal(want) {
		t.Errorf("it ends at %v %v, want %v", end, err, want)
	}
	if end, err := s.End(ctx, "other"); err != nil || !end.IsZero() {
		t.Errorf("another dataset ends at %v %v", end, err)
	}
	if names, err := s.Datasets(ctx); err != nil || !cmp.Equal(names, []string{"test"}) {
		t.Errorf("datasets %v %v", names, err)
	}
	record, err := s.Record(ctx, "test", "country-KP-ipv4-20141222T1615Z", end)
	if err != nil || !strings.Contains(string(record), `"state":"closed"`) {
		t.Errorf("the record: %s %v", record, err)
	}
	record, err = s.Record(ctx, "test", "country-KP-ipv4-20141222T1616Z", end)
	if err != nil || record != nil {
		t.Errorf("another outage's record: %s %v", record, err)
	}
}
