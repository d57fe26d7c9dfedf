package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/apachekafka"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

var (
	benchRecords    = flag.Int64("bench-records", 0, "how many route changes TestBenchPipeline plays from files, at least; it plays whole rounds")
	benchSeconds    = flag.Int("bench-seconds", 0, "how long TestBenchPipeline measures a live feed, instead of playing files")
	benchRate       = flag.Float64("bench-rate", 0, "with -bench-seconds: how many route changes a second the feed has from -bench-files, besides those of a simulated day")
	benchFiles      = flag.String("bench-files", "", "captures to play: FILE, NAME=FILE or patterns; empty: those of -bench-scenario")
	benchDir        = flag.String("bench-dir", "", "where relative paths of -bench-files and -bench-profile begin")
	benchScenario   = flag.String("bench-scenario", "outage-48h", "the scenario of eval/simulate to play without -bench-files")
	benchCopies     = flag.Int("bench-copies", 1, "how many collectors send each file")
	benchStages     = flag.String("bench-stages", "all", "all, each, replay, replay-no-store, or names of stages after a comma")
	benchReplicas   = flag.Int("bench-replicas", 1, "processes of enrich and sink")
	benchBrokers    = flag.Int("bench-brokers", 1, "Kafka brokers")
	benchHeap       = flag.Int("bench-heap", 512, "heap of each broker, MiB")
	benchPartitions = flag.Int("bench-partitions", 4, "kafka.partitions")
	benchProcs      = flag.Int("bench-procs", 0, "GOMAXPROCS of each stage; 0: the cores of the machine")
	benchIdle       = flag.Int("bench-idle", 5, "seconds for which the stages are measured without input at the end")
	benchWarm       = flag.Int("bench-warm", 120, "with -bench-seconds: seconds between the first tables and the measurement")
	benchProfile    = flag.String("bench-profile", "", "folder for a CPU profile of each stage")
)

// benchPath returns the place of a path of the command line: go test runs in another folder.
func benchPath(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(*benchDir, path)
}

// benchDataset is the dataset of all runs.
const benchDataset = "bench"

// harnessName is the row of the benchmark itself.
const harnessName = "harness"

// benchLook is the time between two looks at the processes.
const benchLook = 500 * time.Millisecond

// benchLimit bounds a run.
const benchLimit = 26 * time.Hour

// TestBenchPipeline measures the stages as processes of their own, on a real Kafka and a ClickHouse
// engine, and prints the costs of each (docs/performance.md).
func TestBenchPipeline(t *testing.T) {
	if *benchRecords == 0 && *benchSeconds == 0 {
		t.Skip("make bench-pipeline runs it")
	}
	files := strings.Fields(*benchFiles)
	if *benchSeconds > 0 {
		if (*benchRate > 0) != (len(files) > 0) || *benchStages != "all" {
			t.Fatal("SECONDS, a live feed, needs both RATE and FILES or none of them, and runs all STAGES")
		}
		fmt.Println(machine())
		benchLive(t, files)
		return
	}
	l := readLoad(t, files, *benchScenario, *benchCopies)
	t.Log(l)
	fmt.Println(machine())
	if strings.HasPrefix(*benchStages, "replay") {
		benchReplay(t, l)
		return
	}
	b := newBench(t, l.flags)
	b.input = l.write(t, *benchRecords)
	t.Logf("%d rounds have %d route changes in %d files of %d MB", b.input.rounds, b.input.changes, len(b.input.args), b.input.bytes/1e6)
	for _, stages := range phases(t, *benchStages) {
		b.phase(stages)
	}
	fmt.Println(b.topics() + "\n" + b.tables())
}

// order is the order of the stages in the pipeline.
var order = []string{ingest.Name, enrich.Name, detect.Name, sink.Name}

