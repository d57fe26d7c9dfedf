package rislive_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/rislivetest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The full size of bar 2 is -faults.length=1h -faults.number=50 -faults.speed=30, which takes two minutes and a machine that is
// not busy: a connection that is silent for two thirds of a second is left then.
var (
	faultsLength = flag.Duration("faults.length", time.Minute, "how much of the feed the fault tests play")
	faultsNumber = flag.Int("faults.number", 2, "how many faults there are in it")
	faultsSpeed  = flag.Int("faults.speed", 15, "how many times as fast as it was; all configured times are divided by it")
	faultsSeed   = flag.Uint64("faults.seed", 1, "their seed")
)

// at30 is how long something takes that takes d at 30 times speed.
func at30(d time.Duration) time.Duration { return d * 30 / time.Duration(*faultsSpeed) }

var four = []string{"rrc00", "rrc01", "rrc03", "rrc04"}

// sound reports whether both connections listen.
func (r *rig) sound() bool {
	conns := r.srv.Conns()
	for _, c := range conns {
		if c.Subscriptions() < len(r.client.Collectors()) {
			return false
		}
	}
	return len(conns) == 2
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// playOn plays a schedule, says that it has, and keeps the feed alive until ctx ends.
func (r *rig) playOn(ctx context.Context, s *rislivetest.Schedule, start time.Time) <-chan error {
	played := make(chan error, 1)
	go func() {
		played <- r.srv.Play(ctx, s, start, float64(*faultsSpeed))
		_ = r.srv.Play(ctx, rislivetest.Quiet(four, time.Hour), time.Now(), float64(*faultsSpeed)) // until ctx ends
	}()
	return played
}

// breakOne breaks one of the connections at random, and waits until both are sound and overlap again.
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
		lag := at30(time.Duration(rnd.IntN(1500)) * time.Millisecond)
		t.Logf("connection %d lags by %v", n, lag)
		c.Lag(lag)
		breaking = lag > at30(1200*time.Millisecond)
		pause(ctx, at30(time.Second))
		c.Lag(0)
		pause(ctx, lag)
	default:
		breaking = i >= len(rislivetest.Harmless())
		t.Logf("connection %d: %v", n, all[i])
		c.Break(all[i])
	}
	for end := time.Now().Add(at30(10 * time.Second)); ctx.Err() == nil && time.Now().Before(end); pause(ctx, 5*time.Millisecond) {
		if (!breaking || r.srv.Accepted() > accepted) && r.sound() {
			break
		}
	}
	pause(ctx, at30(500*time.Millisecond))
}

// TestOneConnectionBroken is bar 2 (i): with at most one connection broken at a time nothing is missing, said twice or out of
// order, and no gap is reported.
func TestOneConnectionBroken(t *testing.T) {
	t.Parallel()
	s := routeViews(t, four, *faultsLength)
	want, n := scheduled(t, s)
	r := newRig(t, rislivetest.Options{Skew: at30(30 * time.Millisecond)}, time.Duration(*faultsSpeed), four, nil)
	r.listening(t)
	begun := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	played := r.playOn(ctx, s, begun.Add(300*time.Millisecond))
	defer cancel()
	pause(ctx, at30(800*time.Millisecond)) // both have brought something
	rnd := rand.New(rand.NewPCG(*faultsSeed, 2))
	whole := *faultsLength / time.Duration(*faultsSpeed)
	for i := range *faultsNumber {
		at := begun.Add(at30(800*time.Millisecond) + whole*time.Duration(i)/time.Duration(*faultsNumber))
		pause(ctx, max(0, time.Until(at)))
		r.breakOne(ctx, t, rnd)
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for r.messages(t) < n && time.Now().Before(deadline) {
		pause(ctx, 50*time.Millisecond)
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
