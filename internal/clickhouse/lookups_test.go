package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// ases returns n ASes from 64496 on. Their names begin with that of the snapshot.
func ases(snapshot string, n int, simulated bool) clickhouse.Lookups {
	return clickhouse.Lookups{ASes: clickhouse.Lookup[clickhouse.LookupAS]{Snapshot: snapshot, Simulated: simulated, Rows: func(yield func(clickhouse.LookupAS) bool) {
		for i := range n {
			if !yield(clickhouse.LookupAS{ASN: 64496 + uint32(i), Name: fmt.Sprint(snapshot, i), Country: "KP"}) {
				return
			}
		}
	}}}
}

// lookupStore is a migrated database with filled tables lookup_*.
type lookupStore struct {
	t      *testing.T
	server clickhouse.Server
}

// fill fills the tables, and compares the result of FillLookups with want.
func (l lookupStore) fill(want clickhouse.Lookups, filled ...string) {
	l.t.Helper()
	got, err := clickhouse.FillLookups(l.t.Context(), l.server, "test", want, nil)
	var said []string
	for _, f := range got {
		said = append(said, f.String())
	}
	if err != nil || !slices.Equal(said, filled) {
		l.t.Errorf("filled %q, %v; want %q", said, err, filled)
	}
}

// shows compares the answer to a query of the reader.
func (l lookupStore) shows(sql, want string) {
	l.t.Helper()
	got, err := answer(l.t, l.server.AsReader(), strings.ReplaceAll(sql, "darkmap.", l.server.Database+"."))
	if err != nil || strings.TrimSpace(got) != want {
		l.t.Errorf("%s: %q, %v; want %q", sql, got, err, want)
	}
}

const (
	nameOf = "SELECT dictGet('darkmap.as_info', 'name', 64496)"
	stored = "SELECT arraySort(groupUniqArray(snapshot)), count() FROM darkmap.lookup_ases"
)

// TestFillLookups: a fill replaces all rows of the previous one, also beside another process. The
// dictionaries show it at once.
func TestFillLookups(t *testing.T) {
	t.Parallel()
	l := lookupStore{t, clickhousetest.Server(t)}
	l.fill(clickhouse.Lookups{})
	l.shows(nameOf, "")
	l.fill(ases("demo", 3, true), "table lookup_ases was filled: 3 rows")
	l.shows(nameOf, "demo0")
	l.fill(ases("a", 70_000, false), "table lookup_ases was filled: 70000 rows") // in two blocks
	l.fill(ases("a", 70_000, false))
	l.fill(ases("demo", 3, true)) // made-up rows replace no real ones
	l.shows(nameOf, "a0")
	l.shows(stored, "['a']\t70000")
	l.fill(ases("b", 2, false), "table lookup_ases was filled: 2 rows")
	l.shows(nameOf, "b0")
	l.shows(stored, "['b']\t2")
	l.shows("SELECT dictGet('darkmap.as_info', 'name', 64498)", "") // only the older one had it
	l.interrupted()
	l.twoProcesses()
	l.fill(clickhouse.Lookups{
		Countries: lookupOf("x", clickhouse.LookupCountry{Code: "KP", Name: "North Korea", Continent: "Asia", Neighbours: []string{"CN", "KR", "RU"}}),
		Regions:   lookupOf("x", clickhouse.LookupRegion{Code: "KP-01", Name: "Pyongyang", Country: "KP"}),
		Prefixes:  lookupOf("x", clickhouse.LookupPrefix{Prefix: "2001:db8::/32", Origin: 64500, Country: "KP"}, clickhouse.LookupPrefix{Prefix: "192.0.2.0/24", Origin: 64501}),
	}, "table lookup_countries was filled: 1 row", "table lookup_regions was filled: 1 row", "table lookup_prefixes was filled: 2 rows")
	l.shows("SELECT dictGet('darkmap.country_info', ('name', 'continent', 'neighbours'), 'KP'), dictGet('darkmap.region_info', 'name', 'KP-01')", "('North Korea','Asia',['CN','KR','RU'])\tPyongyang")
	l.shows("SELECT dictGet('darkmap.prefix_info', 'country', toIPv6('2001:db8::1')), dictGet('darkmap.prefix_info', 'origin', toIPv4('192.0.2.7'))", "KP\t64501")
}

// interrupted ends a fill after a block. The rows of snapshot b stay, and the next fill of the same
// snapshot removes the partial rows.
func (l lookupStore) interrupted() {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	half := ases("c", 200_000, false)
	rows := half.ASes.Rows
	half.ASes.Rows = func(yield func(clickhouse.LookupAS) bool) {
		n := 0
		for r := range rows {
			if n++; n == 100_000 {
				cancel()
			}
			if !yield(r) {
				return
			}
		}
	}
	if _, err := clickhouse.FillLookups(ctx, l.server, "test", half, nil); !errors.Is(err, context.Canceled) {
		l.t.Errorf("got %v", err)
	}
	l.shows(nameOf, "b0")
	l.fill(ases("c", 2, false), "table lookup_ases was filled: 2 rows")
	l.shows(stored, "['c']\t2")
}

// twoProcesses fills two snapshots at once. One of them remains, whole.
func (l lookupStore) twoProcesses() {
	l.t.Helper()
	var both sync.WaitGroup
	for _, snapshot := range []string{"d", "e"} {
		both.Go(func() {
			if _, err := clickhouse.FillLookups(l.t.Context(), l.server, snapshot, ases(snapshot, 100_000, false), nil); err != nil {
				l.t.Error(err)
			}
		})
	}
	both.Wait()
	l.shows("SELECT uniqExact(snapshot), count(), any(snapshot) = (SELECT argMax(snapshot, filled_at) FROM darkmap.lookup_snapshots WHERE lookup = 'ases') FROM darkmap.lookup_ases", "1\t100000\t1")
	l.shows("SELECT dictGet('darkmap.as_info', 'name', 64496) = any(name) FROM darkmap.lookup_ases WHERE asn = 64496", "1")
}

// TestLookupsOnCluster: the server can parse the statements of a fill for a cluster.
func TestLookupsOnCluster(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	for _, sql := range []string{"SYSTEM SYNC REPLICA ON CLUSTER c d.lookup_ases", "SYSTEM RELOAD DICTIONARY ON CLUSTER c d.as_info", "ALTER TABLE d.lookup_ases ON CLUSTER c DROP PARTITION 'x'"} {
		if _, err := answer(t, s, "EXPLAIN AST "+sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

func lookupOf[R any](snapshot string, rows ...R) clickhouse.Lookup[R] {
	return clickhouse.Lookup[R]{Snapshot: snapshot, Rows: slices.Values(rows)}
}
