package follow_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/follow"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rrc00 = "ris/rrc00"

// dumped is the time of the table dump, and the beginning of the first update file.
var dumped = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// scene has an archive that the test writes, streams that keep the written records, and a worker
// that answers their gaps. It runs in virtual time.
type scene struct {
	t       *testing.T
	w       *archivetest.World
	a       archivetest.Archive
	finder  archive.Finder
	fetcher *archive.Fetcher
	set     *streamtest.Set
	begin   time.Time // in virtual time
	start   time.Time // by the late clock
}

// virtual runs a test in virtual time with a scene whose late clock begins at start.
func virtual(t *testing.T, start time.Time, fn func(sc *scene)) {
	t.Helper()
	dir, cache := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		sc := &scene{t: t, w: &archivetest.World{Collectors: []string{rrc00}, Peers: 2, Prefixes: 60}, a: archivetest.Archive{Dir: dir}, begin: time.Now(), start: start}
		index := filepath.Join(dir, archivetest.IndexName)
		sc.check(os.WriteFile(index, nil, 0o600))
		cfg := archive.DefaultConfig()
		cfg.Cache, cfg.Index = cache, index
		var err error
		sc.finder, err = archive.NewFinder(cfg, nil)
		sc.check(err)
		sc.fetcher, err = archive.NewFetcher(cfg, nil)
		sc.check(err)
		sc.set = streamtest.New(t, stream.DefaultConfig(), sc.now)
		sc.answerGaps()
		fn(sc)
	})
}

func (sc *scene) check(err error) {
	sc.t.Helper()
	if err != nil {
		sc.t.Fatal(err)
	}
}

func (sc *scene) now() time.Time { return sc.start.Add(time.Since(sc.begin)) }

// until waits for a time of the late clock, and until all goroutines are idle.
func (sc *scene) until(t time.Time) {
	time.Sleep(t.Sub(sc.now()))
	synctest.Wait()
}

// run calls fn in a goroutine that ends with the test.
func (sc *scene) run(fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(sc.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- fn(ctx) }() // ends with ctx
	sc.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			sc.t.Error(err)
		}
	})
}

// answerGaps runs a worker that answers the set's gaps.
func (sc *scene) answerGaps() {
	sc.t.Helper()
	w, err := bootstrap.New(bootstrap.DefaultConfig(), bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Finder: sc.finder, Fetcher: sc.fetcher, Now: sc.now})
	sc.check(err)
	sc.run(w.Run)
	sc.run(func(ctx context.Context) error {
		for {
			select {
			case g := <-sc.set.Gaps:
				w.Gap(g)
			case <-ctx.Done():
				return nil
			}
		}
	})
}

// follow runs a follower of rrc00 on streams.
func (sc *scene) follow(streams *stream.Set) *follow.Follower {
	sc.t.Helper()
	cfg := follow.Config{Delay: time.Second, Collectors: []string{rrc00}, PollInterval: 7 * time.Second, FileTimeout: 2 * time.Minute, StepInterval: 250 * time.Millisecond}
	f, err := follow.New(cfg, follow.Deps{Streams: streams, Finder: sc.finder, Fetcher: sc.fetcher, Now: sc.now})
	sc.check(err)
	sc.run(f.Run)
	f.Own([]string{rrc00})
	return f
}

func (sc *scene) dump(at time.Time) {
	sc.t.Helper()
	name := at.Format("bview.20060102.1504.gz")
	sc.check(sc.a.Add(rrc00, "rib", at, at, name, func(w io.Writer) error { return sc.w.WriteDump(w, 0, at) }))
}

func (sc *scene) updates(at time.Time, changes ...archivetest.Change) {
	sc.t.Helper()
	name := at.Format("updates.20060102.1504.gz")
	sc.check(sc.a.Add(rrc00, "updates", at, at.Add(5*time.Minute), name, func(w io.Writer) error { return sc.w.WriteUpdates(w, 0, changes) }))
}

func change(at time.Time, peer, prefix int) archivetest.Change {
	return archivetest.Change{At: at, Peer: peer, Prefix: prefix, Version: 2}
}

// followed returns the positions in lane follow, in order, as seconds of the file after dumped and
// number of the record.
func (sc *scene) followed() []string {
	var out []string
	for _, r := range sc.set.Updates.Updates(sc.t) {
		if p := r.GetPosition(); p.GetLane() == "follow" {
			out = append(out, fmt.Sprintf("%d/%d", int64(p.GetEpoch())-dumped.Unix(), p.GetSequence()))
		}
	}
	return out
}

// ends returns the ends of gaps.
func (sc *scene) ends() []*pb.GapEnd {
	var out []*pb.GapEnd
	for _, r := range sc.set.Updates.Updates(sc.t) {
		if e := r.GetGapEnd(); e != nil {
			out = append(out, e)
		}
	}
	return out
}

// filled returns the times of the messages of fills, after dumped.
func (sc *scene) filled() []time.Duration {
	var out []time.Duration
	for _, r := range sc.set.Updates.Updates(sc.t) {
		if r.GetBgpMessage() != nil && r.GetPosition().GetLane() != "follow" {
			out = append(out, time.UnixMicro(r.GetTimestampUs()).Sub(dumped))
		}
	}
	return out
}

// gaps returns the reasons of the gaps in bgp.feeds.
func (sc *scene) gaps() []string {
	var out []string
	for _, f := range sc.set.Feeds.Feeds(sc.t) {
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP {
			out = append(out, f.GetReason())
		}
	}
	return out
}
