package clickhouse_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// boundRows holds a prefix that a peer announces every 100 microseconds from 11:59:57 to 12:00:03,
// which gives several granules a second, and an entity with one row per second.
var boundRows = []string{
	`INSERT INTO darkmap.route_change_log (dataset, timestamp, collector, lane, sequence, peer_address, peer_asn, table, safi, type, prefix, as_path, origin_as, appended_at)
	SELECT 'bounds', toDateTime64('2026-11-30 11:59:57', 6, 'UTC') + toIntervalMicrosecond(100 * number), 'ris/rrc00', 'live', number, '192.0.2.1', 64500, 'pre', 'unicast', 'announce', '198.51.100.0/24', '64500 64501', 64501, now()
	FROM numbers(60000)`,
	`INSERT INTO darkmap.visibility (dataset, timestamp, entity_type, entity_code, family, space, appended_at)
	SELECT 'bounds', toDateTime('2026-11-30 11:59:57', 'UTC') + number, 'country', 'KP', 'ipv4', number, now() FROM numbers(6)`,
}

// boundCounts counts rows of views between two bounds. All rows are in boundsOf(0, 6).
var boundCounts = map[string]string{
	"prefixes_containing": "SELECT count() FROM darkmap.prefixes_containing(dataset = 'bounds', address = '198.51.100.7', %s)",
	"prefixes_within":     "SELECT count() FROM darkmap.prefixes_within(dataset = 'bounds', prefix = '198.51.0.0/16', %s)",
	"prefix_minutes":      "SELECT sum(announcements) FROM darkmap.prefix_minutes(dataset = 'bounds', prefix = '198.51.100.0/24', step = 1, %s)",
	"entity_minutes":      "SELECT countIf(minute = row_at) FROM darkmap.entity_minutes(dataset = 'bounds', entity_type = 'country', entity_code = 'KP', family = 'ipv4', step = 1, %s)",
}

func boundsOf(from, to int) string {
	at := func(second int) string {
		return time.Date(2026, 11, 30, 11, 59, 57+second, 0, time.UTC).Format("'2006-01-02 15:04:05'")
	}
	return "from = " + at(from) + ", to = " + at(to)
}

// count runs a query that returns one number.
func count(t *testing.T, s clickhouse.Server, sql string) int {
	t.Helper()
	text, err := answer(t, s, strings.ReplaceAll(sql, "darkmap.", s.Database+"."))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// boundsAreExact: for any bound in the middle, the rows before it and those from it on add up to
// all rows, in every view with bounds.
func boundsAreExact(t *testing.T, s clickhouse.Server) {
	t.Helper()
	for _, sql := range boundRows {
		must(t, open(t, s), strings.ReplaceAll(sql, "darkmap.", s.Database+"."))
	}
	bounded := list(t, open(t, s), "SELECT name FROM system.tables WHERE database = ? AND as_select LIKE '%{to:%' ORDER BY name", s.Database)
	if names := slices.Sorted(maps.Keys(boundCounts)); !slices.Equal(names, bounded) {
		t.Errorf("views with bounds are %v, and %v are tested", bounded, names)
	}
	for name, sql := range boundCounts {
		all := count(t, s, fmt.Sprintf(sql, boundsOf(0, 6)))
		if want := map[bool]int{true: 6, false: 60_000}[name == "entity_minutes"]; all != want {
			t.Errorf("%s: got %d rows, want %d", name, all, want)
		}
		for between := 1; between < 6; between++ {
			before, after := count(t, s, fmt.Sprintf(sql, boundsOf(0, between))), count(t, s, fmt.Sprintf(sql, boundsOf(between, 6)))
			if before+after != all {
				t.Errorf("%s: got %d rows in 6 s, but %d in the first %d s and %d in the others", name, all, before, between, after)
			}
		}
	}
}

// timesAreExact compares a column of microseconds with each kind of time, with and without an
// index. Times in microseconds return the same rows. InexactTimes reports the kinds that do not.
func timesAreExact(t *testing.T, s clickhouse.Server) {
	t.Helper()
	const right, lost = true, false
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	rows := "FROM darkmap.prefix_changes WHERE dataset = 'bounds' AND begin = toIPv6('198.51.100.0') AND length = 24 AND "
	for at, always := range map[string]bool{
		clickhouse.QuoteTime(noon): right, "'2026-11-30 12:00:00'": right, "toDateTime64(toDateTime('2026-11-30 12:00:00', 'UTC'), 6, 'UTC')": right, "fromUnixTimestamp64Micro(1796040000000000, 'UTC')": right,
		"toDateTime('2026-11-30 12:00:00', 'UTC')": lost, "fromUnixTimestamp(1796040000)": lost, "toDateTime('2026-11-30 13:00:00', 'UTC') - INTERVAL 1 HOUR": lost, "1796040000": lost,
		"(SELECT max(timestamp) + 3 FROM darkmap.visibility WHERE dataset = 'bounds' AND space = 0)": lost,
	} {
		for form, strict := range map[string]bool{
			"timestamp < %s": true, "%s > timestamp": true, "timestamp > %s": true, "NOT timestamp >= %s": true, "timestamp NOT BETWEEN %[1]s AND %[1]s": true,
			"timestamp <= %s": false, "timestamp >= %s": false, "timestamp BETWEEN %[1]s AND %[1]s": false,
		} {
			compare := fmt.Sprintf(form, at)
			indexed, scanned := count(t, s, "SELECT count() "+rows+compare), count(t, s, "SELECT countIf("+compare+") "+rows+"1")
			found := clickhousetest.InexactTimes(t, s, strings.ReplaceAll("SELECT count() "+rows+compare, "darkmap.", s.Database+"."), nil)
			if indexed != scanned && (always || !strict) {
				t.Errorf("%s: got %d rows with an index and %d without", compare, indexed, scanned)
			}
			if want := strict && !always; want != (len(found) > 0) {
				t.Errorf("%s: InexactTimes says %q, and that rows are left out is %t", compare, found, want)
			}
			t.Logf("%s: %d rows with an index, %d without", compare, indexed, scanned)
		}
	}
}

// viewsAreExact: no view compares a time in microseconds with one in seconds.
func viewsAreExact(t *testing.T, s clickhouse.Server) {
	t.Helper()
	const noon = "2026-11-30 12:00:00"
	params := map[string]string{
		"dataset": "d", "from": noon, "to": noon, "at": noon, "step": "60", "address": "198.51.100.7", "prefix": "198.51.100.0/24", "country": "KP", "origin": "64501",
		"entity_type": "country", "entity_code": "KP", "family": "ipv4",
	}
	conn := open(t, s)
	for _, name := range list(t, conn, "SELECT name FROM system.tables WHERE database = ? AND as_select != '' ORDER BY name", s.Database) {
		sql := list(t, conn, "SELECT as_select FROM system.tables WHERE database = ? AND name = ?", s.Database, name)[0]
		for _, types := range clickhousetest.InexactTimes(t, s, sql, params) {
			t.Errorf("view %s compares by < or > %s: compare with toDateTime64(..., 6, 'UTC')", name, types)
		}
	}
}
