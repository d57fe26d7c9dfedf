package detect_test

import (
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/checkpoint"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// kept is a counter whose state is kept in checkpoints. It requests tables when records are
// missing.
type kept struct {
	counter
	lost    map[string]int // number of lost records by collector
	missing bool
	events  *keptEvents
}

// keptEvents holds the events in the lives of a kept, for a test.
type keptEvents struct {
	registry                     prometheus.Registerer // of the stage's metrics; nil: they are not registered
	snapshots, restores, applied atomic.Int64
	// snapshot is called for each snapshot.
	snapshot func()
	// now is the time by which checkpoints are written: a few seconds after the last window closed,
	// Unix seconds.
	now atomic.Int64
}

// keptState is the content of a snapshot.
type keptState struct {
	Seen map[string]uint32
	Sum  uint64
	Lost map[string]int
}

func (k *kept) Snapshot(w io.Writer) error {
	k.events.snapshots.Add(1)
	if k.events.snapshot != nil {
		k.events.snapshot()
	}
	b, err := json.Marshal(keptState{k.seen, k.sum, k.lost})
	if err != nil {
		return err
	}
	return gob.NewEncoder(w).Encode(b)
}

func (k *kept) Restore(r io.Reader) error {
	k.events.restores.Add(1)
	var b []byte
	if err := gob.NewDecoder(oneByOne{r}).Decode(&b); err != nil {
		return err
	}
	var s keptState
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	k.seen, k.sum, k.lost = s.Seen, s.Sum, s.Lost
	return nil
}

// oneByOne is an io.ByteReader, so that gob reads no octet after the value that it decodes.
type oneByOne struct{ io.Reader }

func (o oneByOne) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(o.Reader, b[:])
	return b[0], err
}

func (k *kept) Apply(rec *pb.RouteRecord, at int64) error {
	k.events.applied.Add(1)
	if rec.GetRecordsLost() != nil {
		k.lost[rec.GetPosition().GetCollector()]++
	}
	return k.counter.Apply(rec, at)
}

func (k *kept) CloseWindow(start int64) ([]core.Out, error) {
	k.events.now.Store(start + 65)
	return k.counter.CloseWindow(start)
}

func (k *kept) RecordsMissing() { k.missing = true }

func (k *kept) RequestTables(start int64) []core.Out {
	if !k.missing {
		return nil
	}
	return []core.Out{{Topic: schemas.TopicFeeds, Key: []byte("ris/rrc00"), Record: &pb.FeedRecord{
		TimestampUs: start * 1e6, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, Reason: fmt.Sprint(len(k.lost), " collectors lost records"),
	}}}
}

// keptStage returns a stage of a kept. A checkpoint is due every five minutes of its windows.
func keptStage(cfg kafka.Config, instance, settings string, poll int, of counter, ev *keptEvents) (*detect.Stage, error) {
	c := detect.DefaultConfig()
	c.PollMaxRecords, c.BufferMaxBytes = poll, 64<<10
	ev.now.CompareAndSwap(0, minute0)
	return detect.New(c, detect.Deps{
		Kafka: cfg, Log: kafkatest.Log(), Instance: instance, Settings: settings, Registerer: ev.registry,
		Now: func() time.Time { return time.Unix(ev.now.Load(), 0) },
		NewDetector: func() (detect.Detector, error) {
			d := &kept{counter: of, lost: map[string]int{}, events: ev}
			d.seen = map[string]uint32{}
			return d, nil
		},
	})
}

func newKept(t *testing.T, cfg kafka.Config, settings string, of counter, ev *keptEvents) *detect.Stage {
	t.Helper()
	s, err := keptStage(cfg, "0", settings, 40, of, ev)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkpoints returns the newest checkpoints on the topic.
func checkpoints(t *testing.T, cfg kafka.Config) checkpoint.Found {
	t.Helper()
	found, err := checkpoint.Store{Kafka: cfg, Log: kafkatest.Log(), Detector: detect.Name}.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// life runs a kept over a feed that grows by ten minutes at a time, so that a checkpoint can be
// written in between.
type life struct {
	cfg      kafka.Config
	f        feed
	settings string
	of       counter
	ev       *keptEvents
}

func newLife(t *testing.T, partitions int32, minutes int) *life {
	t.Helper()
	return &life{cfg: kafkatest.New(t, partitions), f: feed{minutes: minutes, perMinute: 100, seq: make([]uint64, collectors)}, settings: "a"}
}

// run begins a new life and grows the log to minute to. The life ends when it has read the log.
func (l *life) run(t *testing.T, to int) {
	t.Helper()
	l.ev = &keptEvents{}
	s := newKept(t, l.cfg, l.settings, l.of, l.ev)
	defer start(t, s)()
	if l.f.done > 0 {
		until(t, func() bool { return s.Ready() == nil })
	}
	for {
		kafkatest.WaitDrained(t, l.cfg, reading)
		if l.f.done >= to {
			return
		}
		l.f.produce(t, l.cfg, min(to, l.f.done+10))
	}
}

// newest returns the newest checkpoint.
func (l *life) newest(t *testing.T) checkpoint.Manifest {
	t.Helper()
	f := checkpoints(t, l.cfg)
	if len(f.Manifests) == 0 {
		t.Fatalf("there is no checkpoint: %v", f.Faults)
	}
	return f.Manifests[0]
}

// same compares the published records with those of an undisturbed life.
func (l *life) same(t *testing.T) {
	t.Helper()
	if diff := gocmp.Diff(reference(t, l.f.minutes, l.f.perMinute), published(t, l.cfg)); diff != "" {
		t.Errorf("published (-undisturbed +got):\n%.3000s", diff)
	}
}

// restored checks whether the last life continued from a checkpoint.
func (l *life) restored(t *testing.T, want bool) {
	t.Helper()
	if got := l.ev.restores.Load() > 0; got != want {
		t.Errorf("went on from a checkpoint: %v, want %v", got, want)
	}
}
