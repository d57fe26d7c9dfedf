package clickhouse_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// inexactFinal is the setting under which FINAL reads only those rows that a skip index finds. A
// row that the index finds is then in the answer even if another part replaces it, unless the index
// finds the row of that part, too.
const inexactFinal = "use_skip_indexes_if_final_exact_mode = 0"

// replacedRows inserts rows, and in another part newer versions of every 50th of them. The versions
// have the same position, time and prefix. They differ in all other columns of prefix_changes.
// Every 60th position comes again with another prefix.
var replacedRows = []string{
	replacedRow + `'192.0.2.1', 64500, 'pre', 0, 'unicast', 'announce', concat('10.', toString(intDiv(number, 250)), '.', toString(number % 250), '.0/24') AS prefix,
		'64500 64501', 64501, toDateTime('2026-11-30 10:00:00') FROM numbers(20000)`,
	replacedRow + `'192.0.2.2', 64502, 'post', 1, 'multicast', 'withdraw', concat('10.', toString(intDiv(number, 250)), '.', toString(number % 250), '.0/24') AS prefix,
		'', 0, toDateTime('2026-11-30 11:00:00') FROM numbers(20000) WHERE number % 50 = 0`,
	replacedRow + `'192.0.2.1', 64500, 'pre', 0, 'unicast', 'announce', concat('10.', toString(intDiv(number, 250)), '.', toString(number % 250), '.0/25') AS prefix,
		'64500 64501', 64501, toDateTime('2026-11-30 10:00:00') FROM numbers(20000) WHERE number % 60 = 0`,
}

const replacedRow = `INSERT INTO darkmap.route_change_log
	(dataset, timestamp, collector, lane, epoch, sequence, idx, peer_address, peer_asn, table, path_id, safi, type, prefix, as_path, origin_as, appended_at)
	SELECT 'd', toDateTime64('2026-11-30 10:00:00', 6, 'UTC'), 'ris/rrc00', 'live', 1, number, 0, `

// TestIndexUnderFinal: the setting inexactFinal of prefix_history changes no answer, although parts
// replace rows of other parts. The index of the view's table is by the prefix, and rows that
// replace each other have the same prefix. A table with an index by another column shows that the
// test would find a wrong answer.
func TestIndexUnderFinal(t *testing.T) {
	t.Parallel()
	s := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: t.TempDir() + "/clickhouse"}).Server()
	run := func(sql string) string {
		t.Helper()
		got, err := answer(t, s, sql)
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return strings.TrimSpace(got)
	}
	if got, want := run(`SELECT name, extract(create_table_query, 'FROM darkmap\\.(\\w+) FINAL') FROM system.tables
		WHERE database = 'darkmap' AND engine = 'View' AND position(create_table_query, '`+inexactFinal+`') > 0`),
		"prefix_history\tprefix_changes"; got != want {
		t.Fatalf("views with %s: got %q, want %q", inexactFinal, got, want)
	}
	for _, sql := range []string{
		"CREATE TABLE darkmap.by_origin AS darkmap.prefix_changes",
		"ALTER TABLE darkmap.by_origin ADD INDEX by_origin origin_as TYPE bloom_filter(0.001) GRANULARITY 1",
		"SYSTEM STOP MERGES darkmap.prefix_changes", "SYSTEM STOP MERGES darkmap.by_origin",
	} {
		run(sql)
	}
	for _, sql := range replacedRows {
		run(sql)
	}
	for n := range replacedRows { // in the order of their parts, as the view has made them
		run(fmt.Sprintf(`INSERT INTO darkmap.by_origin SELECT * FROM darkmap.prefix_changes WHERE _part IN
			(SELECT name FROM system.parts WHERE table = 'prefix_changes' AND active ORDER BY min_block_number LIMIT %d, 1)`, n))
	}

	// differing returns those values of the expressions of a table's indexes for which the answers
	// differ.
	differing := func(table string) (values []string) {
		t.Helper()
		indexes := strings.Fields(run("SELECT expr FROM system.data_skipping_indices WHERE database = 'darkmap' AND table = '" + table + "'"))
		if len(indexes) == 0 {
			t.Fatalf("%s has no index", table)
		}
		for _, expr := range indexes {
			for value := range strings.Lines(run(fmt.Sprintf(
				"SELECT DISTINCT toString(%s) FROM darkmap.%s WHERE sequence IN (0, 50, 60, 300, 19980) ORDER BY 1", expr, table))) {
				value = strings.TrimSpace(value)
				question := fmt.Sprintf("SELECT count(), sum(cityHash64(*)) FROM darkmap.%s FINAL WHERE dataset = 'd' AND %s = '%s' SETTINGS ", table, expr, value)
				if run(question+inexactFinal) != run(question+"use_skip_indexes = 0") {
					values = append(values, expr+" = "+value)
				}
			}
		}
		return values
	}
	if got := differing("prefix_changes"); len(got) > 0 {
		t.Errorf("%s makes answers of prefix_changes wrong: %v", inexactFinal, got)
	}
	if got := differing("by_origin"); len(got) == 0 {
		t.Error("the test does not find the wrong answers of an index by a column that changes")
	}

	const question = "FROM darkmap.prefix_history WHERE dataset = 'd' AND prefix = '10.1.50.0/24'"
	if got, want := run("SELECT type, peer_asn, origin_as "+question), "withdraw\t64502\t0"; got != want {
		t.Errorf("a replaced row: got %q, want the newer version, %q", got, want)
	}
	used := regexp.MustCompile(`(?s)Name: by_prefix.*?Granules: (\d+)/(\d+)`).FindStringSubmatch(
		run("SELECT explain FROM (EXPLAIN indexes = 1 SELECT type " + question + ") WHERE match(explain, 'Name: |Granules: ')"))
	if used == nil || used[1] == used[2] {
		t.Errorf("the view's query does not use the index by_prefix: %q", used)
	}
}
