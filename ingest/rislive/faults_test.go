package rislive_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/rislivetest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The full size of bar 2 is -faults.length=1h -faults.number=50.
var (
	faultsLength = flag.Duration("faults.length", 10*time.Minute, "how much of the feed the fault tests play")
	faultsNumber = flag.Int("faults.number", 8, "how many faults there are in it")
	faultsSeed   = flag.Uint64("faults.seed", 1, "their seed")
)

var four = []string{"rrc00", "rrc01", "rrc03", "rrc04"}

// sound reports whether both connections are subscribed.
func (r *rig) sound() bool {
	conns := r.srv.Conns()
	for _, c := range conns {
		if c.Subscriptions() < len(r.client.Collectors()) {
			return false
		}
	}
	return len(conns) == 2
}

// pause waits, and reports whether ctx is still active.
func pause(ctx context.Context, d time.Duration) bool {
	return retry.Sleep(ctx, d) == nil
}

// playOn plays a schedule, signals its end, and keeps the feed alive until ctx ends.
func (r *rig) playOn(ctx context.Context, s *rislivetest.Schedule, start time.Time) <-chan error {
	played := make(chan error, 1)
	go func() {
		played <- r.srv.Play(ctx, s, start, 1)
		_ = r.srv.Play(ctx, rislivetest.Quiet(four, time.Hour), time.Now(), 1) // until ctx ends
	}()
	return played
}

// breakOne breaks one of the connections at random, and waits until both are sound and overlap
// again.
func (r *rig) breakOne(ctx context.Context, t *testing.T, rnd *rand.Rand) {
	t.Helper()
	conns := r.srv.Conns()
	if len(conns) != 2 {
		t.Errorf("%d connections before a fault", len(conns))
		return
	}
	n := rnd.IntN(2)
	c := conns[n]
	all := append(rislivetest.Harmless(), rislivetest.Breaking()...)
	accepted := r.srv.Accepted()
	var breaking bool
	switch i := rnd.IntN(len(all) + 1); {
	case i == len(all):
		lag := time.Duration(rnd.IntN(45000)) * time.Millisecond
		t.Logf("connection %d lags by %v", n, lag)
		c.Lag(lag)
		breaking = lag > 36*time.Second
		pause(ctx, 30*time.Second)
		c.Lag(0)
		pause(ctx, lag)
	default:
		breaking = i >= len(rislivetest.Harmless())
		t.Logf("connection %d: %v", n, all[i])
		c.Break(all[i])
	}
	for end := time.Now().Add(5 * time.Minute); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 100*time.Millisecond) {
		if (!breaking || r.srv.Accepted() > accepted) && r.sound() {
			break
		}
	}
	pause(ctx, 15*time.Second)
}

// TestOneConnectionBroken is bar 2 (i): with at most one connection broken at a time no message is
// missing, written twice or out of order, and no gap is reported.
func TestOneConnectionBroken(t *testing.T) {
	t.Parallel()
	virtual(t, oneBroken)
}

func oneBroken(t *testing.T, o rislivetest.Options) {
	t.Helper()
	s := routeViews(t, four, *faultsLength)
	want, n := scheduled(t, s)
	o.Skew = 900 * time.Millisecond
	r := newRig(t, o, four, nil)
	r.listening(t)
	begun := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	played := r.playOn(ctx, s, begun.Add(300*time.Millisecond))
	defer cancel()
	pause(ctx, 24*time.Second) // both have brought messages
	rnd := rand.New(rand.NewPCG(*faultsSeed, 2))
	for i := range *faultsNumber {
		at := begun.Add(24*time.Second + *faultsLength*time.Duration(i)/time.Duration(*faultsNumber))
		pause(ctx, max(0, time.Until(at)))
		r.breakOne(ctx, t, rnd)
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for r.messages(t) < n && time.Now().Before(deadline) {
		pause(ctx, time.Second)
	}
	r.stop()
	t.Logf("%d events, %d connections, %v", n, r.srv.Accepted(), time.Since(begun).Round(time.Second))
	compare(t, want, said(t, r.set.Updates.Updates(t)))
	for _, f := range r.set.Feeds.Feeds(t) {
		switch f.GetEvent() {
		case pb.FeedEvent_FEED_EVENT_GAP:
			if f.GetReason() != "no message since the start" {
				t.Errorf("gap of %s: %s", f.GetCollector(), f.GetReason())
			}
		case pb.FeedEvent_FEED_EVENT_DOWN, pb.FeedEvent_FEED_EVENT_DEGRADED:
			if f.GetPeer() == nil {
				t.Errorf("%s: %v %s", f.GetCollector(), f.GetEvent(), f.GetReason())
			}
		default:
		}
	}
	if t.Failed() {
		for _, l := range r.logs.lines() {
			t.Log(l)
		}
	}
}
