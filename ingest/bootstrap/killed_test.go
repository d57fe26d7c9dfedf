package bootstrap_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
)

// TestKilled checks that a worker that dies in the middle leaves only the cache. The next session
// starts from the beginning, and the final state is right.
func TestKilled(t *testing.T) {
	w := &archivetest.World{Collectors: []string{rrc00}, Peers: 4, Prefixes: 60_000}
	dir, cache := t.TempDir(), t.TempDir()
	makeArchive(t, w, dir)
	st := newState()
	begin := time.Now()
	now := func() time.Time { return dumped.Add(sinceDump).Add(time.Since(begin)) }
	run := func(wait func(context.Context, context.CancelFunc) error, done func() bool) {
		t.Helper()
		ctx, kill := context.WithCancel(t.Context())
		defer kill()
		finder, fetcher := rig{}.serve(t, dir, cache)
		d := bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Finder: finder, Fetcher: fetcher, Now: now}
		d.Wait = func(ctx context.Context) error { return wait(ctx, kill) }
		worker, err := bootstrap.New(fast(), d)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- worker.Run(ctx) }() // ends with ctx
		set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: d.Log, Now: now, Updates: st, Feeds: discard{}, OnGap: worker.Gap})
		if err != nil {
			t.Fatal(err)
		}
		s := beginLive(t, set, rrc00)
		waitFor(t, func() bool { return done() || ctx.Err() != nil }, worker)
		kill()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
	ended := func() bool { st.mu.Lock(); defer st.mu.Unlock(); return len(st.ends) > 0 }
	run(func(ctx context.Context, kill context.CancelFunc) error { kill(); return ctx.Err() }, ended)
	if ended() || st.kinds[rrc00+" table"] == 0 {
		t.Fatalf("killed after %v records; want it in the middle of the table", st.kinds)
	}
	files, _ := os.ReadDir(cache)
	run(func(context.Context, context.CancelFunc) error { return nil }, ended)
	if end := st.ends[rrc00]; !end.GetComplete() || len(end.GetPeers()) != w.Peers {
		t.Errorf("got %v, want a complete table", end)
	}
	st.compare(t, w, [][]archivetest.Change{since(w, 0)})
	if len(files) == 0 || !strings.Contains(files[0].Name(), "rib") && !slices.ContainsFunc(files, func(f os.DirEntry) bool { return filepath.Ext(f.Name()) == ".gz" }) {
		t.Errorf("the cache holds %v", files)
	}
	for k, whole := range st.complete {
		if !whole && k.Collector == rrc00 {
			t.Errorf("the table of %v is not whole", bgp.PeerKey{Collector: k.Collector, Peer: k.Peer})
		}
	}
}

// discard is a producer that drops everything.
type discard struct{}

func (discard) Produce(context.Context, string, []byte) error { return nil }

func (discard) ProduceAll(context.Context, []byte) error { return nil }
