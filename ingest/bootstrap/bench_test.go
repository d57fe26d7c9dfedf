package bootstrap_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
)

// BenchmarkBootstrap answers the gaps without a beginning of four collectors. The written records
// are discarded, so time and memory are those of the worker (and of the file server).
// -bar.prefixes, -bar.peers and -bar.dir set the size.
func BenchmarkBootstrap(b *testing.B) {
	w := barWorld()
	dir := *barDir
	if dir == "" {
		dir = b.TempDir()
	}
	if _, err := os.Stat(filepath.Join(dir, archivetest.IndexName)); err != nil {
		makeArchive(b, w, dir)
	}
	finder, fetcher := serve(b, dir)
	begin, used := time.Now(), cpu(b)
	routes := 0
	for b.Loop() {
		now := func() time.Time { return dumped.Add(sinceDump).Add(time.Since(begin)) }
		ctx, cancel := context.WithCancel(b.Context())
		var ended atomic.Int32
		d := bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Finder: finder, Fetcher: fetcher, Now: now}
		d.Progress = func(p bootstrap.Progress) {
			if p.Ended && p.Complete {
				ended.Add(1)
			}
		}
		worker, err := bootstrap.New(fast(), d)
		if err != nil {
			b.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- worker.Run(ctx) }() // ends with ctx
		set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: d.Log, Now: now, Updates: discard{}, Feeds: discard{}, OnGap: worker.Gap})
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range w.Collectors {
			beginLive(b, set, name)
		}
		waitFor(b, func() bool { return int(ended.Load()) == len(w.Collectors) }, worker)
		cancel()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		routes += len(w.Collectors) * w.Peers * w.Prefixes
	}
	b.ReportMetric(float64(cpu(b)-used)/float64(routes), "cpu-ns/route")
	b.Logf("peak RSS %s", peak(b))
}

// cpu returns the processor time of this process on all cores.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
