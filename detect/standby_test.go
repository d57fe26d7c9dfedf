package detect_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestInterleaving11StandbyTakesOver, in virtual time: the active member dies in the middle of a
// transaction. Within ten seconds the member that stood by has published the windows that are due,
// and readers see them: the transaction of the dead member is over.
func TestInterleaving11StandbyTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := kafkatest.Virtual(t, 2)
		f := feed{minutes: 30, perMinute: 20, seq: make([]uint64, collectors)}
		f.produce(t, cfg, 10)
		first, second := prometheus.NewRegistry(), prometheus.NewRegistry()
		stop := start(t, newKept(t, cfg, "a", counter{}, &keptEvents{registry: first}))
		kafkatest.WaitDrained(t, cfg, reading)
		standby, err := keptStage(cfg, "1", "a", 40, counter{}, &keptEvents{registry: second})
		if err != nil {
			t.Fatal(err)
		}
		stopStandby := start(t, standby)
		defer stopStandby()
		time.Sleep(20 * time.Second) // it stands by, and both have sent heartbeats
		if a, b := active(t, first), active(t, second); a != 1 || b != 0 {
			t.Errorf("darkmap_detect_active is %v and %v on standby, want 1 and 0", a, b)
		}
		stop() // a static member leaves without a message
		dead := openTransaction(t, cfg)
		defer dead.Close()
		died := time.Now()
		f.produce(t, cfg, 20)
		for len(kafkatest.Read(t, cfg, schemas.TopicOutages)) < 18 {
			if time.Sleep(100 * time.Millisecond); time.Since(died) > time.Minute {
				t.Fatal("nobody took over within a minute")
			}
		}
		if took := time.Since(died); took > 10*time.Second {
			t.Errorf("the takeover took %v, want at most 10s", took)
		}
		if a, b := active(t, first), active(t, second); a != 0 || b != 1 {
			t.Errorf("darkmap_detect_active is %v and %v after the takeover, want 0 and 1", a, b)
		}
		for _, rec := range kafkatest.Read(t, cfg, schemas.TopicOutages) {
			o := &pb.OutageRecord{}
			if err := o.UnmarshalVT(rec.Value); err != nil {
				t.Fatal(err)
			}
			if o.GetId() == "of the dead" {
				t.Error("what the dead member had not committed was published")
			}
		}
	})
}

// active returns the value of darkmap_detect_active.
func active(t *testing.T, from prometheus.Gatherer) float64 {
	t.Helper()
	all, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() == "darkmap_detect_active" {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatal("there is no darkmap_detect_active")
	return 0
}

// openTransaction begins a transaction of the stage, as the active member does, and writes a record in it.
func openTransaction(t *testing.T, cfg kafka.Config) *kgo.Client {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.TransactionalID(cfg.Group(detect.Name)), kgo.TransactionTimeout(30*time.Second))
	if err == nil {
		err = cl.BeginTransaction()
	}
	if err != nil {
		t.Fatal(err)
	}
	value, err := (&pb.OutageRecord{Id: "of the dead"}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: cfg.Topic(schemas.TopicOutages), Key: []byte("x"), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return cl
}
