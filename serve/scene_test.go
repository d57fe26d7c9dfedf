package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/api"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
	"github.com/darkmap/darkmap/serve/page"
)

func TestMain(m *testing.M) {
	if code, handled := child(); handled {
		os.Exit(code)
	}
	os.Exit(clickhousetest.Main(m))
}

// login is the key of the servers.
const login = "the key of the scene"

// scene is a broker into which a test writes the records of ingest and detect.
type scene struct {
	t      *testing.T
	broker *kafka.Broker
	bc     kafka.BrokerConfig
	cfg    kafka.Config
	cl     *kgo.Client
	adm    *kadm.Client
}

// newScene starts a broker with empty topics.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, bc: kafka.BrokerConfig{Dir: filepath.Join(t.TempDir(), "kafka"), Port: freePort(t), Open: true}}
	s.begin()
	s.cfg = s.broker.Use(kafka.DefaultConfig())
	s.cfg.Partitions = 2
	if _, err := kafka.Apply(t.Context(), s.cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	var err error
	if s.cl, err = kafka.NewClient(s.cfg, kafkatest.Log()); err != nil {
		t.Fatal(err)
	}
	s.adm = kadm.NewClient(s.cl)
	t.Cleanup(func() {
		s.cl.Close()
		s.end()
	})
	return s
}

// begin starts the broker with the records in its folder. end ends it.
func (s *scene) begin() {
	s.t.Helper()
	var err error
	if s.broker, err = kafka.StartBroker(context.WithoutCancel(s.t.Context()), s.bc); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) end() {
	s.t.Helper()
	if s.broker == nil {
		return
	}
	if err := s.broker.Close(); err != nil {
		s.t.Error(err)
	}
	s.broker = nil
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was accepted
	return l.Addr().(*net.TCPAddr).Port
}

// message is a record that can be encoded.
type message interface{ MarshalVT() ([]byte, error) }

// record returns a record of a topic. at is its time in Kafka.
func (s *scene) record(topic, key string, at time.Time, m message) *kgo.Record {
	s.t.Helper()
	b, err := m.MarshalVT()
	if err != nil {
		s.t.Fatal(err)
	}
	return &kgo.Record{Topic: s.cfg.Topic(topic), Key: []byte(key), Timestamp: at, Value: b}
}

func (s *scene) write(all ...*kgo.Record) {
	s.t.Helper()
	if err := s.cl.ProduceSync(s.t.Context(), all...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// collectors are the collectors of the scene.
var collectors = []string{"ris/rrc00", "ris/rrc01", "routeviews/route-views2", "routeviews/route-views3"}

// votersEach is the number of networks that vote on each collector.
const votersEach = 10

// reported is the time for which a report of the collectors counts as new, since a slow machine may
// take long.
const reported = 10 * time.Minute

// feeds reports that the collectors are up, except those that are down.
func (s *scene) feeds(at time.Time, down ...string) {
	s.t.Helper()
	at = at.Add(reported)
	for _, c := range collectors {
		s.write(s.record(schemas.TopicFeeds, c, at, &pb.FeedRecord{Collector: c, Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: "up", PeersUp: votersEach, Messages: 1}}))
	}
	for _, c := range down {
		s.write(s.record(schemas.TopicFeeds, c, at, &pb.FeedRecord{Collector: c, Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_DOWN, Reason: "the connection was closed"}))
	}
}

// panel reports the panel from a time on. why is the reason why no verdict is possible, or empty.
func (s *scene) panel(at time.Time, why bgp.NoVerdict) {
	s.t.Helper()
	p := &pb.PanelRecord{Family: pb.Family_FAMILY_IPV4, TimeUs: at.UnixMicro(), Table: pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE, MinVoters: 20, MinCollectors: 3}
	possible := why == bgp.VerdictPossible
	p.Verdicts, p.NoVerdict = &possible, string(why)
	for i, c := range collectors {
		for n := range votersEach {
			p.Peers = append(p.Peers, &pb.PanelPeer{Collector: c, Peer: &pb.Peer{Asn: uint32(64496 + i*votersEach + n)}, Votes: possible})
		}
	}
	if possible {
		p.Voters, p.Collectors = uint32(len(p.GetPeers())), uint32(len(collectors))
	}
	s.write(s.record(schemas.TopicPanel, "ipv4", at, p))
}

var (
	korea = bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}
	tonga = bgp.Entity{Type: bgp.EntityCountry, Code: "TO", Name: "Tonga"}
)

// usual is the number of prefixes and /24s of each entity of the scene.
const usual = 4

// value returns a record of the number of visible prefixes of an entity in a minute.
func (s *scene) value(minute time.Time, e bgp.Entity, prefixes int) *kgo.Record {
	s.t.Helper()
	space, known := uint64(usual*256), uint32(usual)
	return s.record(schemas.TopicVisibility, e.Code, minute, &pb.VisibilityRecord{
		Entity: &pb.Entity{Type: pb.EntityType(e.Type), Code: e.Code, Name: e.Name}, Family: pb.Family_FAMILY_IPV4, WindowUs: minute.UnixMicro(), Space: uint64(prefixes) * 256, Prefixes: uint32(prefixes),
		BaselineSpace: space, BaselinePrefixes: known, UsualSpace: &space, UsualPrefixes: &known, Voters: uint32(len(collectors) * votersEach),
	})
}

