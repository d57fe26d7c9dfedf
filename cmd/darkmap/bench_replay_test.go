package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// benchReplay measures `darkmap replay`, all stages in one process with its embedded Kafka and
// engine.
func benchReplay(t *testing.T, l *benchLoad) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), benchLimit)
	defer cancel()
	input := l.write(t, *benchRecords)
	args := []string{"replay", "--dataset", benchDataset, "--data-dir", filepath.Join(t.TempDir(), "data")}
	switch *benchStages {
	case "replay":
	case "replay-no-store":
		args = append(args, "--no-store")
	default:
		t.Fatalf("STAGES: %q: want replay or replay-no-store", *benchStages)
	}
	args = append(args, "--set", fmt.Sprintf("kafka.partitions=%d", *benchPartitions))
	p := &stageProcess{t: t, name: "replay", args: slices.Concat(args, l.flags, input.args), log: filepath.Join(t.TempDir(), "log")}
	if *benchProcs > 0 {
		p.env = append(p.env, fmt.Sprintf("GOMAXPROCS=%d", *benchProcs))
	}
	p.start()
	defer p.kill()
	m := &metered{group: *benchStages, pids: func() []int { return children(p.cmd.Process.Pid) }, ended: p.used}
	began := time.Now()
	for p.running() && ctx.Err() == nil {
		m.look(ctx)
		<-time.After(benchLook)
	}
	took := time.Since(began)
	m.look(ctx)
	if !p.played() {
		return
	}
	rss := int64(0)
	for _, u := range m.seen {
		rss = max(rss, u.bytes)
	}
	changes := float64(input.changes)
	fmt.Printf("\n%s: %d route changes in %.1f s\n\n%s", *benchStages, input.changes, took.Seconds(), markdown([][]string{
		{"", "route changes/s", "CPU s per million route changes", "cores", "RSS MB"},
		{
			*benchStages, fmt.Sprintf("%.0f", changes/took.Seconds()), fmt.Sprintf("%.2f", m.last.cpu/changes*1e6),
			fmt.Sprintf("%.2f of %d", m.last.cpu/took.Seconds(), runtime.NumCPU()), fmt.Sprint(rss / 1e6),
		},
	}))
}
