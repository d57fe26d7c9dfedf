package ingest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/schemas"
)

// abandoned returns a running Live whose broker has just gone, in virtual time.
func abandoned(t *testing.T) *running {
	t.Helper()
	b, cfg := kafkatest.Virtual(t, 4)
	l, err := NewLive(DefaultConfig(), LiveDeps{Log: kafkatest.Log(), Kafka: cfg, Instance: "a", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// fill writes until an error, and returns it.
func fill(ctx context.Context, r *running) error {
	for {
		if err := r.updates.Produce(ctx, "ris/rrc00", make([]byte, 512<<10)); err != nil {
			return err
		}
	}
}

// TestBlocked checks, in virtual time, that a broker that is away does not end the process, and
// that /readyz reports it.
func TestBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := abandoned(t)
		defer r.close()
		if got := r.blocked(); len(got) > 0 || r.waiting() {
			t.Errorf("at the start: %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer r.updates.EndAfter(ctx, time.Second)()
		done := make(chan error)
		go func() { done <- fill(t.Context(), r) }() // ends with the producer
		time.Sleep(2 * time.Second)
		if got := r.blocked(); len(got) > 0 || !r.waiting() {
			t.Errorf("after a moment: %v, waiting %v", got, r.waiting())
		}
		time.Sleep(40 * time.Second)
		if got := r.blocked(); len(got) != 1 || !strings.Contains(got[0].Error(), "waiting for Kafka: nothing was written to bgp.updates.v1 for 4") {
			t.Errorf("after a while: %v", got)
		}
		cancel()
		if err := <-done; err == nil {
			t.Error("no error after the end")
		}
	})
}

// TestFailsWhileBlocked checks, in virtual time, that a failing part ends the parts that wait for a
// broker that is away.
func TestFailsWhileBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := abandoned(t)
		defer r.close()
		broken := errors.New("broken")
		began := time.Now()
		err := r.run(t.Context(), func(ctx context.Context) error { return fill(ctx, r) }, func(context.Context) error {
			time.Sleep(time.Minute)
			return broken
		})
		if took := time.Since(began); !errors.Is(err, broken) || took > time.Minute+2*kafka.DefaultDrain {
			t.Errorf("got %v after %v, want the failure, %v after it at most", err, took, 2*kafka.DefaultDrain)
		}
	})
}

// TestDeadLetterAtTheEnd checks that a dead letter from just before the end is kept.
func TestDeadLetterAtTheEnd(t *testing.T) {
	t.Parallel()
	k := kafkatest.New(t, 2)
	l, err := NewLive(DefaultConfig(), LiveDeps{Log: kafkatest.Log(), Kafka: k, Instance: "a", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r, err := l.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	err = r.run(t.Context(), func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // as a source that ends
		for i := range n {
			if err := r.deadLetter(ctx, stream.DeadLetter{Origin: "test", Offset: int64(i), Raw: []byte("x"), Err: errors.New("broken")}); err != nil {
				return err
			}
		}
		return nil
	})
	r.close()
	if got := len(kafkatest.Read(t, k, schemas.TopicDeadLetter)); err != nil || got != n {
		t.Errorf("got %v, %d dead letters; want %d", err, got, n)
	}
}

// TestLinesAreLimited checks that lost dead letters do not fill the log.
func TestLinesAreLimited(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := &running{deadLetterLog: telemetry.NewLimited(slog.New(slog.NewTextHandler(&out, nil)), time.Minute, 3)}
	r.deadLetterCtx, r.cancelDeadLetters = context.WithCancel(t.Context())
	r.cancelDeadLetters()
	k := kafka.DefaultConfig()
	k.Brokers = []string{"192.0.2.1:9092"}
	var err error
	if r.dead, err = kafka.NewClient(k, kafkatest.Log()); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := r.deadLetter(t.Context(), stream.DeadLetter{Origin: "test", Err: errors.New("broken")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.dead.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.dead.Close()
	if n := bytes.Count(out.Bytes(), []byte("a dead letter is lost")); n == 0 || n > 5 {
		t.Errorf("%d lines for 1000 lost dead letters", n)
	}
}
