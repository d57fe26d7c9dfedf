package detect_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// admin returns a client for operations that only an operator does.
func admin(t *testing.T, cfg kafka.Config) *kadm.Client {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(adm.Close)
	return adm
}

// TestInterleaving01WaitingRecords: records that wait in the clock for their window are a part of a
// checkpoint. They lie before its offsets, and no later process reads them again.
func TestInterleaving01WaitingRecords(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 40)
	l.run(t, 30)
	m, waiting := l.newest(t), 0
	for _, rec := range kafkatest.Read(t, l.cfg, schemas.TopicRoutes) {
		r := &pb.RouteRecord{}
		if err := r.UnmarshalVT(rec.Value); err != nil {
			t.Fatal(err)
		}
		if rec.Offset < m.Offsets[rec.Partition] && r.GetTimestampUs() >= (m.Window+60)*1e6 && r.GetClock() == nil {
			waiting++
		}
	}
	if waiting == 0 {
		t.Error("no record waits in the checkpoint: the test shows nothing")
	}
	l.run(t, 40)
	l.restored(t, true)
	if got, all := l.ev.applied.Load(), int64(40*100); got > all*3/4 {
		t.Errorf("%d records of %d were applied again", got, all)
	}
	l.same(t)
}

// TestInterleaving02WithinRecord: one record closes many windows, and a checkpoint is taken between
// two of them, with the steps that are left. The next life continues with these steps.
func TestInterleaving02WithinRecord(t *testing.T) {
	t.Parallel()
	const minutes = 2000
	cfg := kafkatest.New(t, 2)
	longHole(t, cfg, minutes)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ev := &keptEvents{}
	var last atomic.Int64
	broken := errors.New("broken")
	of := counter{fail: func(start int64) error {
		if last.Store(start); start >= minute0+60*1000 {
			return broken
		}
		// Give the checkpoint before time to be written; each window is a chance.
		if start > minute0+60*500 {
			time.Sleep(time.Millisecond)
		}
		return nil
	}}
	s := newKept(t, cfg, "a", of, ev)
	if err := s.Run(ctx); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	first := len(kafkatest.Read(t, cfg, schemas.TopicOutages))
	f := checkpoints(t, cfg)
	if len(f.Manifests) == 0 || f.Manifests[0].Offsets[0]+f.Manifests[0].Offsets[1] < 4 {
		t.Fatalf("got %+v, want a checkpoint within the last record", f)
	}
	again := &keptEvents{}
	stop := start(t, newKept(t, cfg, "a", counter{}, again))
	kafkatest.WaitDrained(t, cfg, reading)
	stop()
	if again.restores.Load() == 0 {
		t.Error("the second life did not go on from it")
	}
	windows := map[int64]int{}
	for _, rec := range kafkatest.Read(t, cfg, schemas.TopicOutages) {
		o := &pb.OutageRecord{}
		if err := o.UnmarshalVT(rec.Value); err != nil {
			t.Fatal(err)
		}
		windows[(o.GetStartS()-minute0)/60]++
	}
	for w := range int64(minutes) {
		if windows[w] != 1 {
			t.Fatalf("window %d was published %d times (%d before)", w, windows[w], first)
		}
	}
}

