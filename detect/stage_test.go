package detect_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{"detect": runCounter, "core": runCore, "ipv4": runFamily(core.OnlyIPv4), "ipv6": runFamily(core.OnlyIPv6)}) {
		return
	}
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// counter is a detector that counts. Its output shows every record and window that it was given so
// far.
type counter struct {
	seen map[string]uint32 // by collector: changes
	sum  uint64            // sum of the sequences: shows loss and repetition
	// refuse is the sequence of a record that the counter refuses.
	refuse uint64
	// closed is called with each window.
	closed func(start int64)
	// fail returns an error for a window that cannot be closed.
	fail func(start int64) error
}

func (c *counter) Apply(rec *pb.RouteRecord, _ int64) error {
	pos := rec.GetPosition()
	if c.refuse != 0 && pos.GetSequence() == c.refuse {
		return fmt.Errorf("refused: %w", codec.ErrInvalid)
	}
	if rec.GetChanges() != nil {
		c.seen[pos.GetCollector()]++
		c.sum += pos.GetSequence()
	}
	return nil
}

func (c *counter) CloseWindow(start int64) ([]core.Out, error) {
	if c.fail != nil {
		if err := c.fail(start); err != nil {
			return nil, err
		}
	}
	if c.closed != nil {
		c.closed(start)
	}
	var out []core.Out
	for _, name := range slices.Sorted(maps.Keys(c.seen)) {
		out = append(out, core.Out{Topic: schemas.TopicVisibility, Key: []byte(name), Record: &pb.VisibilityRecord{
			Entity: &pb.Entity{Code: name}, Family: pb.Family_FAMILY_IPV4, WindowUs: start * 1e6, Prefixes: c.seen[name],
		}})
	}
	return append(out, core.Out{Topic: schemas.TopicOutages, Key: []byte("sum"), Record: &pb.OutageRecord{
		Id: "sum", Event: string(bgp.EventUpdated), State: string(bgp.StateOpen), Sequence: uint32(start / 60), Dataset: "counted", Family: pb.Family_FAMILY_IPV6,
		StartS: start, Json: fmt.Append(nil, c.sum),
	}}), nil
}

func (c *counter) RecordsMissing() {}

func (c *counter) RequestTables(int64) []core.Out { return nil }

func (c *counter) TakeOver(bgp.Family, []bgp.Outage, int64) {}

func (c *counter) NoVerdict() []string { return nil }

func (c *counter) Verdicts() []core.Verdicts { return nil }

func (c *counter) WatchNotes() []string { return nil }

func (c *counter) Answer(q query.Question, limit int) query.Answer {
	return query.Answer{What: q.Code, OutagesTotal: limit}
}