// phases returns which stages run at once, one phase after the other. Stages that are not named but
// whose records the named ones read run before, each alone.
func phases(t *testing.T, stages string) [][]string {
	t.Helper()
	var named []string
	switch stages {
	case "all":
		return [][]string{order}
	case "each":
	default:
		named = strings.Split(stages, ",")
	}
	var out [][]string
	for i, name := range order {
		later := slices.ContainsFunc(order[i+1:], func(s string) bool { return slices.Contains(named, s) })
		if stages == "each" || later && !slices.Contains(named, name) {
			out = append(out, []string{name})
		}
	}
	for _, name := range named {
		if !slices.Contains(order, name) {
			t.Fatalf("STAGES: %q is no stage: want all, each, replay, replay-no-store, or some of %v", name, order)
		}
	}
	if len(named) > 0 {
		slices.SortFunc(named, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
		out = append(out, named)
	}
	return out
}

// bench is a pipeline that is measured.
type bench struct {
	*apart
	adm     *kadm.Client
	input   benchInput
	changes int64 // route changes that enrich has decoded; 0: it has not run
	others  []*metered
}

func newBench(t *testing.T, flags []string) *bench {
	t.Helper()
	cluster := kafkatest.StartApacheWith(t, apachekafka.Options{Brokers: *benchBrokers, HeapMB: *benchHeap})
	flags = append(slices.Clone(flags), "--set", fmt.Sprintf("kafka.partitions=%d", *benchPartitions))
	b := &bench{apart: newApart(t, cluster, benchDataset, flags)}
	var err error
	if b.adm, err = kafka.NewAdmin(b.cfg, kafkatest.Log()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.adm.Close)
	b.others = []*metered{
		{group: "Kafka", pids: func() (all []int) {
			for i := range *benchBrokers {
				all = append(all, cluster.PID(i))
			}
			return all
		}},
		{group: "ClickHouse", pids: func() []int { return []int{b.engine.PID()} }},
		{group: harnessName, pids: func() []int { return []int{os.Getpid()} }},
	}
	return b
}

// running is a stage of a phase.
type running struct {
	*metered
	*stageProcess
	stage string
}

// begin makes the processes of a stage. It does not start them.
func (b *bench) begin(stage string, args ...string) (all []*running) {
	n := 1
	if stage == enrich.Name || stage == sink.Name {
		n = *benchReplicas
	}
	for i := range n {
		admin := datatest.FreeAddress(b.t)
		p := b.stage(stage, fmt.Sprint(i), append([]string{"--admin-addr", admin, "--pprof"}, args...)...)
		if *benchProcs > 0 {
			p.env = append(p.env, fmt.Sprintf("GOMAXPROCS=%d", *benchProcs))
		}
		r := &running{stageProcess: p, stage: stage}
		r.metered = &metered{group: stage, admin: admin, pids: p.pids, ended: p.used}
		all = append(all, r)
	}
	return all
}

func (p *stageProcess) pids() []int {
	if p.cmd == nil {
		return nil
	}
	return []int{p.cmd.Process.Pid}
}

// used returns what a process that has ended used.
func (p *stageProcess) used() *ownUsage {
	if p.cmd == nil || p.running() {
		return nil
	}
	s := p.cmd.ProcessState
	own := &ownUsage{cpu: (s.UserTime() + s.SystemTime()).Seconds()}
	if u, ok := s.SysUsage().(*syscall.Rusage); ok {
		own.peak = u.Maxrss << 10
	}
	return own
}

// played checks that a program that plays files has ended well. Files may have damaged parts, and no
// verdict.
func (p *stageProcess) played() bool {
	p.t.Helper()
	switch code := p.cmd.ProcessState.ExitCode(); code {
	case 0:
		return true
	case exitDamaged, exitUndecided:
		p.t.Logf("%s ended with %d: %s", p.name, code, p.said())
		return true
	default:
		p.t.Errorf("%s ended with %d: %s", p.name, code, p.said())
		return false
	}
}

// phase runs stages until each has read everything, measures them, and prints the table.
func (b *bench) phase(stages []string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), benchLimit)
	defer cancel()
	var all []*running
	for _, s := range stages {
		var args []string
		if s == ingest.Name {
			args = slices.Concat(args, b.input.args)
			if len(stages) == 1 { // no stage reads behind it
				args = append(args, "--set", fmt.Sprintf("ingest.ahead_bytes=%d", int64(1)<<50))
			}
		}
		all = append(all, b.begin(s, args...)...)
	}
	defer killAll(all)
	var m *measurement
	if first := all[0]; first.stage == ingest.Name {
		b.start(ctx, all[1:])
		m = b.measure(ctx, stages, all)
		b.startPlaying(ctx, first)
		first.begin()
		m.began = time.Now()
	} else { // the records are there: it begins with the processes
		m = b.measure(ctx, stages, all)
		b.start(ctx, all)
	}
	profiles := b.profiles(all)
	m.untilDrained(b.pending(stages))
	m.finish()
	profiles()
	m.idle()
	for _, r := range all {
		if r.running() {
			r.term()
		} else {
			r.played()
		}
	}
	fmt.Println(m.table())
}

func killAll(all []*running) {
	for _, r := range all {
		if r.cmd != nil {
			r.kill()
		}
	}
}

// profiles begins to write profiles, if they are wanted, and returns a function that waits for them.
func (b *bench) profiles(all []*running) (wait func()) {
	b.t.Helper()
	if *benchProfile == "" {
		return func() {}
	}
	return profile(b.t, benchPath(*benchProfile), meteredOf(all)).Wait
}

// start starts stages, the last ones of the pipeline first, and waits until they are ready.
func (b *bench) start(ctx context.Context, all []*running) {
	b.t.Helper()
	for _, r := range slices.Backward(all) {
		r.start()
		if !waitReady(ctx, r.admin, r.running) {
			b.t.Fatalf("%s is not ready: %s", r.name, r.said())
		}
	}
}

// startPlaying starts ingest, and returns when it has played the first record or has ended. It first
// reads all files for its plan.
func (b *bench) startPlaying(ctx context.Context, r *running) {
	b.t.Helper()
	for r.start(); r.running() && ctx.Err() == nil; <-time.After(benchLook / 10) {
		r.look(ctx)
		if r.last.metrics["darkmap_ingest_playback_records_total"] > 0 {
			return
		}
	}
}

// pending returns what the stages have to read, in the order of the pipeline.
func (b *bench) pending(stages []string) (out []kafka.Reading) {
	for _, r := range readings(true) {
		if slices.Contains(stages, r.Stage) {
			out = append(out, r)
		}
	}
	return out
}

func meteredOf(all []*running) (out []*metered) {
	for _, r := range all {
		out = append(out, r.metered)
	}
	return out
}

// ends returns the number of records of bgp.updates, by the ends of its partitions.
func (b *bench) ends(ctx context.Context) int64 {
	b.t.Helper()
	lags, err := kafka.Lag(ctx, b.adm, b.cfg, kafka.Reading{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}})
	if err != nil {
		b.t.Fatal(err)
	}
	return lags[0].End
}

// lag returns the records that each stage has not read yet.
func (b *bench) lag(ctx context.Context, stages []string) map[string]int64 {
	b.t.Helper()
	lags, err := kafka.Lag(ctx, b.adm, b.cfg, b.pending(stages)...)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]int64{}
	for _, l := range lags {
		out[l.Stage] += l.Records
	}
	return out
}
