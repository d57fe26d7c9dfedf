package ingest_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The bar's size is -chaos.length=10m -chaos.stop=30s -chaos.within=10s -chaos.apache.
var (
	chaosLength = flag.Duration("chaos.length", 5*time.Second, "how long replicas are killed")
	chaosEvery  = flag.Duration("chaos.every", 20*time.Second, "time between two kills")
	chaosStop   = flag.Duration("chaos.stop", 9*time.Second, "how long another replica stands still")
	// The broker detects a dead member after six seconds. A busy machine takes longer.
	chaosWithin = flag.Duration("chaos.within", 20*time.Second, "how long a collector may be without an owner")
	chaosApache = flag.Bool("chaos.apache", false, "use a real Kafka")
)

const risLiveEnv = "DARKMAP_TEST_RISLIVE"

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{"ingest": replica, "lists": lister}) {
		return
	}
	goleak.VerifyTestMain(m)
}

// chaosHosts are the followed collectors.
var chaosHosts = []string{"rrc00", "rrc01", "rrc03", "rrc04", "rrc05", "rrc06", "rrc07", "rrc10"}

// replica is an ingest process that follows a RIS Live.
func replica(ctx context.Context, k kafka.Config, instance string) error {
	cfg := ingest.DefaultConfig()
	cfg.RouteViews.Enabled, cfg.Archives = false, false
	cfg.RISLive.URL, cfg.RISLive.Collectors = os.Getenv(risLiveEnv), chaosHosts
	cfg.Stream.TickInterval, cfg.Stream.StatusInterval = 200*time.Millisecond, time.Second
	l, err := ingest.NewLive(cfg, ingest.LiveDeps{Log: kafkatest.Log(), Kafka: k, Instance: instance, Version: "test", Now: time.Now})
	if err != nil {
		return err
	}
	return l.Run(ctx)
}

// TestChaos kills replicas and stops one for a while. Each collector has one effective owner again
// in time, positions never repeat or go back, and they identify the records of a stale owner.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("kills take their time")
	}
	var files []string
	for i := range 4 {
		files = append(files, datatest.Path(t, "mrt", fmt.Sprintf("routeviews2-20130101-arch%d.mrt.gz", i)))
	}
	sched, err := rislivetest.Read(chaosHosts, files...)
	if err != nil {
		t.Fatal(err)
	}
	server := rislivetest.Start(t, rislivetest.Options{})
	t.Setenv(risLiveEnv, server.URL)
	k := chaosKafka(t)
	playing, stop := context.WithCancel(t.Context())
	played := make(chan struct{})
	go func() { // ends with stop
		defer close(played)
		for playing.Err() == nil {
			if err := server.Play(playing, sched, time.Now(), 4); err != nil {
				return
			}
		}
	}()
	began := time.Now()
	names := []string{"a", "b", "c"}
	replicas := map[string]*kafkatest.Process{}
	for _, n := range names {
		replicas[n] = kafkatest.Start(t, "ingest", k, n)
	}
	// The first owners.
	waittest.Until(t, 20*time.Second, "every collector is owned", func() bool { return len(ticking(t, k)) == len(chaosHosts) })
	settled := time.Now()
	t.Logf("every collector is owned after %v", settled.Sub(began).Round(time.Millisecond))
	kills := havoc(t, k, names, replicas)
	waittest.Until(t, 20*time.Second, "every collector is owned", func() bool { return len(ticking(t, k)) == len(chaosHosts) })
	stop()
	<-played
	for _, n := range names {
		replicas[n].Stop()
	}
	report(t, k, kills, settled)
}

func chaosKafka(t *testing.T) kafka.Config {
	t.Helper()
	if *chaosApache {
		return kafkatest.Dataset(t, kafkatest.Apache(t), 6)
	}
	return kafkatest.New(t, 6)
}

