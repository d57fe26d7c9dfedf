package sink

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestRefill checks an insert that was cut short: it is in a table but not in its copies. Rows from
// its offset on are copied again. A row that is copied twice must be one row.
func TestRefill(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	st := &store{server: s, dataset: "d", pieceLimit: pieceLimit}
	if err := st.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.close() })
	since := time.Now().Add(-time.Minute)
	for _, sql := range []string{
		`INSERT INTO {db}.route_change_log (dataset, timestamp, sequence, repeats, prefix, topic, partition, offset, appended_at)
			SELECT if(number = 9, 'other', 'd'), now64(6) - 86400 * 60 * number, number, number = 8, '198.51.100.0/24', 'bgp.routes.v1', number = 7, number, now() FROM numbers(10) SETTINGS max_partitions_per_insert_block = 0`,
		`INSERT INTO {db}.visibility (dataset, timestamp, entity_code, space, topic, offset, appended_at) SELECT 'd', now() - 3600 * number, 'KP', 4, 'bgp.visibility.v1', number, now() FROM numbers(5)`,
		`INSERT INTO {db}.prefix_states (dataset, begin, length, timestamp, origins, places, topic, offset, appended_at)
			SELECT 'd', '198.51.100.0', 24, now() - 3600 * number, [64500, 64501], [('KP', 'KP-01', 1), ('CN', '', 2), ('KP', '', 4)], 'bgp.prefixes.v1', number, now() FROM numbers(5)`,
		`INSERT INTO {db}.outage_events (dataset, id, sequence, topic, offset, appended_at) SELECT 'd', toString(intDiv(number, 2)), number, 'bgp.outages.v1', number, now() FROM numbers(8)`,
		`INSERT INTO {db}.panel (dataset, timestamp, idx, position_sequence, topic, offset, appended_at) SELECT 'd', now64(6) - number, number % 2, number, 'bgp.panel.v1', number, now() FROM numbers(8)`,
		`INSERT INTO {db}.feeds (dataset, timestamp, collector, event, position_sequence, topic, offset, appended_at) SELECT 'd', now64(6) - number, toString(number % 3), if(number = 4, 'up', 'status'), number, 'bgp.feeds.v1', number, now() FROM numbers(8)`,
		`TRUNCATE TABLE {db}.prefix_changes`, `TRUNCATE TABLE {db}.visibility_hours`, `TRUNCATE TABLE {db}.prefix_origins`, `TRUNCATE TABLE {db}.prefix_countries`, `TRUNCATE TABLE {db}.outage_newest`, `TRUNCATE TABLE {db}.panel_verdicts`, `TRUNCATE TABLE {db}.feed_newest`,
	} {
		if err := st.conn.Exec(t.Context(), st.sql(sql)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, table := range tables {
			if err := st.refill(newPartition(t.Context(), table, "topic", 0), 2, since).all(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for sql, want := range map[string]uint64{
		"SELECT count() FROM {db}.prefix_changes FINAL":                       5, // 2 to 6
		"SELECT count() FROM {db}.visibility_hours FINAL":                     3,
		"SELECT toUInt64(sum(origin - 64499)) FROM {db}.prefix_origins FINAL": 3 * (1 + 2),
		"SELECT toUInt64(sum(space)) FROM {db}.prefix_countries FINAL":        3 * (5 + 2),
		"SELECT count() FROM {db}.route_change_log":                           10,
		"SELECT sum(sequence) FROM {db}.outages":                              3 + 5 + 7,
		"SELECT count() FROM {db}.panel_history":                              3,
		"SELECT min(messages + 1) * count() FROM {db}.feed_status":            3,
	} {
		if got := one[uint64](t, st.conn, st.sql(sql)); got != want {
			t.Errorf("%s: got %d, want %d", sql, got, want)
		}
	}
}

// TestRefillInPieces checks a sink whose committed offsets are gone: it starts at the first record,
// and the rows of the whole table are copied again, which takes much longer than one piece may
// take. Other partitions must not wait, and the partition's records must be stored in the end.
func TestRefillInPieces(t *testing.T) {
	t.Parallel()
	const limit, rows = 500 * time.Millisecond, 100
	server := clickhousetest.Server(t)
	k := kafkatest.New(t, 1)
	s := idleStage(t, k, server)
	s.store.pieceLimit = limit
	if err := s.store.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.store.close() //nolint:errcheck // a test's connection
	for _, sql := range []string{
		`INSERT INTO {db}.feeds (dataset, timestamp, position_collector, position_lane, position_sequence, topic, offset, appended_at)
			SELECT 'test', now64(6), 'c', 'live', number + 1, 'bgp.feeds.v1', number, now() - 60 * (100 - number) FROM numbers(100)`,
		`CREATE TABLE {db}.slow_copy (offset Int64, slept UInt8) ENGINE = MergeTree ORDER BY offset`,
		`CREATE MATERIALIZED VIEW {db}.slow_view TO {db}.slow_copy AS SELECT offset, sleepEachRow(0.02) AS slept FROM {db}.feeds`,
	} {
		if err := s.store.conn.Exec(t.Context(), s.store.sql(sql)); err != nil {
			t.Fatal(err)
		}
	}
	feeds, routes := k.Topic(schemas.TopicFeeds), k.Topic(schemas.TopicRoutes)
	s.assigned(t.Context(), s.client, map[string][]int32{feeds: {0}, routes: {0}})
	p, other := s.partitions[feeds][0], s.partitions[routes][0]
	since := time.Now().Add(-2 * time.Hour)

	whole := s.store.refill(p, 0, since)
	if err := whole.list(t.Context()); err != nil {
		t.Fatal(err)
	}
	limited, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := whole.piece(limited, time.Time{}, true); err == nil {
		t.Fatalf("all rows were copied within %v: the test shows nothing", limit)
	}

	pos := bgp.Position{Collector: "c", Lane: bgp.LaneLive, Sequence: 1}
	old := record(t, k, schemas.TopicFeeds, "c", &pb.FeedRecord{Position: codec.Position(pos), Collector: "c", TimestampUs: 1})
	old.Timestamp = since
	change := record(t, k, schemas.TopicRoutes, "c", routeRecord(pos, 0, 1))
	change.Timestamp = time.Now()
	polled := kgo.Fetches{{Topics: []kgo.FetchTopic{
		{Topic: feeds, Partitions: []kgo.FetchPartition{{Records: []*kgo.Record{old}}}},
		{Topic: routes, Partitions: []kgo.FetchPartition{{Records: []*kgo.Record{change}}}},
	}}}
	waits := func(p *partition) bool {
		began := time.Now()
		if err := s.step(t.Context(), polled); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > lookLimit {
			t.Errorf("a step took %v", took)
		}
		polled = nil
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(p.backlog) > 0
	}
	for waits(other) {
		time.Sleep(20 * time.Millisecond)
	}
	if !waits(p) {
		t.Error("the record of the partition that is copied did not wait")
	}
	<-p.completed
	if waits(p) {
		t.Error("the record still waits after all rows were copied")
	}
	if got := one[uint64](t, s.store.conn, s.store.sql("SELECT uniqExact(offset) FROM {db}.slow_copy")); got != rows {
		t.Errorf("copied: got %d rows, want %d", got, rows)
	}
	<-other.completed
}
