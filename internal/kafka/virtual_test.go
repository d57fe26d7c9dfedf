package kafka_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// TestTakeOver, in virtual time: a member that vanishes is replaced when its session has ended, and
// not before. A member that returns under its name has its partitions at once.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := kafkatest.Virtual(t, 3)
		adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
		if err != nil {
			t.Fatal(err)
		}
		defer adm.Close()
		// drain measures the time until everything is read, to 100 ms of virtual time: each check
		// costs real time.
		drain := func() time.Duration {
			t.Helper()
			began := time.Now()
			for {
				ok, err := kafka.Drained(t.Context(), adm, cfg, kafkatest.Log(), enrich)
				if err != nil {
					t.Fatal(err)
				}
				if ok {
					return time.Since(began)
				}
				time.Sleep(100 * time.Millisecond)
			}
		}
		more, produced := 0, 0
		feed := func() {
			t.Helper()
			for c := range collectors {
				produce(t, cfg, fmt.Sprintf("file/%d", c), more*10, 10)
			}
			more++
			produced = more * 10
		}
		feed()
		stopA := start(t, newDoubler(cfg, "a", 100))
		drain()
		time.Sleep(5 * time.Second) // past its first heartbeats
		stopA()
		feed()
		if took := drainAfter(t, cfg, "a", drain); took > time.Second {
			t.Errorf("a member that comes back takes %v, want at once", took)
		}
		time.Sleep(2 * time.Second)
		feed()
		if took := drainAfter(t, cfg, "b", drain); took < time.Second || took > 10*time.Second {
			t.Errorf("another member takes over after %v, want within 10s, when the session has ended", took)
		}
		checkDoubled(t, cfg, produced)
	})
}

// drainAfter runs a member until everything is read.
func drainAfter(t *testing.T, cfg kafka.Config, instance string, drain func() time.Duration) time.Duration {
	t.Helper()
	stop := start(t, newDoubler(cfg, instance, 100))
	defer stop()
	took := drain()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	<-ctx.Done() // time for heartbeats
	return took
}

// TestWaiting, in virtual time: while the broker is away, the producer reports that a caller waits
// for room, and the time without an answer.
func TestWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, cfg := kafkatest.Virtual(t, 4)
		p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		if silent, ok := p.Waiting(); ok {
			t.Errorf("somebody waits, for %v", silent)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute) // no caller waits: this does not count
		ctx, cancel := context.WithCancel(t.Context())
		defer p.EndAfter(ctx, time.Second)()
		done := make(chan error)
		go func() { // ends with the producer
			var err error
			for err == nil {
				err = p.Produce(t.Context(), "ris/rrc00", make([]byte, 512<<10))
			}
			done <- err
		}()
		time.Sleep(30 * time.Second)
		if silent, ok := p.Waiting(); !ok || silent < 29*time.Second || silent > 30*time.Second {
			t.Errorf("got %v, %v; want that somebody has been waiting for 30s", silent, ok)
		}
		cancel()
		if err := <-done; err == nil {
			t.Error("no error after the end")
		}
		if _, ok := p.Waiting(); ok {
			t.Error("somebody waits after the end")
		}
	})
}