// havoc kills one replica after the other, and stops another meanwhile. The killed ones start again
// after twelve seconds or at once, in turn.
func havoc(t *testing.T, k kafka.Config, names []string, replicas map[string]*kafkatest.Process) (kills int) {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	back := map[string]time.Time{} // killed replicas, with the time of their restart
	var paused string
	var resume time.Time
	stopped := false
	next := began
	for now := range tick.C {
		for n, at := range back {
			if now.After(at) {
				delete(back, n)
				replicas[n] = kafkatest.Start(t, "ingest", k, n)
			}
		}
		if paused != "" && now.After(resume) {
			replicas[paused].Resume()
			paused = ""
		}
		if now.Sub(began) > *chaosLength && len(back) == 0 && paused == "" {
			return kills
		}
		if now.Before(next) || now.Sub(began) > *chaosLength {
			continue
		}
		next = next.Add(*chaosEvery)
		victim := names[kills%len(names)]
		if victim == paused || !back[victim].IsZero() {
			victim = names[(kills+1)%len(names)]
		}
		replicas[victim].Kill()
		back[victim] = now.Add(time.Duration((kills+1)%2) * 12 * time.Second)
		kills++
		if !stopped && (*chaosLength < 2**chaosEvery || now.Sub(began) >= *chaosLength/3) {
			stopped = true
			i := slices.Index(names, victim)
			paused, resume = names[(i+1)%len(names)], now.Add(*chaosStop)
			if !back[paused].IsZero() {
				paused = names[(i+2)%len(names)]
			}
			replicas[paused].Pause()
		}
	}
	return kills
}

// ticking returns the collectors whose newest epoch has ticked.
func ticking(t *testing.T, k kafka.Config) map[string]bool {
	t.Helper()
	newest, ticked := map[string]uint64{}, map[string]uint64{}
	for _, u := range updates(t, k) {
		p := u.GetPosition()
		if p.GetLane() != "live" {
			continue
		}
		newest[p.GetCollector()] = max(newest[p.GetCollector()], p.GetEpoch())
		if u.GetTick() != nil && u.GetReceivedAtUs() > time.Now().Add(-2*time.Second).UnixMicro() {
			ticked[p.GetCollector()] = p.GetEpoch()
		}
	}
	out := map[string]bool{}
	for c, s := range ticked {
		if newest[c] == s {
			out[c] = true
		}
	}
	return out
}

// course is a reader's view of a collector.
type course struct {
	last     bgp.Position
	at       int64 // time at which its last effective record was written
	longest  time.Duration
	epochs   int
	stale    int
	gapped   bool
	messages int
}

// report reads bgp.updates as its readers do.
func report(t *testing.T, k kafka.Config, kills int, settled time.Time) {
	t.Helper()
	seen := map[string]*course{}
	for _, r := range kafkatest.Read(t, k, schemas.TopicUpdates) {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if u.GetPosition().GetLane() == "live" {
			c := seen[u.GetPosition().GetCollector()]
			if c == nil {
				c = &course{}
				seen[u.GetPosition().GetCollector()] = c
			}
			c.take(t, u, settled.UnixMicro())
		}
	}
	var all course
	for _, h := range chaosHosts {
		c := seen["ris/"+h]
		if c == nil {
			t.Errorf("nothing of %s", h)
			continue
		}
		all.longest = max(all.longest, c.longest)
		all.epochs += c.epochs
		all.stale += c.stale
		all.messages += c.messages
	}
	t.Logf("%d kills, one replica stopped for %v: %d collectors, %d epochs, %d messages; without an owner for %v at most; %d records of stale owners told and dropped",
		kills, *chaosStop, len(seen), all.epochs, all.messages, all.longest.Round(time.Millisecond), all.stale)
	if all.longest > *chaosWithin {
		t.Errorf("a collector was without an owner for %v, want at most %v", all.longest, *chaosWithin)
	}
}

// take processes one record. It drops a record of an older epoch. The others must come without a
// hole.
func (c *course) take(t *testing.T, u *pb.UpdateRecord, settled int64) {
	t.Helper()
	p := codec.ParsePosition(u.GetPosition())
	switch {
	case p.Epoch < c.last.Epoch:
		c.stale++
		return
	case p.Epoch > c.last.Epoch:
		if u.GetEpochBegin() == nil || p.Sequence != 1 {
			t.Fatalf("%v begins with %T", p, u.GetBody())
		}
		c.epochs++
		c.gapped = false
	case p.Sequence != c.last.Sequence+1:
		t.Fatalf("%v follows %v", p, c.last)
	}
	if c.at > settled {
		c.longest = max(c.longest, time.Duration(u.GetReceivedAtUs()-c.at)*time.Microsecond)
	}
	c.last, c.at = p, u.GetReceivedAtUs()
	c.gapped = c.gapped || u.GetGapBegin() != nil
	if u.GetBgpMessage() != nil {
		c.messages++
		if !c.gapped {
			t.Fatalf("%v: a message before the gap is told", p)
		}
	}
}
