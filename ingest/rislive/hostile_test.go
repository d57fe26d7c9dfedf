package rislive_test

import (
	"context"
	"flag"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// hostileFor is the duration of each kind of hostile server. Bar 8 requires ten minutes.
var hostileFor = flag.Duration("hostile.for", time.Second, "how long each kind of hostile server is borne")

// heap samples the peak size of the heap until ctx ends.
func heap(ctx context.Context, most *atomic.Uint64) {
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most.Store(max(most.Load(), m.HeapAlloc))
		if !pause(ctx, 20*time.Millisecond) {
			return
		}
	}
}

// TestHostile is bar 8's part of RIS Live: one connection meets a hostile server repeatedly while
// the other continues. No message is missing, memory is bounded, and the log has address and
// reason, at a limited rate.
func TestHostile(t *testing.T) { //nolint:paralleltest // measures the heap
	reasons := map[string]string{
		"a frame of 1 GB": "read limited at", "endless JSON": "read limited at", "random bytes": "reading", "a deflate bomb": "read limited at",
		"half a frame": "unexpected EOF", "a redirect": `redirected to \"/elsewhere\", which is not followed`, "random bytes for HTTP": "connecting", "503": "503",
	}
	for _, h := range rislivetest.Hostilities() {
		t.Run(h.Name, func(t *testing.T) { hostile(t, h, reasons[h.Name]) })
	}
}

func hostile(t *testing.T, h rislivetest.Hostility, reason string) {
	t.Helper()
	r := newRig(t, rislivetest.Options{}, []string{"rrc00", "rrc01"}, func(c *rislive.Config) {
		c.RetryMin = 30 * time.Millisecond
		c.RetryMax = 100 * time.Millisecond
	})
	begun := time.Now()
	r.listening(t)
	s := small()
	for s.Length < *hostileFor {
		s = s.Then(small())
	}
	want, n := scheduled(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	sampled, stop := context.WithCancel(ctx)
	defer stop()
	go heap(sampled, &most)
	played := make(chan error, 1)
	go func() { played <- r.srv.Play(ctx, s, time.Now().Add(200*time.Millisecond), 1) }()
	pause(ctx, 400*time.Millisecond)
	kept := r.srv.Conns()[0]
	r.srv.Turn(h)
	r.srv.Conns()[1].Break(rislivetest.Cut)
	err := <-played
	stop() // the data decoded for the comparison do not count
	if err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, time.Minute, "messages", func() bool { return r.messages(t) >= n })
	waittest.Until(t, time.Minute, "the reason in the log", func() bool { return gave(r, reason) }) // a busy machine meets the server late
	if kept.Subscriptions() != 2 || r.srv.Conns()[0] != kept {
		t.Error("the other connection was lost as well")
	}
	cancel()
	r.stop()
	compare(t, want, said(t, r.set.Updates.Updates(t)))
	if r.srv.Redirected() != 0 {
		t.Error("a redirect was followed")
	}
	if grown := int64(most.Load()) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
	checkLog(t, r, reason, time.Since(begun))
	t.Logf("%d connections, heap grew by %d KiB, %d lines", r.srv.Accepted(), (int64(most.Load())-int64(before.HeapAlloc))>>10, len(r.logs.lines()))
}

// checkLog checks that the log has the reason with the address, and few lines for so long a time.
func checkLog(t *testing.T, r *rig, reason string, took time.Duration) {
	t.Helper()
	if lines := r.logs.lines(); !gave(r, reason) || len(lines) > 12+4*int(took/(10*time.Second)) {
		t.Errorf("%d lines, want few, and one of %s with %q:\n%s", len(lines), address(r), reason, strings.Join(lines, "\n"))
	}
}

// gave reports whether the log has the reason with the address.
func gave(r *rig, reason string) bool {
	return slices.ContainsFunc(r.logs.lines(), func(l string) bool { return strings.Contains(l, reason) && strings.Contains(l, address(r)) })
}

// address returns the server's address.
func address(r *rig) string {
	return strings.TrimSuffix(strings.TrimPrefix(r.srv.URL, "ws://"), "/v1/ws/")
}
