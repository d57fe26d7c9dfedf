package sink

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// childEnv makes the test binary run as a sink that can be killed.
const childEnv = "SINK_TEST_CHILD"

type childConfig struct {
	Sink       Config
	Brokers    []string
	Dataset    string // of the topics
	ClickHouse clickhouse.Server
}

// child runs a sink until it is killed. Returning is a failure.
func child() error {
	var c childConfig
	if err := json.Unmarshal([]byte(os.Getenv(childEnv)), &c); err != nil {
		return err
	}
	k := kafka.DefaultConfig()
	k.Brokers = c.Brokers
	s, err := New(c.Sink, Deps{Log: slog.New(slog.DiscardHandler), Kafka: k.WithDataset(c.Dataset), ClickHouse: c.ClickHouse, Dataset: "test", Instance: "sink-0"})
	if err != nil {
		return err
	}
	return s.Run(context.Background())
}

func startChild(t *testing.T, c childConfig) *exec.Cmd {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(b))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// TestKilled kills sinks and engines at random moments, again and again. Every row must be stored
// once in the end.
func TestKilled(t *testing.T) {
	t.Parallel()
	const rounds = 14
	dir := filepath.Join(t.TempDir(), "clickhouse")
	if err := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	k, c := childKafka(t)
	c.Sink.BatchMaxRows, c.Sink.FlushInterval = 1500, 50*time.Millisecond // many inserts: many moments
	w := newWorld()
	total := 0
	r := rand.New(rand.NewPCG(3, uint64(time.Now().UnixNano())))
	for round := range rounds {
		total += w.fill(t, k, 30_000)
		e := clickhousetest.StartIn(t, dir)
		c.ClickHouse = e.Server()
		cmd := startChild(t, c)
		time.Sleep(time.Duration(200+r.IntN(500)) * time.Millisecond)
		victim := "sink"
		if round%2 == 1 { // the engine dies under the sink, and both are killed while the engine restarts
			victim = "engine"
			kill(t, e.PID())
			time.Sleep(time.Duration(r.IntN(200)) * time.Millisecond)
		}
		kill(t, cmd.Process.Pid)
		_ = cmd.Wait()
		t.Logf("round %d: killed the %s", round, victim)
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e := clickhousetest.StartIn(t, dir)
	conn := open(t, e.Server())
	stop := start(t, DefaultConfig(), k, e.Server(), "test")
	drained(t, k)
	stop()
	exact(t, conn, "route_change_log", total)
	if n := one[uint64](t, conn, "SELECT uniqExact(collector, epoch, sequence, idx) FROM darkmap.route_changes"); n != uint64(total) {
		t.Errorf("%d different rows, want %d", n, total)
	}

	// The same records come again from new topics: no row may be added, and even the table's parts
	// must not change.
	again, _ := childKafka(t)
	if n := newWorldOf(t, again, total); n != total {
		t.Fatalf("drew %d rows, want the same %d", n, total)
	}
	stop = start(t, DefaultConfig(), again, e.Server(), "test")
	drained(t, again)
	stop()
	exact(t, conn, "route_change_log", total)
}

// newWorldOf fills topics with the records of TestKilled.
func newWorldOf(t *testing.T, k kafka.Config, total int) int {
	t.Helper()
	w, n := newWorld(), 0
	for n < total {
		n += w.fill(t, k, 30_000)
	}
	return n
}

// childKafka is a broker whose topics a child can find.
func childKafka(t *testing.T) (kafka.Config, childConfig) {
	t.Helper()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Open: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	k := b.Use(kafka.DefaultConfig()).WithDataset("crash")
	if _, err := kafka.Apply(t.Context(), k, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	return k, childConfig{Sink: DefaultConfig(), Brokers: k.Brokers, Dataset: "crash"}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
