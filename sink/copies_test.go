package sink

import (
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestRefill checks an insert that was cut short: it is in a table but not in its copies. Rows from
// its offset on are copied again. A row that is copied twice must be one row.
func TestRefill(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	st := &store{server: s, dataset: "d"}
	if err := st.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.close() })
	since := time.Now().Add(-time.Minute)
	for _, sql := range []string{
		`INSERT INTO {db}.route_change_log (dataset, timestamp, sequence, repeats, prefix, topic, partition, offset, appended_at)
			SELECT if(number = 9, 'other', 'd'), now64(6) - 86400 * 60 * number, number, number = 8, '198.51.100.0/24', 'bgp.routes.v1', number = 7, number, now() FROM numbers(10) SETTINGS max_partitions_per_insert_block = 0`,
		`INSERT INTO {db}.visibility (dataset, timestamp, entity_code, space, topic, offset, appended_at) SELECT 'd', now() - 3600 * number, 'KP', 4, 'bgp.visibility.v1', number, now() FROM numbers(5)`,
		`INSERT INTO {db}.outage_events (dataset, id, sequence, topic, offset, appended_at) SELECT 'd', toString(intDiv(number, 2)), number, 'bgp.outages.v1', number, now() FROM numbers(8)`,
		`INSERT INTO {db}.panel (dataset, timestamp, idx, position_sequence, topic, offset, appended_at) SELECT 'd', now64(6) - number, number % 2, number, 'bgp.panel.v1', number, now() FROM numbers(8)`,
		`INSERT INTO {db}.feeds (dataset, timestamp, collector, event, position_sequence, topic, offset, appended_at) SELECT 'd', now64(6) - number, toString(number % 3), if(number = 4, 'up', 'status'), number, 'bgp.feeds.v1', number, now() FROM numbers(8)`,
		`TRUNCATE TABLE {db}.prefix_changes`, `TRUNCATE TABLE {db}.visibility_hours`, `TRUNCATE TABLE {db}.outage_newest`, `TRUNCATE TABLE {db}.panel_verdicts`, `TRUNCATE TABLE {db}.feed_newest`,
	} {
		if err := st.conn.Exec(t.Context(), st.sql(sql)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, table := range tables {
			if err := st.refill(t.Context(), newPartition(t.Context(), table, "topic", 0), 2, since); err != nil {
				t.Fatal(err)
			}
		}
	}
	for sql, want := range map[string]uint64{
		"SELECT count() FROM {db}.prefix_changes FINAL":            5, // 2 to 6
		"SELECT count() FROM {db}.visibility_hours FINAL":          3,
		"SELECT count() FROM {db}.route_change_log":                10,
		"SELECT sum(sequence) FROM {db}.outages":                   3 + 5 + 7,
		"SELECT count() FROM {db}.panel_history":                   3,
		"SELECT min(messages + 1) * count() FROM {db}.feed_status": 3,
	} {
		if got := one[uint64](t, st.conn, st.sql(sql)); got != want {
			t.Errorf("%s: got %d, want %d", sql, got, want)
		}
	}
}
