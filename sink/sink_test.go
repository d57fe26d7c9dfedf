package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Fprintln(os.Stderr, "sink:", child())
		os.Exit(1)
	}
	os.Exit(clickhousetest.Main(m))
}

// message is a type of record.
type message interface {
	MarshalVT() ([]byte, error)
}

func encode(t testing.TB, m message) []byte {
	t.Helper()
	b, err := m.MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// routeRecord makes a record with withdrawn and announced prefixes.
func routeRecord(pos bgp.Position, withdrawn, announced int) *pb.RouteRecord {
	c := &pb.RouteChanges{
		Peer:       codec.Peer(bgp.Peer{Address: netip.MustParseAddr("192.0.2.1"), ASN: 64496}, netip.Addr{}),
		AsPath:     []*pb.PathSegment{{Type: 2, Asns: []uint32{64496, 64500, 64511}}},
		OriginAs:   64511,
		UpstreamAs: 64500,
		Places:     []*pb.Place{{Country: "KP", Region: "KP-01"}, {Country: "CN"}},
		Owners:     []*pb.Owner{{Asn: 64511, Name: "EXAMPLE"}},
	}
	route := func(i int) *pb.Route {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		return &pb.Route{Prefix: codec.AppendPrefix(nil, p), PlaceShares: []uint64{0, 200, 1, 56}}
	}
	for i := range withdrawn {
		c.Withdrawn = append(c.Withdrawn, route(i))
	}
	for i := range announced {
		c.Announced = append(c.Announced, route(withdrawn+i))
	}
	return &pb.RouteRecord{
		Position: codec.Position(pos), TimestampUs: 1_419_264_900_000_000 + int64(pos.Sequence), ReceivedAtUs: 1_700_000_000_000_000,
		Body: &pb.RouteRecord_Changes{Changes: c},
	}
}

func tick(pos bgp.Position) *pb.RouteRecord {
	return &pb.RouteRecord{Position: codec.Position(pos), TimestampUs: 1, Body: &pb.RouteRecord_Tick{Tick: &pb.Tick{}}}
}

func produce(t testing.TB, cfg kafka.Config, records ...*kgo.Record) {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func record(t testing.TB, cfg kafka.Config, topic, key string, m message) *kgo.Record {
	t.Helper()
	return &kgo.Record{Topic: cfg.Topic(topic), Key: []byte(key), Value: encode(t, m)}
}

// start runs a sink until the returned function or the end of the test stops it.
func start(t testing.TB, cfg Config, k kafka.Config, s clickhouse.Server, dataset string) (stop func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	stage, err := New(cfg, Deps{Log: log, Kafka: k, ClickHouse: s, Dataset: dataset, Instance: "sink-0"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("sink: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func drained(t testing.TB, k kafka.Config) {
	t.Helper()
	kafkatest.WaitDrained(t, k, kafka.Reading{Stage: Name, Topics: Topics()})
}

func open(t testing.TB, s clickhouse.Server) driver.Conn {
	t.Helper()
	conn, err := clickhouse.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func one[T any](t testing.TB, conn driver.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// exact checks that a table has want rows, with FINAL and without.
func exact(t testing.TB, conn driver.Conn, table string, want int) {
	t.Helper()
	for _, final := range []string{"", " FINAL"} {
		if got := one[uint64](t, conn, "SELECT count() FROM darkmap."+table+final); got != uint64(want) {
			t.Errorf("%s%s: got %d rows, want %d", table, final, got, want)
		}
	}
}

func outageRecord(t testing.TB, seq uint64, dataset string) *pb.OutageRecord {
	t.Helper()
	begin := time.Date(2014, 12, 22, 16, 15, 0, 0, time.UTC)
	o := bgp.Outage{
		ID: "country-KP-ipv4-20141222T1615Z", Sequence: uint32(seq), Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventUpdated, Family: "ipv4",
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Start: begin, DurationSeconds: 60 * int64(seq), Severity: bgp.SeverityTotal,
		Baseline: bgp.Size{Prefixes: 4, Space: 400}, Peak: bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000},
		LostPrefixes: []string{"175.45.176.0/24"}, LostPrefixesTotal: 4, Origins: []bgp.AS{{ASN: 131279}}, Upstreams: []bgp.AS{{ASN: 4837}},
		Panel: bgp.Panel{Voters: 40, Collectors: 12, Table: bgp.TablesComplete}, Dataset: dataset, Summary: "All 4 networks",
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return &pb.OutageRecord{
		Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: seq}), DecidedAtUs: begin.UnixMicro(), Event: string(o.Event),
		Id: o.ID, Sequence: o.Sequence, Entity: codec.Entity(o.Entity), Family: pb.Family_FAMILY_IPV4, StartS: begin.Unix(), Kind: string(o.Kind), State: string(o.State),
		Severity: string(o.Severity), Dataset: dataset, Json: b,
	}
}

// everything makes records of every topic, with the number of their rows in want.
func everything(t testing.TB, k kafka.Config) (records []*kgo.Record, want map[string]int) {
	t.Helper()
	want = map[string]int{}
	live := func(seq uint64) bgp.Position {
		return bgp.Position{Collector: "ris/rrc00", Lane: bgp.LaneLive, Epoch: 7, Sequence: seq}
	}
	for seq := range uint64(200) {
		records = append(records, record(t, k, schemas.TopicRoutes, "ris/rrc00", routeRecord(live(2*seq+1), int(seq%3), int(seq%5))),
			record(t, k, schemas.TopicRoutes, "ris/rrc00", tick(live(2*seq+2))))
		want["route_change_log"] += int(seq%3 + seq%5)
	}
	// Two parts of one message share a position.
	first, second := routeRecord(live(500), 0, 10), routeRecord(live(500), 0, 4)
	first.MoreParts, second.Part, second.GetChanges().FirstIndex = true, 1, 10
	records = append(records, record(t, k, schemas.TopicRoutes, "ris/rrc00", first), record(t, k, schemas.TopicRoutes, "ris/rrc00", second))
	want["route_change_log"] += 14
	for seq := range uint64(50) {
		entity := fmt.Sprintf("AS%d", 64496+seq%7)
		records = append(records, record(t, k, schemas.TopicVisibility, entity, &pb.VisibilityRecord{
			Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: seq + 1}), Entity: codec.Entity(bgp.Entity{Type: bgp.EntityAS, Code: entity}),
			Family: pb.Family_FAMILY_IPV4, WindowUs: int64(seq) * 60e6, Space: 384, Prefixes: 2, BaselineSpace: 512, BaselinePrefixes: 2, Voters: 40, UsualSpace: new(uint64(640)), UsualPrefixes: new(uint32(3)),
		}))
	}
	want["visibility"] = 50
	for seq := range uint64(20) {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(seq % 7), 0}), 24)
		records = append(records, record(t, k, schemas.TopicPrefixes, "ipv4/"+prefix.String(), &pb.PrefixRecord{
			Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: seq + 1}), Prefix: codec.AppendPrefix(nil, prefix), Family: pb.Family_FAMILY_IPV4,
			WindowUs: int64(seq) * 60e6, State: pb.PrefixState_PREFIX_STATE_PARTLY, SinceUs: 60e6, Origins: []*pb.PrefixAS{{Asn: 64496, Voters: 3}, {Asn: 64497, Voters: 4}},
			Upstreams: []*pb.PrefixAS{{Asn: 64500, Voters: 7}}, SeenBy: 7, Voters: 9, UsualPermille: new(uint32(985)), Places: []*pb.PrefixPlace{
				{Place: &pb.Place{Country: "KR"}, Space: 96}, {Place: &pb.Place{Country: "KP", Region: "KP-01"}, Space: 80}, {Place: &pb.Place{Country: "KP", Region: "KP-02"}, Space: 64},
			},
		}))
	}
	want["prefix_states"] = 20
	for seq := range uint64(3) {
		records = append(records, record(t, k, schemas.TopicOutages, "x", outageRecord(t, seq+1, "test")))
	}
	want["outage_events"], want["outages"] = 3, 1
	list := codec.Position(bgp.Position{Collector: "watch/mine", Lane: bgp.LaneWatch, Epoch: 1, Sequence: 1})
	records = append(records, // watch lists make no rows
		record(t, k, schemas.TopicRoutes, list.Collector, &pb.RouteRecord{Position: list, Body: &pb.RouteRecord_WatchList{WatchList: &pb.WatchList{
			Name: "mine", Members: []*pb.WatchMember{{Member: &pb.WatchMember_Asn{Asn: 64496}}},
		}}}),
		record(t, k, schemas.TopicRoutes, list.Collector, &pb.RouteRecord{Position: list, Body: &pb.RouteRecord_HostAddresses{HostAddresses: &pb.HostAddresses{
			List: "mine", Host: "www.example.net", Addresses: [][]byte{{192, 0, 2, 1}},
		}}}))
	peer := codec.Peer(bgp.Peer{Address: netip.MustParseAddr("2001:db8::1"), ASN: 64496, Table: bgp.TableLoc}, netip.Addr{})
	records = append(records,
		record(t, k, schemas.TopicPanel, "ipv4", &pb.PanelRecord{
			Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: 1}), Family: pb.Family_FAMILY_IPV4, Voters: 1,
			Peers: []*pb.PanelPeer{{Collector: "ris/rrc00", Peer: peer, Votes: true, Prefixes: 9}, {Collector: "ris/rrc01", Peer: peer, Reason: "partial"}},
		}),
		record(t, k, schemas.TopicPanel, "ipv4", &pb.PanelRecord{Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: 2}), Family: pb.Family_FAMILY_IPV4}),
		record(t, k, schemas.TopicFeeds, "ris/rrc00", &pb.FeedRecord{Position: codec.Position(live(1)), Collector: "ris/rrc00", Peer: peer, Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: "stale"}),
		record(t, k, schemas.TopicFeeds, "ris/rrc00", &pb.FeedRecord{
			Position: codec.Position(live(2)), Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_GAP, GapId: "g", Source: "rislive",
			Instance: "i-1", BeginUs: 1_500_000, EndUs: 3_000_000, Peers: []*pb.Peer{peer},
		}),
		record(t, k, schemas.TopicFeeds, "ris/rrc00", &pb.FeedRecord{
			Position: codec.Position(live(3)), Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_PROGRESS, Source: "archive",
			Status: &pb.FeedStatus{State: "bootstrapping", PeersUp: 3, Messages: 9, MessagesPerSecond: 1.5, LagUs: 2_500_000, LastGapUs: 4_000_000, DoneBytes: 5, TotalBytes: 10},
		}),
		&kgo.Record{Topic: k.Topic(schemas.TopicDeadLetter), Key: []byte("k"), Value: []byte{0xff}, Headers: []kgo.RecordHeader{{Key: schemas.HeaderReason, Value: []byte("why")}}},
	)
	want["panel"], want["feeds"], want["deadletter"] = 3, 3, 1
	return records, want
}

