package detect_test

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// requester is a counter that requests a table.
type requester struct {
	counter
	missing bool
}

func (r *requester) RecordsMissing() { r.missing = true }

func (r *requester) RequestTables(start int64) []core.Out {
	why := "whole log"
	if r.missing {
		why = "trimmed log"
	}
	return []core.Out{{Topic: schemas.TopicFeeds, Key: []byte("ris/rrc00"), Record: &pb.FeedRecord{
		TimestampUs: start * 1e6, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED, Reason: why,
	}}}
}

func newRequester(t *testing.T, cfg kafka.Config) *detect.Stage {
	t.Helper()
	c := detect.DefaultConfig()
	c.PollMaxRecords = 50
	s, err := detect.New(c, detect.Deps{Kafka: cfg, Log: kafkatest.Log(), Instance: "0", NewDetector: func() (detect.Detector, error) {
		return &requester{counter: counter{seen: map[string]uint32{}}}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// feeds returns the reasons of the records on bgp.feeds, and their windows.
func feeds(t *testing.T, cfg kafka.Config) (why []string, windows []int64) {
	t.Helper()
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicFeeds) {
		f := &pb.FeedRecord{}
		if err := f.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if p := f.GetPosition(); p.GetCollector() != "detect" || p.GetLane() != "out" || p.GetSequence()>>24 != uint64(f.GetTimestampUs()/60e6) {
			t.Errorf("position %v of the window at %d", p, f.GetTimestampUs()/1e6)
		}
		why, windows = append(why, f.GetReason()), append(windows, (f.GetTimestampUs()/1e6-minute0)/60)
	}
	return why, windows
}

// TestTablesRequested: a state that is built from a log without its beginning requests tables once,
// when it has caught up. A state with the whole log never does.
func TestTablesRequested(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	f := feed{minutes: 30, perMinute: 60, seq: make([]uint64, collectors)}
	f.produce(t, cfg, 10)
	stop := start(t, newRequester(t, cfg))
	kafkatest.WaitDrained(t, cfg, reading)
	stop()
	if why, _ := feeds(t, cfg); why != nil {
		t.Errorf("with the whole log: got %v, want nothing", why)
	}
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	topic := cfg.Topic(schemas.TopicRoutes)
	if _, err := adm.DeleteRecords(t.Context(), kadm.Offsets{topic: {1: {Topic: topic, Partition: 1, At: 5}}}); err != nil {
		t.Fatal(err)
	}
	f.produce(t, cfg, 20)
	stop = start(t, newRequester(t, cfg))
	kafkatest.WaitDrained(t, cfg, reading)
	f.produce(t, cfg, 30)
	kafkatest.WaitDrained(t, cfg, reading)
	stop()
	why, windows := feeds(t, cfg)
	if diff := gocmp.Diff([]string{"trimmed log"}, why); diff != "" {
		t.Fatalf("with a part of the log (-want +got):\n%s", diff)
	}
	if windows[0] < 18 {
		t.Errorf("asked at the end of window %d, before the log was read", windows[0])
	}
}
