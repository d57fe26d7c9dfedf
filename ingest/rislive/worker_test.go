package rislive_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

// TestRepairedFromArchives is bar 2 (ii) with the worker that answers gaps in production: it finds
// the files in an index that grows as they are published.
func TestRepairedFromArchives(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o rislivetest.Options) {
		t.Helper()
		bothBroken(t, o, workerFix)
	})
}

// workerFix passes gaps to a bootstrap.Worker. It answers a gap without a beginning itself: there
// were no messages before the play.
func workerFix(ctx context.Context, t *testing.T, index string, gaps <-chan *stream.Gap) {
	t.Helper()
	cfg := archive.DefaultConfig()
	cfg.Index, cfg.Cache = filepath.Join(filepath.Dir(index), "published.tsv"), t.TempDir()
	files := readIndex(t, index)
	text, err := os.ReadFile(index)
	if err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(cfg.Index, nil, 0o600); err != nil {
		t.Error(err)
		return
	}
	finder, err := archive.NewFinder(cfg, nil)
	if err != nil {
		t.Error(err)
		return
	}
	fetcher, err := archive.NewFetcher(cfg, nil)
	if err != nil {
		t.Error(err)
		return
	}
	repair := bootstrap.DefaultConfig()
	repair.CheckInterval = 0 // there is no dump
	w, err := bootstrap.New(repair, bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Finder: finder, Fetcher: fetcher, Now: time.Now})
	if err != nil {
		t.Error(err)
		return
	}
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	wait.Go(func() { publish(ctx, t, cfg.Index, files, strings.SplitAfter(string(text), "\n")) })
	for {
		select {
		case <-ctx.Done():
			return
		case g := <-gaps:
			if g.Since != 0 {
				w.Gap(g)
			} else if err := g.End(ctx, g.FillLane(), stream.Outcome{Complete: true}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	}
}

// publish repeatedly writes the lines of the index whose files are published, until ctx ends.
func publish(ctx context.Context, t *testing.T, path string, files []archiveFile, lines []string) {
	t.Helper()
	for pause(ctx, time.Second) {
		var b strings.Builder
		for i, f := range files {
			if f.kind == "updates" && time.Since(f.end) > published() {
				b.WriteString(lines[i])
			}
		}
		if err := os.WriteFile(path+".new", []byte(b.String()), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
}
