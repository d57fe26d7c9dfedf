package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// benchLive measures the stages while a RIS Live sends a simulated day at soakFactor times speed, in
// which networks go dark, and the files at a rate. It prints the delay of the records of outages,
// too.
func benchLive(t *testing.T, files []string) {
	t.Helper()
	warm, length := time.Duration(*benchWarm)*time.Second, time.Duration(*benchSeconds)*time.Second
	day, sets := soakDay(t, warm+length+5*time.Minute)
	feed := []livePlay{{day, soakFactor}}
	var flags []string // with files the geography is the configured one
	if len(files) == 0 {
		for _, s := range sets {
			flags = append(flags, "--set", s)
		}
	} else {
		l := readLoad(t, files, "", *benchCopies)
		factor := *benchRate / l.rate
		for _, s := range l.each {
			feed = append(feed, livePlay{s, factor})
		}
		t.Logf("%v\nplayed at %.2f times speed", l, factor)
	}
	b := newBench(t, flags)
	url, index, hosts, stop := playLive(t, feed)
	defer stop()
	all := b.beginLive(url, index, hosts)
	defer killAll(all)
	b.startLive(t.Context(), all)
	(&measurement{b: b, ctx: t.Context(), stages: order, all: all}).untilOver(warm)
	m := b.measure(t.Context(), order, all)
	delays := b.delays(t.Context())
	profiles := b.profiles(all)
	m.untilOver(length)
	m.finish()
	profiles()
	text := delays()
	for _, r := range all {
		r.term()
	}
	fmt.Println(m.table() + "\n" + text + "\n\n" + b.topics() + "\n" + b.tables())
}

// livePlay is a schedule that is played factor times as fast.
type livePlay struct {
	sched  *rislivetest.Schedule
	factor float64
}

// playLive plays a feed on a RIS Live until stop is called: its first schedule once, the others again
// and again. It returns the server's address, the index of the archives, and the collectors.
func playLive(t *testing.T, feed []livePlay) (url, index string, hosts []string, stop func()) {
	t.Helper()
	srv := rislivetest.Start(t, rislivetest.Options{})
	begin := time.Now()
	index = liveArchives(t, begin, feed)
	ctx, cancel := context.WithCancel(t.Context())
	var playing sync.WaitGroup
	for i, p := range feed {
		hosts = append(hosts, p.sched.Hosts()...)
		playing.Go(func() { // ends with ctx; an error is its end
			if i == 0 {
				_ = srv.Play(ctx, p.sched, begin, p.factor)
			} else {
				_ = srv.PlayLoop(ctx, p.sched, begin, p.factor)
			}
		})
	}
	return srv.URL, index, hosts, func() {
		cancel()
		playing.Wait()
	}
}

// liveArchives writes the archives of schedules that are played from begin on, and returns the path
// of their index.
func liveArchives(t *testing.T, begin time.Time, all []livePlay) string {
	t.Helper()
	var lines []byte
	for _, p := range all {
		path, err := p.sched.WriteArchives(t.TempDir(), begin, p.factor)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, text...)
	}
	index := filepath.Join(t.TempDir(), "index.tsv")
	if err := os.WriteFile(index, lines, 0o600); err != nil {
		t.Fatal(err)
	}
	return index
}

// beginLive makes the processes of all stages. Connections are not compressed: the server would take
// the cores of the stages for it.
func (b *bench) beginLive(url, index string, hosts []string) (all []*running) {
	var args []string
	for _, set := range []string{
		"ingest.routeviews.enabled=false", "ingest.rislive.url=" + url, "ingest.rislive.compression=false",
		"ingest.rislive.collectors=[" + strings.Join(hosts, ", ") + "]", "ingest.archive.index=" + index,
		"ingest.archive.cache=" + b.t.TempDir(), "ingest.bootstrap.poll_interval=500ms", "ingest.bootstrap.overlap=2s",
		"ingest.bootstrap.check_interval=off",
	} {
		args = append(args, "--set", set)
	}
	for _, stage := range order {
		if stage == ingest.Name {
			all = append(all, b.begin(stage, args...)...)
		} else {
			all = append(all, b.begin(stage)...)
		}
	}
	return all
}

// startLive starts the stages, ingest last, and waits until the tables have come.
func (b *bench) startLive(ctx context.Context, all []*running) {
	b.t.Helper()
	b.start(ctx, all)
	first := all[0]
	for limit := time.Now().Add(tablesLimit); ; <-time.After(benchLook) {
		first.look(ctx)
		m := first.last.metrics
		if m["darkmap_ingest_bootstrap_answers_total"] > 0 && m["darkmap_ingest_bootstrap_working"] == 0 {
			return
		}
		if time.Now().After(limit) || !first.running() {
			b.t.Fatalf("the tables have not come within %v: %s", tablesLimit, first.said())
		}
	}
}

// tablesLimit bounds the wait for the tables.
const tablesLimit = 10 * time.Minute

// delays begins to follow bgp.outages, and returns a function that ends it and describes how long
// after the end of the window that decided it each record could be read.
func (b *bench) delays(ctx context.Context) func() string {
	b.t.Helper()
	following, stop := context.WithCancel(ctx)
	began, result := time.Now(), make(chan error, 1)
	var all []time.Duration
	go func() { // ends with following, and the caller waits for its result
		result <- kafka.TailSince(following, b.cfg, kafkatest.Log(), []string{schemas.TopicOutages}, began, func(rec *kgo.Record) error {
			var o pb.OutageRecord
			if err := o.UnmarshalVT(rec.Value); err != nil {
				return err
			}
			all = append(all, time.Since(time.UnixMicro(o.GetDecidedAtUs())))
			return nil
		})
	}()
	return func() string {
		stop()
		if err := <-result; err != nil {
			b.t.Errorf("following bgp.outages: %v", err)
		}
		return delaysText(all)
	}
}

// delaysText describes delays.
func delaysText(all []time.Duration) string {
	if len(all) == 0 {
		return "No record of an outage came: longer, or with losses in FILES."
	}
	slices.Sort(all)
	at := func(share float64) time.Duration {
		return all[min(len(all)-1, int(share*float64(len(all))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("From the end of its window to a reader of bgp.outages.v1, %d records: median %v, p99 %v, longest %v.",
		len(all), at(0.5), at(0.99), all[len(all)-1].Round(time.Millisecond))
}

// TestDelays: the 99th percentile is one of the delays.
func TestDelays(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i)*time.Second)
	}
	if got := delaysText(all); !strings.Contains(got, "200 records: median 1m41s, p99 3m19s, longest 3m20s") {
		t.Errorf("got %s", got)
	}
}
