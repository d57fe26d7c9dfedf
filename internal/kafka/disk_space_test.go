package kafka_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// checkFullDiskLog checks what the broker logged within the time that it ran. A member of a group that
// times out on a slow machine is written without a check for room, so that line may appear.
func checkFullDiskLog(t *testing.T, logged, dir string, ran time.Duration) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(logged) {
		if !strings.Contains(line, "persist group entry") {
			lines = append(lines, line)
		}
	}
	said := strings.Join(lines, "")
	for _, want := range []string{"the disk is full", "dir=" + dir, "there is room on the disk again"} {
		if !strings.Contains(said, want) {
			t.Errorf("logged no %q: %s", want, logged)
		}
	}
	if strings.Contains(said, "cannot write its data") {
		t.Errorf("logged %s", logged)
	}
	if n := strings.Count(said, "the disk is full"); n > 1+int(ran/time.Minute) {
		t.Errorf("logged %d times within %v that the disk is full", n, ran)
	}
}

// TestFullDisk: on a full disk nothing fails. Sent records wait, and the broker logs the reason.
// When there is room, all records are written in order and once. Afterwards the folder is
// undamaged.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := datatest.SmallDisk(t, 96<<20)
	dir := filepath.Join(disk, "kafka")
	var out lockedBuffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))
	began := time.Now()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Use(kafka.DefaultConfig())
	cfg.Partitions = 3
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	stop := start(t, newDoubler(cfg, "0", 50))
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	send := func(n int) {
		t.Helper()
		for range n {
			for c := range collectors {
				key := fmt.Sprintf("file/%d", c)
				if err := p.Produce(t.Context(), key, fmt.Appendf(nil, "%s %d", key, records)); err != nil {
					t.Fatal(err)
				}
			}
			records++
		}
	}
	send(1)
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The stage has joined its group: the broker writes that without a check for room.
	kafkatest.WaitDrained(t, cfg, enrich)
	for round := range 3 {
		send(200)
		free := datatest.FillDisk(t, disk)
		send(100)
		mark := p.Mark()
		// The second round is longer than the timeout of a transaction.
		time.Sleep(time.Duration(2+11*(round%2)) * time.Second)
		if done, err := p.Acked(mark); done || err != nil {
			t.Errorf("round %d: acknowledged on a full disk: %v, %v", round, done, err)
		}
		send(10)
		free()
		send(50)
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		kafkatest.WaitDrained(t, cfg, enrich)
		checkDoubled(t, cfg, records)
	}
	p.Close()
	stop()
	checkFullDiskLog(t, out.String(), dir, time.Since(began))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	var again lockedBuffer
	if b, err = kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: dir, Log: slog.New(slog.NewTextHandler(&again, nil))}); err != nil {
		t.Fatal(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	cfg = b.Use(cfg)
	checkDoubled(t, cfg, records)
	if again.String() != "" {
		t.Errorf("started again: said %s", again.String())
	}
}