func newStage(tb testing.TB, cfg kafka.Config, poll int) *detect.Stage {
	tb.Helper()
	s, err := newCounter(cfg, "0", poll, counter{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// newCounter returns a stage of counters. poll is detect.poll_max_records; 0 means its default.
func newCounter(cfg kafka.Config, instance string, poll int, of counter) (*detect.Stage, error) {
	c := detect.DefaultConfig()
	c.PollMaxRecords, c.BufferMaxBytes = cmp.Or(poll, c.PollMaxRecords), 64<<10
	return detect.New(c, detect.Deps{Kafka: cfg, Log: kafkatest.Log(), Instance: instance, NewDetector: func() (detect.Detector, error) {
		d := of
		d.seen = map[string]uint32{}
		return &d, nil
	}})
}

func runCounter(ctx context.Context, cfg kafka.Config, instance string) error {
	s, err := keptStage(cfg, instance, "a", 60, counter{}, &keptEvents{})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

const (
	minute0    = int64(1419206400) // 2014-12-22T00:00:00Z
	collectors = 5
)

// produce acts as ingest and enrich: it writes a dataset of some minutes, merged on time, in the
// form of bgp.routes.
func produce(tb testing.TB, cfg kafka.Config, minutes, perMinute int) {
	tb.Helper()
	f := feed{minutes: minutes, perMinute: perMinute, seq: make([]uint64, collectors)}
	f.produce(tb, cfg, minutes)
}

// feed is such a dataset, of which a part was produced.
type feed struct {
	minutes, perMinute, done int
	seq                      []uint64
}

// produce produces the feed up to minute to. The last minute ends the feed.
func (f *feed) produce(tb testing.TB, cfg kafka.Config, to int) {
	tb.Helper()
	p, err := kafka.NewProducer(tb.Context(), cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer p.Close()
	send := func(r *pb.RouteRecord) {
		b, err := r.MarshalVT()
		if err == nil {
			if r.GetClock() != nil {
				err = p.ProduceAll(tb.Context(), b)
			} else {
				err = p.Produce(tb.Context(), r.GetPosition().GetCollector(), b)
			}
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	next := func(c int, us int64) *pb.RouteRecord {
		f.seq[c]++
		return &pb.RouteRecord{Position: &pb.Position{Collector: fmt.Sprintf("file/%d", c), Lane: "file/x", Sequence: f.seq[c]}, TimestampUs: us}
	}
	for m := f.done; m < to; m++ {
		r := rand.New(rand.NewPCG(7, uint64(m)))
		us := (minute0 + int64(m)*60) * 1e6
		for c := range collectors {
			if c == 3 && m < f.minutes/3 { // joins late
				continue
			}
			rec := next(c, us)
			if f.seq[c] == 1 {
				rec.Body = &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}
			} else {
				rec.Body = &pb.RouteRecord_Tick{Tick: &pb.Tick{}}
			}
			send(rec)
		}
		send(&pb.RouteRecord{Position: &pb.Position{Lane: "clock/x", Sequence: uint64(m) + 1}, TimestampUs: us, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{}}})
		for k := range f.perMinute {
			c := r.IntN(collectors)
			if c == 3 && m < f.minutes/3 {
				continue
			}
			rec := next(c, us+int64(k)*60e6/int64(f.perMinute))
			rec.Body = &pb.RouteRecord_Changes{Changes: &pb.RouteChanges{OriginAs: 64496}}
			send(rec)
		}
	}
	if f.done = to; to == f.minutes {
		send(&pb.RouteRecord{Position: &pb.Position{Lane: "clock/x", Sequence: uint64(to) + 1}, TimestampUs: (minute0 + int64(to)*60) * 1e6, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{End: true}}})
	}
	if err := p.Flush(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

var reading = kafka.Reading{Stage: detect.Name, Topics: []string{schemas.TopicRoutes}}

// published returns the published records, one line a record, in order of positions. It fails on a
// position that comes twice.
func published(tb testing.TB, cfg kafka.Config) []string {
	tb.Helper()
	type line struct {
		seq  uint64
		text string
	}
	var lines []line
	add := func(topic string, pos *pb.Position, value string) {
		lines = append(lines, line{pos.GetSequence(), fmt.Sprintf("%s %s %s %d:%d %s", topic, pos.GetCollector(), pos.GetLane(), int64(pos.GetSequence()>>24)-minute0/60, pos.GetSequence()&(1<<24-1), value)})
	}
	for _, r := range kafkatest.Read(tb, cfg, schemas.TopicVisibility) {
		v := &pb.VisibilityRecord{}
		if err := v.UnmarshalVT(r.Value); err != nil {
			tb.Fatal(err)
		}
		if want := kafka.PartitionOf(v.GetEntity().GetCode(), 4); r.Partition != want || string(r.Key) != v.GetEntity().GetCode() {
			tb.Errorf("key %q of %s in partition %d, want %d", r.Key, v.GetEntity().GetCode(), r.Partition, want)
		}
		add("visibility", v.GetPosition(), fmt.Sprintf("%s %d %d", v.GetEntity().GetCode(), v.GetWindowUs()/1e6-minute0, v.GetPrefixes()))
	}
	beside := kafkatest.Read(tb, cfg, schemas.TopicOutagesJSON)
	for i, r := range kafkatest.Read(tb, cfg, schemas.TopicOutages) {
		o := &pb.OutageRecord{}
		if err := o.UnmarshalVT(r.Value); err != nil {
			tb.Fatal(err)
		}
		add("outages", o.GetPosition(), fmt.Sprintf("%d %s", o.GetStartS()-minute0, o.GetJson()))
		if i < len(beside) { // others may have come after it was read
			add("outages.json", o.GetPosition(), besides(beside[i]))
			if want := besides(outageJSON(r.Key, o)); besides(beside[i]) != want {
				tb.Errorf("record %d of %s: got\n%s\nwant\n%s", i, schemas.TopicOutagesJSON, besides(beside[i]), want)
			}
		}
	}
	slices.SortFunc(lines, func(a, b line) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.seq, b.seq)) })
	var out []string
	for i, l := range lines {
		if i > 0 && l == lines[i-1] {
			tb.Errorf("published twice: %s", l.text)
		}
		out = append(out, l.text)
	}
	return out
}

// outageJSON returns the record of bgp.outages.json.v1 for a record of bgp.outages.v1.
func outageJSON(key []byte, o *pb.OutageRecord) *kgo.Record {
	return &kgo.Record{Key: key, Value: o.GetJson(), Headers: []kgo.RecordHeader{
		{Key: "content-type", Value: []byte("application/json")},
		{Key: "dataset", Value: []byte(o.GetDataset())},
		{Key: "event", Value: []byte(o.GetEvent())},
		{Key: "state", Value: []byte(o.GetState())},
		{Key: "sequence", Value: fmt.Append(nil, o.GetSequence())},
	}}
}

func besides(r *kgo.Record) string {
	text := fmt.Sprintf("%s %s", r.Key, r.Value)
	for _, h := range r.Headers {
		text += fmt.Sprintf(" %s=%s", h.Key, h.Value)
	}
	return text
}

func start(tb testing.TB, s *detect.Stage) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with cancel
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("running: got %v, want no error", err)
		}
	})
}

