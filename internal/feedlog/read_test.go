package feedlog_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRead: Read and Follow return the feeds of the dataset of cfg, and of no other.
func TestRead(t *testing.T) {
	t.Parallel()
	live := kafkatest.New(t, 2)
	demo := kafkatest.Dataset(t, live, 2)
	status := func(cfg kafka.Config, collector string) {
		t.Helper()
		b, err := (&pb.FeedRecord{Collector: collector, Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: "up"}}).MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		kafkatest.Produce(t, cfg, schemas.TopicFeeds, collector, b)
	}
	names := func(table *feedlog.Table) (out []string) {
		for _, r := range table.Rows(time.Now()) {
			out = append(out, r.Collector)
		}
		return out
	}
	status(live, "ris/rrc01")
	status(live, "ris/rrc00")
	status(demo, "ris/rrc02")
	for _, test := range []struct {
		cfg  kafka.Config
		want []string
	}{{live, []string{"ris/rrc00", "ris/rrc01"}}, {demo, []string{"ris/rrc02"}}} {
		table, err := feedlog.Read(t.Context(), test.cfg, kafkatest.Log())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, names(table)); diff != "" {
			t.Errorf("Read (-want +got):\n%s", diff)
		}
	}
	table := feedlog.New()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- table.Follow(ctx, demo, kafkatest.Log()) }() // ends with ctx
	status(demo, "ris/rrc03")
	end := time.Now().Add(30 * time.Second)
	for len(names(table)) < 2 && time.Now().Before(end) {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Follow: got %v, want nil once it is told to end", err)
	}
	if diff := cmp.Diff([]string{"ris/rrc02", "ris/rrc03"}, names(table)); diff != "" {
		t.Errorf("Follow (-want +got):\n%s", diff)
	}
}
