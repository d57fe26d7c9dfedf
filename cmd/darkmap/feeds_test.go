package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestFeedsOfNothing: the error names the reason: no instance runs, or one with another dataset.
func TestFeedsOfNothing(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	ask := func(want string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"feeds", "--data-dir", path, "--dataset", "nope"}, nil, &out, &errs); code != exitFailed || !strings.Contains(errs.String(), want) {
			t.Errorf("got %d, %q, want %d and %q in it", code, errs.String(), exitFailed, want)
		}
	}
	ask("nothing runs on this data directory")
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test's folder
	if err := d.WriteRun(datadir.Run{Command: "up", Dataset: "live", Kafka: []string{"127.0.0.1:9"}}); err != nil {
		t.Fatal(err)
	}
	ask("darkmap up, has the dataset live and not nope")
}

// TestFeedsWatch: --watch shows the feeds of the running instance, follows it to its next start,
// and reports its end.
func TestFeedsWatch(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, err := datadir.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // closed below
	closeFirst := runsWith(t, d, "ris/rrc01")
	r, w := io.Pipe()
	var errs bytes.Buffer // read once it has ended
	ended := make(chan int, 1)
	var done sync.WaitGroup
	done.Go(func() { // ends with the data directory, or the test
		ended <- run(t.Context(), []string{"feeds", "--watch", "--format", "json", "--data-dir", path}, nil, w, &errs)
		_ = w.Close() // always nil
	})
	defer done.Wait()
	defer r.Close() //nolint:errcheck // always nil
	seen := make([]byte, 0, 1<<16)
	await := func(collector string) {
		t.Helper()
		for !strings.Contains(string(seen), collector) {
			b := make([]byte, 4096)
			n, err := r.Read(b)
			if seen = append(seen, b[:n]...); err != nil {
				t.Fatalf("waited for %s: %v; got %s%s", collector, err, seen, errs.String())
			}
		}
	}
	await("ris/rrc01")
	closeFirst()
	runsWith(t, d, "ris/rrc02")
	await("ris/rrc02")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	if code := <-ended; code != exitFailed || errs.String() != "darkmap: darkmap up has ended\n" {
		t.Errorf("got %d and %q, want %d and that up has ended", code, errs.String(), exitFailed)
	}
}

// runsWith simulates an up in the folder, on a broker that knows one collector. stop ends the
// broker.
func runsWith(t *testing.T, d *datadir.Dir, collector string) (stop func()) {
	t.Helper()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = b.Close() }) // in memory
	t.Cleanup(stop)
	cfg := b.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	value, err := (&pb.FeedRecord{Collector: collector, Source: "rislive", Event: pb.FeedEvent_FEED_EVENT_STATUS, Status: &pb.FeedStatus{State: "up"}}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: cfg.Topic(schemas.TopicFeeds), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteRun(datadir.Run{Command: "up", Dataset: kafka.LiveDataset, Kafka: b.Addrs(), KafkaCredentials: b.Use(kafka.DefaultConfig()).Credentials()}); err != nil {
		t.Fatal(err)
	}
	return stop
}

// TestPrintBrokers: the output names the address of the running broker and the place of the
// password, but not the password. A client can connect with these.
func TestPrintBrokers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // the test is over
	defer runsWith(t, d, "ris/rrc00")()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"feeds", "--print-connection", "--data-dir", dir}, nil, &out, &errs); code != 0 || errs.Len() > 0 {
		t.Fatalf("got %d and %q", code, errs.String())
	}
	r, err := datadir.ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{r.Kafka[0], "SCRAM-SHA-256", filepath.Join(dir, "run.json"), "bgp.outages.v1", "kcat -F", "-t bgp.outages.json.v1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), r.KafkaCredentials.Password) {
		t.Errorf("it prints the password:\n%s", out.String())
	}
	b, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil || !strings.Contains(string(b), `"kafka_credentials"`) || !strings.Contains(string(b), r.KafkaCredentials.Password) {
		t.Errorf("run.json does not hold the password: %v\n%s", err, b)
	}
	if info, err := os.Stat(filepath.Join(dir, "run.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("run.json has mode %v (%v), want 0600", info.Mode(), err)
	}
}