// reference returns the records that an undisturbed run over one partition publishes.
func reference(tb testing.TB, minutes, perMinute int) []string {
	tb.Helper()
	cfg := kafkatest.New(tb, 1)
	produce(tb, cfg, minutes, perMinute)
	defer start(tb, newStage(tb, cfg, 0))()
	kafkatest.WaitDrained(tb, cfg, reading)
	return published(tb, cfg)
}

func TestStage(t *testing.T) {
	t.Parallel()
	const minutes, perMinute = 40, 100
	want := reference(t, minutes, perMinute)
	if last := want[len(want)-1]; len(want) < 5*minutes || last == "" {
		t.Fatalf("the reference has %d lines", len(want))
	}
	for _, partitions := range []int32{1, 4, 12} {
		t.Run(fmt.Sprintf("%d partitions", partitions), func(t *testing.T) {
			t.Parallel()
			cfg := kafkatest.New(t, partitions)
			s := newStage(t, cfg, 37)
			if s.Ready() == nil {
				t.Error("ready before it runs")
			}
			stop := start(t, s)
			defer stop()
			produce(t, cfg, minutes, perMinute)
			kafkatest.WaitDrained(t, cfg, reading)
			if err := s.Ready(); err != nil {
				t.Errorf("got %v, want ready", err)
			}
			if diff := gocmp.Diff(want, published(t, cfg)); diff != "" {
				t.Errorf("published (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStageRestarts stops the stage again and again, in the middle of its work. No record is
// published twice or missing.
func TestStageRestarts(t *testing.T) {
	t.Parallel()
	const minutes, perMinute = 60, 100
	want := reference(t, minutes, perMinute)
	cfg := kafkatest.New(t, 4)
	produce(t, cfg, minutes, perMinute)
	for i := range int64(5) {
		ctx, cancel := context.WithCancel(t.Context())
		s, err := newCounter(cfg, "0", 50, counter{closed: func(start int64) {
			if start >= minute0+60*(10*i+5) {
				cancel()
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(ctx); err != nil {
			t.Errorf("running: got %v, want no error", err)
		}
		cancel()
	}
	got := len(kafkatest.Read(t, cfg, schemas.TopicOutages))
	if got >= minutes {
		t.Errorf("all %d windows were closed before the last restart: the test shows nothing", got)
	}
	defer start(t, newStage(t, cfg, 0))()
	kafkatest.WaitDrained(t, cfg, reading)
	if diff := gocmp.Diff(want, published(t, cfg)); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

// until waits until ok returns true.
func until(tb testing.TB, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit.C:
			tb.Fatal("it did not come about in a minute")
		}
	}
}

// TestStageKilled kills processes with SIGKILL while a second one stands by. They write
// checkpoints, and continue from them.
func TestStageKilled(t *testing.T) {
	t.Parallel()
	testStageKilled(t, kafkatest.New(t, 4), 200)
}

func testStageKilled(t *testing.T, cfg kafka.Config, minutes int) {
	t.Helper()
	const perMinute = 300
	want := reference(t, minutes, perMinute)
	f := feed{minutes: minutes, perMinute: perMinute, seq: make([]uint64, collectors)}
	f.produce(t, cfg, minutes/2)
	r := rand.New(rand.NewPCG(5, 5))
	pause := func(d time.Duration) {
		timer := time.NewTimer(d)
		<-timer.C
	}
	windows := func() int { return len(kafkatest.Read(t, cfg, schemas.TopicOutages)) }
	last := 0
	for i := range 5 {
		p := kafkatest.Start(t, "detect", cfg, "0")
		until(t, func() bool { return windows() > last })
		pause(time.Duration(1+r.IntN(20)) * time.Millisecond)
		p.Kill()
		last = windows()
		t.Logf("kill %d: %d windows published", i, last)
	}
	if last >= minutes/2-1 {
		t.Error("everything was published before the last kill: the test shows nothing")
	}
	active := kafkatest.Start(t, "detect", cfg, "0")
	until(t, func() bool { return windows() > last || windows() >= minutes/2-1 })
	standby := kafkatest.Start(t, "detect", cfg, "1")
	// The embedded broker misses a member that dies before its first heartbeat, which is after two seconds.
	pause(2500 * time.Millisecond)
	active.Kill()
	f.produce(t, cfg, minutes)
	kafkatest.WaitDrained(t, cfg, reading)
	standby.Stop()
	// Readers do not see the output of the standby before the transaction of the killed process has
	// timed out.
	until(t, func() bool { return len(published(t, cfg)) >= len(want) })
	if diff := gocmp.Diff(want, published(t, cfg)); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if f := checkpoints(t, cfg); len(f.Manifests) == 0 {
		t.Errorf("no checkpoint was written: %v", f.Faults)
	}
}

// TestStageApache does the same on a real Apache Kafka.
func TestStageApache(t *testing.T) {
	t.Parallel()
	testStageKilled(t, kafkatest.Dataset(t, kafkatest.Apache(t), 4), 60)
}

// TestStageDeadLetters: records that cannot be decoded or applied become dead letters once, even if
// the state is built again.
func TestStageDeadLetters(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 2)
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Produce(t.Context(), "file/0", []byte("\xff\xff not protobuf")); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	produce(t, cfg, 4, 50)
	run := func() {
		s, err := newCounter(cfg, "0", 20, counter{refuse: 5})
		if err != nil {
			t.Fatal(err)
		}
		defer start(t, s)()
		kafkatest.WaitDrained(t, cfg, reading)
	}
	run()
	first := kafkatest.Read(t, cfg, schemas.TopicDeadLetter)
	if err := p.Produce(t.Context(), "file/0", []byte("\xfe again")); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	run()
	second := kafkatest.Read(t, cfg, schemas.TopicDeadLetter)
	reasons := map[string]int{}
	for _, r := range second {
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderReason {
				reasons[string(h.Value)]++
			}
		}
	}
	// Five collectors each have a record 5 that is refused; two records are not protobuf.
	if len(first) != 6 || len(second) != 7 || reasons["refused: invalid record"] != 5 {
		t.Errorf("got %d dead letters, then %d: %v; want 6, then 7", len(first), len(second), reasons)
	}
}