// TestInterleaving03Rejected: records that are rejected until their window closes become dead
// letters once, whether a checkpoint lies between or not.
func TestInterleaving03Rejected(t *testing.T) {
	t.Parallel()
	l := newLife(t, 2, 40)
	l.of = counter{refuse: 150} // in each of five collectors
	p, err := kafka.NewProducer(t.Context(), l.cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	odd := func() {
		b, err := (&pb.RouteRecord{Position: &pb.Position{Collector: "file/0", Lane: "file/x"}, TimestampUs: -1}).MarshalVT()
		if err == nil {
			err = p.ProduceAll(t.Context(), b)
		}
		if err == nil {
			err = p.Flush(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	l.run(t, 10)
	for to := 20; to <= 40; to += 10 {
		odd()
		l.run(t, to)
	}
	l.restored(t, true)
	if got := len(kafkatest.Read(t, l.cfg, schemas.TopicDeadLetter)); got != 5+2*3 {
		t.Errorf("%d dead letters, want 11", got)
	}
}

// TestInterleaving04NoCommit: the group's commits have expired. The last window published is then
// read from the newest records, and no window is published twice.
func TestInterleaving04NoCommit(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 40)
	l.run(t, 30)
	adm := admin(t, l.cfg)
	until(t, func() bool { // The static member leaves when its session has ended.
		_, err := adm.DeleteGroup(t.Context(), l.cfg.Group(detect.Name))
		return err == nil
	})
	l.run(t, 40)
	l.restored(t, true)
	l.same(t)
}

// TestInterleaving04OlderCommit: a commit older than a checkpoint makes the checkpoint unusable,
// and the state is built from the log.
func TestInterleaving04OlderCommit(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 40)
	l.run(t, 30)
	offsets := kadm.Offsets{}
	topic := l.cfg.Topic(schemas.TopicRoutes)
	for p := range int32(4) {
		offsets.Add(kadm.Offset{Topic: topic, Partition: p, At: 5, LeaderEpoch: -1, Metadata: kafka.WindowMetadata(minute0)})
	}
	adm := admin(t, l.cfg)
	until(t, func() bool {
		return adm.CommitAllOffsets(t.Context(), l.cfg.Group(detect.Name), offsets) == nil
	})
	l.run(t, 30)
	l.restored(t, false)
}

// TestInterleaving05NewerCommit: windows that were published after the checkpoint are closed
// without output.
func TestInterleaving05NewerCommit(t *testing.T) {
	t.Parallel()
	l := newLife(t, 1, 40)
	for _, to := range []int{9, 18, 27, 36, 40} {
		l.run(t, to)
	}
	l.restored(t, true)
	l.same(t)
}

// TestInterleaving07Trimmed: the log has lost records after the checkpoint. They count as lost to
// each collector of their partition, tables are requested once, and the restored state stays valid.
func TestInterleaving07Trimmed(t *testing.T) {
	t.Parallel()
	l := newLife(t, 2, 40)
	l.run(t, 20)
	l.f.produce(t, l.cfg, 30)
	trim(t, l.cfg)
	l.run(t, 40)
	l.restored(t, true)
	why, windows := feeds(t, l.cfg)
	if diff := gocmp.Diff([]string{"5 collectors lost records"}, why); diff != "" {
		t.Fatalf("tables wanted (-want +got):\n%s", diff)
	}
	if windows[0] < 18 {
		t.Errorf("asked at the end of window %d, which was published before", windows[0])
	}
	seen := map[int64]bool{}
	for _, rec := range kafkatest.Read(t, l.cfg, schemas.TopicOutages) {
		o := &pb.OutageRecord{}
		if err := o.UnmarshalVT(rec.Value); err != nil {
			t.Fatal(err)
		}
		if seen[o.GetStartS()] {
			t.Errorf("window %d was published twice", (o.GetStartS()-minute0)/60)
		}
		seen[o.GetStartS()] = true
	}
}

// TestInterleaving08OtherSettings: a checkpoint with other settings is not used, and the state is
// built from the log.
func TestInterleaving08OtherSettings(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 40)
	l.run(t, 20)
	l.settings = "b"
	l.run(t, 20)
	l.restored(t, false)
	l.run(t, 40)
	l.same(t)
}

// TestNewerFormat: checkpoints of a newer version are refused with their reason. The state is built
// from the log, and the result is the same.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 60)
	l.run(t, 40)
	rewrite(t, l.cfg, 2, false, func(m *checkpoint.Manifest) { m.Format++ })
	all, err := checkpoint.Store{Kafka: l.cfg, Log: kafkatest.Log(), Detector: detect.Name}.Report(t.Context(), false)
	if err != nil || len(all) != 2 || !strings.Contains(all[0].Fault, "of another format: 2, and this version reads 1") {
		t.Errorf("got %+v, %v", all, err)
	}
	l.run(t, 60)
	l.restored(t, false)
	l.same(t)
}

// TestDamagedNewest: if the newest checkpoint is damaged, the one before is used. If both are, the
// state is built from the log.
func TestDamagedNewest(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 60)
	l.run(t, 40)
	f := checkpoints(t, l.cfg)
	if len(f.Manifests) != 2 {
		t.Fatalf("got %d checkpoints, want 2", len(f.Manifests))
	}
	spoil(t, l.cfg, 1)
	l.run(t, 40)
	if l.ev.restores.Load() != 2 {
		t.Errorf("%d attempts, want one with each", l.ev.restores.Load())
	}
	l.run(t, 60)
	l.same(t)
	spoil(t, l.cfg, 2)
	before := l.ev.applied.Load()
	l.run(t, 60)
	if l.ev.applied.Load() <= before {
		t.Errorf("%d records were applied, want all of the log", l.ev.applied.Load())
	}
	l.same(t)
}

// TestInterleaving10TakeOver: a member that stands by has no state. It continues from the last
// checkpoint of the active member, and no window is left out.
func TestInterleaving10TakeOver(t *testing.T) {
	t.Parallel()
	l := newLife(t, 4, 60)
	l.run(t, 20)
	ev := [2]*keptEvents{{}, {}}
	var stops [2]func()
	for i, name := range []string{"0", "1"} {
		s, err := keptStage(l.cfg, name, "a", 40, counter{}, ev[i])
		if err != nil {
			t.Fatal(err)
		}
		stops[i] = start(t, s)
		if i == 0 {
			kafkatest.WaitDrained(t, l.cfg, reading)
		}
	}
	l.f.produce(t, l.cfg, 40)
	kafkatest.WaitDrained(t, l.cfg, reading)
	stops[0]()
	l.f.produce(t, l.cfg, 60)
	kafkatest.WaitDrained(t, l.cfg, reading)
	stops[1]()
	if ev[1].restores.Load() == 0 {
		t.Error("the second did not go on from a checkpoint")
	}
	l.same(t)
}

// TestInterleaving13WantedBesideFamilies: the beginning of the log decides whether tables are
// requested, and its end at the start decides when. Such a request has no position of a family, so
// all other records stay the same.
func TestInterleaving13WantedBesideFamilies(t *testing.T) {
	t.Parallel()
	l := newLife(t, 1, 40)
	l.f.produce(t, l.cfg, 20)
	topic := l.cfg.Topic(schemas.TopicRoutes)
	if _, err := admin(t, l.cfg).DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: 1}}}); err != nil {
		t.Fatal(err)
	}
	l.run(t, 40)
	if why, _ := feeds(t, l.cfg); len(why) != 1 {
		t.Errorf("tables wanted: %q, want one request", why)
	}
	l.same(t)
}