func TestEveryTopic(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	var want map[string]int
	for run := range 3 { // each with topics of its own, into the same dataset
		k := kafkatest.New(t, 4)
		var records []*kgo.Record
		records, want = everything(t, k)
		produce(t, k, records...)
		if run == 1 { // the broker of an aborted run may send twice
			produce(t, k, records[:len(records)-1]...)
		}
		stop := start(t, DefaultConfig(), k, s, "test")
		drained(t, k)
		stop()
		for table, n := range want {
			exact(t, conn, table, n)
		}
	}
	type row struct {
		kind, prefix, path, country, region, owner, peer, event string
		origin                                                  uint32
	}
	var got row
	if err := conn.QueryRow(t.Context(), `SELECT toString(type), prefix, as_path, country, region, owner, peer_address, event_id, origin_as FROM darkmap.route_changes
		WHERE type = 'announce' ORDER BY epoch, sequence, idx LIMIT 1`).Scan(&got.kind, &got.prefix, &got.path, &got.country, &got.region, &got.owner, &got.peer, &got.event, &got.origin); err != nil {
		t.Fatal(err)
	}
	pos := bgp.Position{Collector: "ris/rrc00", Lane: bgp.LaneLive, Epoch: 7, Sequence: 3}
	if w := (row{"announce", "10.0.1.0/24", "64496 64500 64511", "KP", "KP-01", "EXAMPLE", "192.0.2.1", pos.EventID(), 64511}); got != w {
		t.Errorf("got %+v, want %+v", got, w)
	}
	if got := one[string](t, conn, "SELECT formatRow('TSV', toString(entity_type), space, baseline_space, usual_space, usual_prefixes, toString(timestamp)) FROM darkmap.visibility ORDER BY timestamp LIMIT 1"); got != "as\t1.5\t2\t2.5\t3\t1970-01-01 00:00:00\n" {
		t.Errorf("visibility: got %q", got)
	}
	if got := one[string](t, conn, `SELECT formatRow('TSV', prefix, begin, length, family, state, toUnixTimestamp(timestamp), toUnixTimestamp(since), origins, origin_voters, upstreams, upstream_voters,
		seen_by, voters, usual_percent, country, region, places, space) FROM darkmap.prefix_states ORDER BY timestamp LIMIT 1`); got != "198.51.0.0/24\t::ffff:198.51.0.0\t24\tipv4\tpartly\t0\t60\t"+
		"[64496,64497]\t[3,4]\t[64500]\t[7]\t7\t9\t98.5\tKP\tKP-01\t[('KR','',0.375),('KP','KP-01',0.3125),('KP','KP-02',0.25)]\t1\n" {
		t.Errorf("prefix_states: got %q", got)
	}
	if got := one[string](t, conn, "SELECT formatRow('TSV', id, sequence, end, upstreams, peak_loss_percent, JSONExtractString(json, 'summary')) FROM darkmap.outages"); got != "country-KP-ipv4-20141222T1615Z\t3\t\\N\t[4837]\t100\tAll 4 networks\n" {
		t.Errorf("outages: got %q", got)
	}
	if got := one[string](t, conn, "SELECT formatRow('TSV', toString(event), source, instance, toString(gap_begin), toString(gap_end), gap_peers) FROM darkmap.feeds WHERE event = 'gap'"); got != "gap\trislive\ti-1\t1970-01-01 00:00:01.500000\t1970-01-01 00:00:03.000000\t['2001:db8::1 AS64496']\n" {
		t.Errorf("feeds: got %q", got)
	}
	if got := one[string](t, conn, "SELECT formatRow('TSV', toString(event), state, peers_up, messages, messages_per_second, lag_seconds, toUnixTimestamp(last_gap), done_bytes, total_bytes) FROM darkmap.feeds WHERE event = 'progress'"); got != "progress\tbootstrapping\t3\t9\t1.5\t2.5\t4\t5\t10\n" {
		t.Errorf("feeds: got %q", got)
	}
	if got := one[string](t, conn, "SELECT formatRow('TSV', reason, headers, hex(value), key) FROM darkmap.deadletter"); got != "why\t{'darkmap-reason':'why'}\tFF\tk\n" {
		t.Errorf("deadletter: got %q", got)
	}
}
