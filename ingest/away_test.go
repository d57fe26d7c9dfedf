package ingest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// abandoned is what runs beside a broker that has just gone, in virtual time.
func abandoned(t *testing.T) *running {
	t.Helper()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Network: &kfake.VirtualNetwork{}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
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

// fill writes until it cannot, and returns why.
func fill(ctx context.Context, r *running) error {
	for {
		if err := r.updates.Produce(ctx, "ris/rrc00", make([]byte, 512<<10)); err != nil {
			return err
		}
	}
}

// TestBlocked, in virtual time: a broker that is away is no reason to be killed, and /readyz says it.
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

// TestFailsWhileBlocked, in virtual time: where one part fails while the broker is away, those that wait for room end too.
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
		if took := time.Since(began); !errors.Is(err, broken) || took > time.Minute+2*drain {
			t.Errorf("got %v after %v, want the failure, %v after it at most", err, took, 2*drain)
		}
	})
}
