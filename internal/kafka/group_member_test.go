package kafka_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
)

// sharer is a member that records its partitions.
type sharer struct {
	mu    sync.Mutex
	owned []int32
	stop  func()
}

func (s *sharer) has() []int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owned
}

func newSharer(t *testing.T, cfg kafka.Config, instance string) *sharer {
	t.Helper()
	s := &sharer{}
	share, err := kafka.NewGroupMember(cfg, "ingest", instance, schemas.TopicUpdates, kafkatest.Log(), nil, func(owned []int32) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.owned = owned
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- share.Run(ctx) }() // ends with stop
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	return s
}

// TestShare, in virtual time: members share the partitions. Those of a member that vanishes go to
// the other within ten seconds. A member that returns under its name before that has them at once.
func TestShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := kafkatest.Virtual(t, 5)
		check := func(after string, members ...*sharer) {
			t.Helper()
			var all []int32
			for _, m := range members {
				if len(m.has()) < 5/len(members) {
					t.Errorf("%s: a member has %v", after, m.has())
				}
				all = append(all, m.has()...)
			}
			if slices.Sort(all); !slices.Equal(all, []int32{0, 1, 2, 3, 4}) {
				t.Errorf("%s: the members have %v, want each partition once", after, all)
			}
		}
		a := newSharer(t, cfg, "a")
		time.Sleep(3 * time.Second)
		check("one", a)
		c := newSharer(t, cfg, "c")
		time.Sleep(8 * time.Second)
		check("two", a, c)
		had := a.has()
		a.stop()
		a = newSharer(t, cfg, "a")
		time.Sleep(5 * time.Second) // the others may have to send a heartbeat first
		if !slices.Equal(a.has(), had) {
			t.Errorf("a member that comes back has %v, had %v", a.has(), had)
		}
		time.Sleep(3 * time.Second)
		a.stop()
		time.Sleep(10 * time.Second)
		check("one is gone", c)
		c.stop()
	})
}

// TestShareDiesJoining, in virtual time: a member that vanishes while members join delays the
// others, and the admission of a third one, by at most ten seconds.
func TestShareDiesJoining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, cfg := kafkatest.Virtual(t, 5)
		a := newSharer(t, cfg, "a")
		time.Sleep(3 * time.Second)
		b := newSharer(t, cfg, "b")
		time.Sleep(100 * time.Millisecond) // a learns of it with its next heartbeat
		if len(b.has()) != 0 {
			t.Fatal("b has joined already")
		}
		b.stop()
		time.Sleep(5 * time.Second)
		c := newSharer(t, cfg, "c")
		time.Sleep(10 * time.Second)
		all := append(slices.Clone(a.has()), c.has()...)
		if slices.Sort(all); len(c.has()) < 2 || !slices.Equal(all, []int32{0, 1, 2, 3, 4}) {
			t.Errorf("after ten seconds a has %v and c %v, want each partition once", a.has(), c.has())
		}
		a.stop()
		c.stop()
	})
}
