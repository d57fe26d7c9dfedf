package verify_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
	"github.com/darkmap/darkmap/sink"
	"github.com/darkmap/darkmap/sink/verify"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

const perRecord = 3 // rows of a route record

// fill writes records of two topics, each of them twice.
func fill(t *testing.T, k kafka.Config) {
	t.Helper()
	cl, err := kafka.NewClient(k, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var all []*kgo.Record
	add := func(topic, key string, m interface{ MarshalVT() ([]byte, error) }) {
		b, err := m.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			all = append(all, &kgo.Record{Topic: k.Topic(topic), Key: []byte(key), Value: b})
		}
	}
	begin := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for i := range uint64(200) {
		collector := fmt.Sprintf("ris/rrc%02d", i%3)
		c := &pb.RouteChanges{Peer: codec.Peer(bgp.Peer{Address: netip.MustParseAddr("192.0.2.1"), ASN: 64496}, netip.Addr{}), AsPath: []*pb.PathSegment{{Type: 2, Asns: []uint32{64496, 64511}}}, OriginAs: 64511}
		for j := range byte(perRecord) {
			c.Announced = append(c.Announced, &pb.Route{Prefix: codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), j, 0}), 24))})
		}
		at := begin.Add(time.Duration(i) * time.Minute)
		add(schemas.TopicRoutes, collector, &pb.RouteRecord{
			Position: codec.Position(bgp.Position{Collector: collector, Lane: bgp.LaneLive, Epoch: 1 << 40, Sequence: i + 1}), TimestampUs: at.UnixMicro(),
			Body: &pb.RouteRecord_Changes{Changes: c},
		})
		add(schemas.TopicVisibility, "KP", &pb.VisibilityRecord{
			Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Epoch: 1, Sequence: i + 1}), WindowUs: at.UnixMicro(), Family: pb.Family_FAMILY_IPV4,
			Entity: &pb.Entity{Type: pb.EntityType_ENTITY_TYPE_COUNTRY, Code: "KP", Name: "North Korea"}, Space: 256 * (i % 7), Prefixes: uint32(i % 7), Voters: 40,
		})
	}
	all = append(all, &kgo.Record{Topic: k.Topic(schemas.TopicPanel), Key: []byte("x"), Value: []byte("no record")})
	if err := cl.ProduceSync(t.Context(), all...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestVerify stores a log and finds the tables equal to it. It then finds each change that is made
// to the tables.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	k := kafkatest.New(t, 2)
	fill(t, k)
	stage, err := sink.New(sink.DefaultConfig(), sink.Deps{Log: slog.New(slog.DiscardHandler), Kafka: k, ClickHouse: s, Dataset: "live", Instance: "sink-0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	kafkatest.WaitDrained(t, k, kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	check := func() *verify.Report {
		t.Helper()
		r, err := verify.Run(t.Context(), verify.Deps{Log: kafkatest.Log(), Kafka: k, ClickHouse: s, Dataset: "live"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	table := func(r *verify.Report, name string) verify.TableReport {
		for _, got := range r.Tables {
			if got.Table == name {
				return got
			}
		}
		t.Fatalf("nothing is said of %s", name)
		return verify.TableReport{}
	}
	r := check()
	later, err := verify.Run(t.Context(), verify.Deps{Log: kafkatest.Log(), Kafka: k, ClickHouse: s, Dataset: "live", From: time.Now().Add(time.Hour)})
	if err != nil || !strings.Contains(strings.Join(later.Lines(), "\n"), "no records to compare") {
		t.Errorf("of a time to come: %v, %v", later, err)
	}
	if !r.Right() {
		t.Errorf("an undisturbed store: %s", strings.Join(r.Lines(), "\n"))
	}
	for name, rows := range map[string]uint64{"route_change_log": 200 * perRecord, "visibility": 200, "deadletter": 1} {
		if got := table(r, name); got.Rows != rows || got.Waiting != 0 {
			t.Errorf("%s: %+v, want %d rows compared", name, got, rows)
		}
	}
	if got := table(r, "visibility"); got.Again != 200 || got.Elsewhere != 0 {
		t.Errorf("%+v: want 200 records that came again", got)
	}
	if got := table(r, "panel"); got.Undecodable.Rows != 1 {
		t.Errorf("%+v: want a record that is not understood", got)
	}
	do := func(sql string) {
		t.Helper()
		if err := s.Ask(t.Context(), strings.ReplaceAll(sql, "{db}", s.Database)); err != nil {
			t.Fatal(err)
		}
	}
	const now = " SETTINGS mutations_sync = 2"
	do("INSERT INTO {db}.route_change_log SELECT * REPLACE ('live' AS dataset) FROM {db}.route_change_log WHERE sequence = 7")
	do("ALTER TABLE {db}.route_change_log DELETE WHERE sequence = 5 AND idx = 1" + now)
	do("ALTER TABLE {db}.route_change_log UPDATE origin_as = 1 WHERE sequence = 9 AND idx = 0" + now)
	do("INSERT INTO {db}.route_change_log SELECT * REPLACE (1000 AS idx) FROM (SELECT * FROM {db}.route_change_log WHERE sequence = 11 AND idx = 0)")
	do("ALTER TABLE {db}.prefix_changes DELETE WHERE sequence = 20" + now)
	do("ALTER TABLE {db}.visibility_hours UPDATE max_space = 100 WHERE hour = '2026-11-29 13:00:00'" + now)
	r = check()
	text := strings.Join(r.Lines(), "\n")
	got := table(r, "route_change_log")
	if got.Missing.Rows != 1 || got.Doubled.Rows != perRecord || got.Extra != perRecord || got.DoubledFinal.Rows != 0 || got.Different.Rows != 1 || got.Strange.Rows != 1 {
		t.Errorf("want 1 row missing, 3 doubled until they are merged, 1 different and 1 strange:\n%s", text)
	}
	if p := got.Different.Places; len(p) != 1 || p[0].Note != "origin_as" || !strings.Contains(p[0].Position, "epoch 1099511627776, sequence 9, idx 0") {
		t.Errorf("the different row is at %+v", p)
	}
	for _, c := range r.Copies {
		switch c.Table {
		case "prefix_changes": // 3 deleted, and what was changed in the log: 1 row gone, 1 of another origin, and 1 new that came in as others do
			if c.Missing.Rows != perRecord+1 || c.Strange.Rows != 1 {
				t.Errorf("prefix_changes:\n%s", text)
			}
		case "visibility_hours":
			if c.Missing.Rows != 1 || c.Strange.Rows != 0 {
				t.Errorf("visibility_hours:\n%s", text)
			}
		}
	}
	if r.Right() {
		t.Error("these tables do not equal the log")
	}

	do("ALTER TABLE {db}.visibility MODIFY TTL appended_at + INTERVAL 1 SECOND SETTINGS materialize_ttl_after_modify = 0")
	do("ALTER TABLE {db}.visibility DELETE WHERE position_sequence = 3" + now)
	if got := table(check(), "visibility"); got.Dropped.Rows == 0 || got.Missing.Rows != 0 {
		t.Errorf("%+v: want a row that the store does not keep any more", got)
	}

	do("CREATE TABLE {db}.late (at DateTime64(6, 'UTC')) ENGINE = MergeTree ORDER BY at")
	do("INSERT INTO {db}.late VALUES ('2026-11-29 13:59:59.5')")
	var n struct{ Rows int }
	sql := "SELECT count() AS Rows FROM " + s.Database + ".late WHERE at < " + clickhouse.QuoteTime(time.Date(2026, 11, 29, 14, 0, 0, 0, time.UTC))
	if err := s.AskRow(t.Context(), clickhouse.Query{SQL: sql}, &n); err != nil || n.Rows != 1 {
		t.Errorf("%d rows of the last second before a time, %v", n.Rows, err)
	}
}