// outage returns a record of an outage that was decided at the end of a minute.
func (s *scene) outage(minute time.Time, o bgp.Outage) *kgo.Record {
	s.t.Helper()
	object, err := json.Marshal(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.record(schemas.TopicOutages, o.ID, minute, &pb.OutageRecord{Id: o.ID, Json: object, DecidedAtUs: minute.Add(time.Minute).UnixMicro()})
}

// lost returns the open outage of an entity that has lost all its space since a minute.
func lost(e bgp.Entity, since time.Time) bgp.Outage {
	all := bgp.Loss{LostPrefixes: usual, LostSpace: usual * 100, LossPercent: 100_00}
	return bgp.Outage{
		ID: bgp.OutageID(e.Type, e.Code, bgp.IPv4, since), Sequence: 1, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Entity: e, Start: since, Dataset: "live", Family: "ipv4",
		Baseline: bgp.Size{Prefixes: usual, Space: usual * 100}, Peak: all, Now: all, Severity: bgp.SeverityTotal, Panel: bgp.Panel{Voters: 40, Collectors: 4, Table: bgp.TablesComplete},
		Headline: e.Name + ": all routes lost", Summary: "All prefixes lost their routes.",
	}
}

// decide makes the commit of detect: it closes every minute up to the given one, and publishes its
// records.
func (s *scene) decide(minute time.Time) {
	s.t.Helper()
	o := kadm.Offsets{}
	o.Add(kadm.Offset{Topic: s.cfg.Topic(schemas.TopicRoutes), Partition: 0, At: 1, LeaderEpoch: -1, Metadata: kafka.WindowMetadata(minute.Unix())})
	if err := s.adm.CommitAllOffsets(s.t.Context(), s.cfg.Group("detect"), o); err != nil {
		s.t.Fatal(err)
	}
}

// clock is the clock of a server, which the test moves.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// store is a store that the test can close.
type store struct {
	server clickhouse.Server
	closed atomic.Bool
}

func (s *store) connect(context.Context) (clickhouse.Server, func() error, error) {
	if s.closed.Load() {
		return clickhouse.Server{}, nil, errors.New("the door is closed")
	}
	return s.server, func() error { return nil }, nil
}

// site is a complete server of the tests: every part, on loopback.
type site struct {
	t       *testing.T
	url     string
	metrics *prometheus.Registry
	stop    func()
}

// siteConfig configures a site.
type siteConfig struct {
	kafka   kafka.Config
	store   *store
	voters  func(context.Context, query.Question, int) (query.Answer, error)
	now     func() time.Time
	change  func(*serve.Config)
	dataset string
}

// server makes a server.
func (c siteConfig) server(bound func(string)) (*serve.Server, *prometheus.Registry, error) {
	log, reg := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	cfg := serve.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Limits.Exempt = []string{"127.0.0.0/8"}
	if c.change != nil {
		c.change(&cfg)
	}
	if faults := cfg.Faults(); len(faults) > 0 {
		return nil, nil, fmt.Errorf("the configuration has faults: %v", faults)
	}
	h := history.Config{WhyNone: "The test has no store.", Log: log, Registerer: reg}
	if c.store != nil {
		h.Connect = c.store.connect
	}
	past := history.New(h)
	l := live.Config{Dataset: c.dataset, Kafka: c.kafka, Log: log, Now: c.now}
	if c.store != nil {
		l.Seed = func(ctx context.Context, until time.Time) (live.Seed, error) { return past.Seed(ctx, c.dataset, until) }
	}
	pages, err := page.New("", func(string) {})
	if err != nil {
		return nil, nil, err
	}
	deps := &serve.Deps{Present: live.New(l), History: past, Voters: c.voters, Dataset: c.dataset, Version: "test", Log: log, Now: c.now}
	s, err := serve.New(cfg, deps, serve.Options{Key: login, Drain: time.Second, Log: log, Registerer: reg, Now: time.Now, Bound: bound}, api.API{}, pages)
	return s, reg, err
}

// startSite starts a server that ends at the latest with the test.
func startSite(t *testing.T, c siteConfig) *site {
	t.Helper()
	if c.now == nil {
		c.now = time.Now
	}
	if c.dataset == "" {
		c.dataset = "live"
	}
	bound := make(chan string, 1)
	server, reg, err := c.server(func(url string) { bound <- url })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }() // ends with ctx
	s := &site{t: t, metrics: reg}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	select {
	case s.url = <-bound:
	case err := <-ended:
		t.Fatal(err)
	}
	return s
}

// get requests a path. heads are names and values in turn. It follows no redirect.
func (s *site) get(path string, heads ...string) (status int, header http.Header, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	return send(s.t, req, heads...)
}

// send sends a request. It reads only the first events of a stream.
func send(t *testing.T, req *http.Request, heads ...string) (status int, header http.Header, body string) {
	t.Helper()
	for i := 0; i+1 < len(heads); i += 2 {
		req.Header.Set(heads[i], heads[i+1])
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		b := make([]byte, 256<<10)
		n, err := io.ReadAtLeast(resp.Body, b, 40)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header, string(b[:n])
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// until waits until ok is true. If it fails, it reports the result of instead.
func until(t *testing.T, what string, ok func() bool, instead func() string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s: %s", what, instead())
		}
	}
}
