package main

import (
	"context"
	"encoding/json"
	"flag"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/enrich/lookup"
	"github.com/darkmap/darkmap/eval/simulate/year"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
	"github.com/darkmap/darkmap/sink/verify"
)

var (
	sinkKills     = flag.Int("sink-kills", 3, "how often the test of a disturbed sink kills it; the published bar is 50")
	disturbedDays = flag.Int("disturbed-days", year.MinDays, "how many days the disturbed sink stores")
)

// asSink in the environment makes the test's program a sink that can be killed.
const asSink = "DARKMAP_TEST_SINK"

type sinkChild struct {
	Sink        sink.Config
	Brokers     []string
	Kafka       string // dataset of the topics
	ClickHouse  clickhouse.Server
	Dataset, ID string
}

func (c *sinkChild) stage() (*sink.Stage, error) {
	k := kafka.DefaultConfig()
	k.Brokers = c.Brokers
	return sink.New(c.Sink, sink.Deps{Log: slog.New(slog.DiscardHandler), Kafka: k.WithDataset(c.Kafka), ClickHouse: c.ClickHouse, Dataset: c.Dataset, Instance: c.ID})
}

// sinkMain runs the sink until it is killed. A return is a failure.
func sinkMain() error {
	var c sinkChild
	if err := json.Unmarshal([]byte(os.Getenv(asSink)), &c); err != nil {
		return err
	}
	s, err := c.stage()
	if err != nil {
		return err
	}
	return s.Run(context.Background())
}

// start starts the sink in a process of its own.
func (c *sinkChild) start(t *testing.T) *exec.Cmd {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asSink+"="+string(b))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// disturbed stores a year through Kafka twice. The first time it stores into whole, after dropping
// whole's datasets, with one sink without disturbance. The second time it stores into a new store,
// with every batch of records sent twice, and with two sinks, of which one is killed again and
// again. Every question of the page has the same answer in both stores, and every disturbed table
// equals its log.
func disturbed(t *testing.T, whole clickhouse.Server, questions []question) {
	t.Helper()
	y, err := year.New(year.Config{Dataset: "year", Until: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Days: *disturbedDays, Scale: year.MinScale, Seed: 1, Appended: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close() //nolint:errcheck // it cannot fail
	broken := clickhousetest.Server(t)
	if _, err := clickhouse.FillLookups(t.Context(), broken, "test", lookup.Countries(), nil); err != nil {
		t.Fatal(err)
	}
	for _, dataset := range []string{"year", y.ReplayDataset()} {
		if err := clickhouse.DropDataset(t.Context(), whole, dataset); err != nil {
			t.Fatal(err)
		}
		storeYear(t, b, whole, y, dataset, false)
		storeYear(t, b, broken, y, dataset, true)
	}
	answered := 0
	for _, q := range questions {
		if differs[q.title] {
			continue
		}
		want, got := askStore(t, whole, q.sql), askStore(t, broken, q.sql)
		if want == nil || got == nil {
			continue
		}
		if len(want.rows) > 0 {
			answered++
		}
		for _, a := range []*reply{want, got} { // rows that are equal in the sort key of a query have no order
			slices.SortFunc(a.rows, slices.Compare[[]string])
		}
		if !slices.EqualFunc(want.rows, got.rows, slices.Equal) {
			t.Errorf("%s: undisturbed\n%sdisturbed\n%s", q.title, want.excerpt(), got.excerpt())
		}
	}
	if answered < len(questions)*2/3 {
		t.Errorf("%d of %d questions have an answer", answered, len(questions))
	}
}

// storeYear stores a dataset of the year. If it is disturbed, storeYear compares the tables with
// the log.
func storeYear(t *testing.T, b *kafka.Broker, server clickhouse.Server, y *year.Year, dataset string, disturb bool) {
	t.Helper()
	begin := time.Now()
	name := []string{"whole-", "broken-"}[btoi(disturb)] + dataset
	k := b.Use(kafka.DefaultConfig()).WithDataset(name)
	if _, err := kafka.Apply(t.Context(), k, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	c := sinkChild{Sink: sink.DefaultConfig(), Brokers: k.Brokers, Kafka: name, ClickHouse: server, Dataset: dataset, ID: "sink-0"}
	produced := make(chan error, 1)
	go func() { produced <- produceYear(t.Context(), k, y, dataset, disturb) }() // ends with the year
	if disturb && dataset == "year" {
		killSinks(t, c)
	}
	if err := <-produced; err != nil {
		t.Fatal(err)
	}
	var stop []func()
	for _, id := range []string{"sink-0", "sink-1"}[:1+btoi(disturb)] {
		c.ID = id
		stage, err := c.stage()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- stage.Run(ctx) }() // ends with ctx
		stop = append(stop, func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("sink: %v", err)
			}
		})
	}
	kafkatest.WaitDrained(t, k, kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
	for _, end := range stop {
		end()
	}
	stored := time.Since(begin)
	if !disturb {
		t.Logf("%s: stored in %v", name, stored)
		return
	}
	r, err := verify.Run(t.Context(), verify.Deps{Log: kafkatest.Log(), Kafka: k, ClickHouse: server, Dataset: dataset})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Right() {
		t.Errorf("%s:\n%s", name, strings.Join(r.Lines(), "\n"))
	}
	t.Logf("%s: %d records of route changes, stored in %v, compared in %v", name, r.Tables[0].Records, stored, time.Since(begin)-stored)
	if n := r.Tables[0].Again; dataset == "year" && n == 0 {
		t.Error("no record came twice")
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// killSinks kills one of two sinks again and again.
func killSinks(t *testing.T, c sinkChild) {
	t.Helper()
	c.Sink.BatchMaxRows, c.Sink.FlushInterval = 1500, 50*time.Millisecond // many inserts make many chances
	other := c
	other.ID = "sink-1"
	second := other.start(t)
	defer func() {
		_ = second.Process.Kill()
		_ = second.Wait()
	}()
	for range *sinkKills {
		cmd := c.start(t)
		time.Sleep(300*time.Millisecond + time.Duration(rand.Int64N(int64(700*time.Millisecond))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// produceYear writes the records of a dataset in batches. If it is disturbed, each record is
// written twice.
func produceYear(ctx context.Context, k kafka.Config, y *year.Year, dataset string, twice bool) error {
	cl, err := kafka.NewClient(k, kafkatest.Log(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	partitions := map[string]int32{}
	for _, t := range schemas.Topics {
		partitions[t.Name] = t.Partitions
		if t.PerCollector {
			partitions[t.Name] = k.Partitions
		}
	}
	for _, stream := range y.Streams() {
		if stream.Dataset != dataset {
			continue
		}
		var batch []*kgo.Record
		send := func() error {
			for range 1 + btoi(twice) {
				copies := make([]*kgo.Record, len(batch))
				for i, rec := range batch {
					copies[i] = &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Value: rec.Value}
				}
				if err := cl.ProduceSync(ctx, copies...).FirstErr(); err != nil {
					return err
				}
			}
			batch = batch[:0]
			return nil
		}
		for rec, err := range stream.Records {
			if err != nil {
				return err
			}
			batch = append(batch, &kgo.Record{Topic: k.Topic(stream.Topic), Partition: rec.Partition % partitions[stream.Topic], Value: slices.Clone(rec.Value)})
			if len(batch) == 500 {
				if err := send(); err != nil {
					return err
				}
			}
		}
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}
