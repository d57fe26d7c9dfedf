package bootstrap_test

import (
	"context"
	"fmt"
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
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// follow makes a follower of rrc00 in a scene; the scene's own stream is taken over.
func follow(sc *scene) *bootstrap.Follower {
	sc.t.Helper()
	finder, fetcher := serve(sc.t, sc.a.Dir)
	cfg := fast()
	cfg.FollowMissing, cfg.FollowStep = 200*time.Millisecond, 5*time.Millisecond
	f, err := bootstrap.NewFollower(cfg, bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Finder: finder, Fetcher: fetcher, Now: sc.now}, sc.worker, sc.set.Set, []string{rrc00})
	if err != nil {
		sc.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(sc.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }() // ends with ctx
	sc.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			sc.t.Error(err)
		}
	})
	f.Own([]string{rrc00})
	return f
}

// followed are the positions in lane follow, in order, as seconds of the file after dumped and number of the record.
func (sc *scene) followed() []string {
	var out []string
	for _, r := range sc.set.Updates.Updates(sc.t) {
		if p := r.GetPosition(); p.GetLane() == "follow" {
			out = append(out, fmt.Sprintf("%d/%d", int64(p.GetEpoch())-dumped.Unix(), p.GetSequence()))
		}
	}
	return out
}

// TestFollow: archives are played when the late clock has reached each message, from the present of that clock on; before that
// stands a bootstrap. A file that is not there becomes a gap before what follows, and is filled when it appears.
func TestFollow(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	var all []archivetest.Change
	for i := range 10 { // one every 30 s
		all = append(all, change(dumped.Add(time.Duration(i)*30*time.Second), i%2, i))
	}
	later := func(by time.Duration) (out []archivetest.Change) {
		for _, ch := range all {
			ch.At = ch.At.Add(by)
			out = append(out, ch)
		}
		return out
	}
	sc.updates(dumped, all...)
	f := follow(sc)
	sc.want(sc.ends(1)[:1], "fill complete=true filled=false peers=2 after 5 messages, 0 states")
	sc.ahead.Store(int64(2*time.Minute + 45*time.Second)) // 08:04:45
	waitFor(t, func() bool { return len(sc.followed()) >= 5 }, sc.worker)
	sc.want(sc.followed(), "0/6", "0/7", "0/8", "0/9", "0/10")
	if err := f.Ready(); err != nil {
		t.Error(err)
	}
	sc.updates(dumped.Add(10*time.Minute), later(10*time.Minute)...) // the one before is missing
	sc.ahead.Store(int64(8*time.Minute + 45*time.Second))            // 08:10:45
	waitFor(t, func() bool { return len(sc.reasons(pb.FeedEvent_FEED_EVENT_GAP)) >= 2 }, sc.worker)
	sc.updates(dumped.Add(5*time.Minute), later(5*time.Minute)...)
	if got := sc.ends(2)[1]; !strings.HasPrefix(got, "fill complete=true filled=true peers=0 after 12 messages") {
		t.Errorf("got %s; want the missing file in a fill", got)
	}
	sc.ahead.Store(int64(12*time.Minute + 50*time.Second)) // 08:14:50
	waitFor(t, func() bool { return slices.Contains(sc.followed(), "600/10") }, sc.worker)
	if got := sc.followed(); !slices.IsSortedFunc(got[5:], func(a, b string) int { return len(a) - len(b) }) || slices.Contains(got, "300/1") || slices.Contains(got, "600/1") {
		t.Errorf("got %v; want what follows 08:10:45 alone", got)
	}
	f.Own(nil)
	waitFor(t, func() bool { return len(sc.set.Streams()) == 0 }, sc.worker)
}

// TestFollowBoundary: a record stamped just before the file that it stands in is played; in the file that playing begins in the middle
// of, what lies before is not.
func TestFollowBoundary(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	sc.updates(dumped, change(dumped.Add(time.Minute), 0, 1), change(dumped.Add(4*time.Minute), 0, 2))
	next := dumped.Add(5 * time.Minute)
	sc.updates(next, change(next.Add(-100*time.Millisecond), 0, 3), change(next.Add(time.Second), 0, 4))
	follow(sc)
	sc.ends(1)
	sc.ahead.Store(int64(4 * time.Minute)) // 08:06
	waitFor(t, func() bool { return slices.Contains(sc.followed(), "300/2") }, sc.worker)
	sc.want(sc.followed(), "0/2", "300/1", "300/2")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_GAP); len(got) != 1 {
		t.Errorf("got gaps %q, want the first alone", got)
	}
}

// held is a producer that takes its time over the record CollectorUp: the scene's clock goes on meanwhile.
type held struct {
	streamtest.Recorder
	hold func()
}

func (h *held) Produce(ctx context.Context, name string, value []byte) error {
	var rec pb.UpdateRecord
	if err := rec.UnmarshalVT(value); err == nil && rec.GetCollectorUp() != nil {
		h.hold()
	}
	return h.Recorder.Produce(ctx, name, value)
}

// TestFollowStart: playing begins where the first gap ends, however long it takes to write that it is there.
func TestFollowStart(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.s.Close()
	sc.updates(dumped, change(dumped.Add(time.Minute), 0, 1), change(dumped.Add(150*time.Second), 0, 2), change(dumped.Add(4*time.Minute), 0, 3))
	up := &held{hold: func() { sc.ahead.Store(int64(time.Minute)) }}
	log := slog.New(slog.DiscardHandler)
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: log, Now: sc.now, Updates: up, Feeds: discard{}})
	if err != nil {
		t.Fatal(err)
	}
	sc.set.Set = set
	follow(sc)
	var got []int64
	waitFor(t, func() bool {
		got = nil
		for _, r := range up.Updates(t) {
			if r.GetBgpMessage() != nil {
				got = append(got, r.GetTimestampUs())
			}
		}
		return len(got) > 0
	}, sc.worker)
	if want := dumped.Add(150 * time.Second).UnixMicro(); got[0] != want {
		t.Errorf("the first message played is of %s, want %s", time.UnixMicro(got[0]).UTC(), time.UnixMicro(want).UTC())
	}
}

// TestKilled: a worker that dies in the middle leaves nothing behind but the cache: the next session begins anew, and the state is
// right in the end.
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

// discard is a producer of what nobody reads.
type discard struct{}

func (discard) Produce(context.Context, string, []byte) error { return nil }

func (discard) ProduceAll(context.Context, []byte) error { return nil }
