package ingest_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// routersOnly returns a configuration that does not need the Internet.
func routersOnly(addr string) ingest.Config {
	cfg := ingest.DefaultConfig()
	cfg.RISLive.Enabled, cfg.RouteViews.Enabled, cfg.Archives = false, false, false
	cfg.BMP.Listen = addr
	cfg.BMP.Routers = []bmp.Router{{Address: "127.0.0.1", Name: "lab"}}
	cfg.Stream.TickInterval, cfg.Stream.StatusInterval = 20*time.Millisecond, 50*time.Millisecond
	return cfg
}

// start runs a Live until stop.
func start(t *testing.T, cfg ingest.Config, k kafka.Config) (l *ingest.Live, stop func()) {
	t.Helper()
	l, err := ingest.NewLive(cfg, ingest.LiveDeps{Log: kafkatest.Log(), Kafka: k, Instance: "a", Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }() // ends with stop
	return l, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func updates(t *testing.T, k kafka.Config) []*pb.UpdateRecord {
	t.Helper()
	var out []*pb.UpdateRecord
	err := kafka.ReadToEnd(t.Context(), k, kafkatest.Log(), schemas.TopicUpdates, func(rec *kgo.Record) error {
		var u pb.UpdateRecord
		out = append(out, &u)
		return u.UnmarshalVT(rec.Value)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLiveRouter checks that a router's messages are in bgp.updates in order, that the end of its
// session is no withdrawal, that clock records are in every partition, and that a restart of the
// process begins a higher epoch.
func TestLiveRouter(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 3)
	cfg := routersOnly(datatest.FreeAddress(t))
	for range 2 {
		l, stop := start(t, cfg, k)
		waittest.Until(t, 20*time.Second, "all but the router", func() bool {
			return l.Ready().Error() == "bmp: no router has connected yet: waiting for lab (127.0.0.1)"
		})
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", cfg.BMP.Listen)
		if err != nil {
			t.Fatal(err)
		}
		// Initiation with sysName "r" and sysDescr "d" (RFC 7854 section 4.3).
		if _, err := conn.Write([]byte("\x03\x00\x00\x00\x10\x04\x00\x02\x00\x01r\x00\x01\x00\x01d")); err != nil {
			t.Fatal(err)
		}
		waittest.Until(t, 20*time.Second, "the router", func() bool { return l.Progress().Up == 1 && l.Ready() == nil })
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		waittest.Until(t, 20*time.Second, "its end", func() bool { return l.Progress().Up == 0 })
		if err := l.Alive(); err != nil {
			t.Error(err)
		}
		stop()
	}
	recs := updates(t, k)
	got := strings.Join(streamtest.Bodies(recs, "bmp/lab", "live"), " ")
	one := "EpochBegin CollectorDown CollectorUp CollectorDown"
	if got != one+" "+one {
		t.Errorf("records: %s", got)
	}
	clocks, last := 0, uint64(0)
	for _, r := range recs {
		if r.GetClock() != nil {
			clocks++
		}
		if s := r.GetPosition().GetEpoch(); r.GetPosition().GetCollector() == "bmp/lab" {
			if s < last {
				t.Errorf("epoch %d after %d", s, last)
			}
			last = s
		}
	}
	if clocks < 6 || clocks%3 != 0 {
		t.Errorf("%d clock records, want some in each of 3 partitions", clocks)
	}
}

// TestLiveClockBack checks that a process whose clock was set back begins a higher epoch, also for
// a router, whose history is not read.
func TestLiveClockBack(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 2)
	seen := uint64(time.Now().Add(time.Hour).UnixMilli()) << 10
	value, err := (&pb.FeedRecord{
		Position: &pb.Position{Collector: "bmp/other", Lane: "feed", Epoch: seen, Sequence: 1}, Collector: "bmp/other", Event: pb.FeedEvent_FEED_EVENT_UP,
	}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	kafkatest.Produce(t, k, schemas.TopicFeeds, "bmp/other", value)
	cfg := routersOnly(datatest.FreeAddress(t))
	cfg.FillLimit = 0
	l, stop := start(t, cfg, k)
	waittest.Until(t, 20*time.Second, "all but the router", func() bool { return strings.HasPrefix(fmt.Sprint(l.Ready()), "bmp: no router has connected yet") })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", cfg.BMP.Listen)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	if _, err := conn.Write([]byte("\x03\x00\x00\x00\x10\x04\x00\x02\x00\x01r\x00\x01\x00\x01d")); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, 20*time.Second, "the router", func() bool { return l.Progress().Up == 1 })
	stop()
	n := 0
	for _, r := range updates(t, k) {
		if pos := r.GetPosition(); pos.GetCollector() == "bmp/lab" {
			n++
			if pos.GetEpoch() <= seen {
				t.Fatalf("epoch %d, %d was seen", pos.GetEpoch(), seen)
			}
		}
	}
	if n == 0 {
		t.Error("nothing was said of the router")
	}
}

// TestLiveWatchLists checks that each of two replicas writes the watch lists whose streams go to
// its partitions, and that no list is written by both.
func TestLiveWatchLists(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 4)
	var section watch.Section
	for i := range 20 {
		section = append(section, watch.ListConfig{Name: fmt.Sprint("list-", i), ASNs: []string{"64496"}})
	}
	var stops []func()
	for i := range 2 {
		r, err := watch.Open(func() (watch.Loaded, error) { return watch.Load(section, "") })
		if err != nil {
			t.Fatal(err)
		}
		l, err := ingest.NewLive(routersOnly(datatest.FreeAddress(t)), ingest.LiveDeps{Log: kafkatest.Log(), Kafka: k, Instance: fmt.Sprint(i), Version: "test", Now: time.Now, Watch: r})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- l.Run(ctx) }() // ends with stop
		stops = append(stops, func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	lists := func() map[string][]uint64 {
		epochs := map[string][]uint64{}
		for _, u := range updates(t, k) {
			if u.GetWatchList() != nil {
				name := u.GetWatchList().GetName()
				epochs[name] = append(epochs[name], u.GetPosition().GetEpoch())
			}
		}
		return epochs
	}
	waittest.Until(t, 30*time.Second, "all lists", func() bool { return len(lists()) == len(section) })
	for _, stop := range stops {
		stop()
	}
	for name, epochs := range lists() {
		// the first replica may have had all before the second came
		if !slices.IsSorted(epochs) || len(slices.Compact(epochs)) > 2 {
			t.Errorf("%s is written in the epochs %v", name, epochs)
		}
	}
}

// TestLiveWaitsForKafka checks that without a broker Live reports it, and ends with ctx.
func TestLiveWaitsForKafka(t *testing.T) {
	t.Parallel()
	k := kafka.DefaultConfig()
	k.Brokers = []string{datatest.FreeAddress(t)}
	l, stop := start(t, routersOnly(datatest.FreeAddress(t)), k)
	waittest.Until(t, 20*time.Second, "a reason", func() bool { return strings.Contains(l.Ready().Error(), "waiting for Kafka") })
	stop()
}
