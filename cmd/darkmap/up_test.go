package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/mrt"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// observatory is `darkmap up` in a process of its own.
type observatory struct {
	t      *testing.T
	args   []string
	env    []string // added to the test's own
	dir    string
	admin  string
	cmd    *exec.Cmd
	mu     sync.Mutex // guards the outputs
	stdout bytes.Buffer
	stderr bytes.Buffer
}

// locked writes under the observatory's lock.
type locked struct {
	o *observatory
	b *bytes.Buffer
}

func (l locked) Write(b []byte) (int, error) {
	l.o.mu.Lock()
	defer l.o.mu.Unlock()
	return l.b.Write(b)
}

// newObservatory returns an observatory without a store, on a data directory of its own. It is not
// started.
func newObservatory(t *testing.T, sets ...string) *observatory {
	t.Helper()
	o := &observatory{t: t, dir: t.TempDir(), admin: datatest.FreeAddress(t)}
	o.args = slices.Concat([]string{"up", "--no-store", "--data-dir", o.dir, "--admin-addr", o.admin, "--pprof"}, offline(t))
	for _, s := range append([]string{"ingest.routeviews.enabled=false", "ingest.archive.cache=" + t.TempDir(), "ingest.stream.status_interval=500ms", "serve.listen=127.0.0.1:0"}, sets...) {
		o.args = append(o.args, "--set", s)
	}
	t.Cleanup(o.kill)
	return o
}

// withStore enables the store.
func (o *observatory) withStore() *observatory {
	o.args = slices.DeleteFunc(o.args, func(arg string) bool { return arg == "--no-store" })
	return o
}

func (o *observatory) start() {
	o.t.Helper()
	o.cmd = exec.CommandContext(o.t.Context(), os.Args[0], o.args...)
	o.cmd.Env = slices.Concat(os.Environ(), o.env, []string{asDarkmap + "=1"})
	o.cmd.Stdout, o.cmd.Stderr = locked{o, &o.stdout}, locked{o, &o.stderr}
	if err := o.cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
}

// kill ends the process as kill -9 does.
func (o *observatory) kill() {
	if o.cmd == nil {
		return
	}
	_ = o.cmd.Process.Kill() // it may have ended
	_ = o.cmd.Wait()
	o.cmd = nil
	if o.t.Failed() {
		o.t.Logf("standard error:\n%s", o.said())
	}
}

func (o *observatory) said() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stderr.String()
}

// doing returns the stacks of the process's goroutines, for the analysis of a failure.
func (o *observatory) doing() string {
	o.t.Helper()
	return o.get("/debug/pprof/goroutine?debug=1")
}

// get requests a path from the admin server. It returns nothing while the process starts or is
// gone.
func (o *observatory) get(path string) string {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodGet, "http://"+o.admin+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()       //nolint:errcheck // only read
	b, _ := io.ReadAll(resp.Body) // as much as there is
	return string(b)
}

func (o *observatory) outages() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stdout.String()
}

// eventually waits for a condition.
func (o *observatory) eventually(what string, ok func() bool) {
	o.t.Helper()
	for end := time.Now().Add(90 * time.Second); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("waited in vain: %s\n%s\n%s", what, o.said(), o.doing())
		}
	}
}

// feeds returns the output of `darkmap feeds`, by collector.
func (o *observatory) feeds() map[string]feedlog.Row {
	o.t.Helper()
	out, errs := &bytes.Buffer{}, &bytes.Buffer{}
	if code := run(o.t.Context(), []string{"feeds", "--format", "json", "--data-dir", o.dir}, nil, out, errs); code != 0 {
		return nil // it does not run yet
	}
	rows := map[string]feedlog.Row{}
	for d := json.NewDecoder(out); d.More(); {
		var r feedlog.Row
		if err := d.Decode(&r); err != nil {
			o.t.Fatal(err)
		}
		if r.Collector != "" { // otherwise the row describes a family
			rows[r.Collector] = r
		}
	}
	return rows
}

// records reads a topic of the running instance.
func (o *observatory) records(topic string, fn func(*kgo.Record) error) {
	o.t.Helper()
	running, err := datadir.ReadRun(o.dir)
	if err != nil || running == nil {
		o.t.Fatalf("nothing runs: %v", err)
	}
	cfg := kafka.DefaultConfig().Through(running.Kafka, running.KafkaCredentials)
	if err := kafka.ReadToEnd(o.t.Context(), cfg, kafkatest.Log(), topic, fn); err != nil {
		o.t.Fatal(err)
	}
}

// gaps lists the begin and end of gaps on bgp.feeds in short: gap ever, gap known, recovered,
// degraded.
func (o *observatory) gaps(collector string) []string {
	o.t.Helper()
	var out []string
	o.records(schemas.TopicFeeds, func(rec *kgo.Record) error {
		var f pb.FeedRecord
		if err := f.UnmarshalVT(rec.Value); err != nil || f.GetCollector() != collector || f.GetGapId() == "" {
			return err
		}
		since := "known"
		if f.GetBeginUs() == 0 {
			since = "ever"
		}
		said := map[pb.FeedEvent]string{
			pb.FeedEvent_FEED_EVENT_GAP: "gap " + since, pb.FeedEvent_FEED_EVENT_RECOVERED: "recovered", pb.FeedEvent_FEED_EVENT_DEGRADED: "degraded: " + f.GetReason(),
		}
		if text, ok := said[f.GetEvent()]; ok {
			out = append(out, text)
		}
		return nil
	})
	return out
}

// TestUp follows a RIS Live and its archives through every stage, with the tables first. Killed and
// started again, it goes on from its state and fills the missing messages. None of that is an
// outage.
func TestUp(t *testing.T) {
	t.Parallel()
	o := playedObservatory(t, t.TempDir())
	o.start()
	answered := func(want ...string) func() bool {
		return func() bool {
			return !slices.ContainsFunc(played, func(c string) bool { return !slices.Equal(o.gaps(c), want) })
		}
	}
	defer func() {
		if t.Failed() && o.cmd != nil {
			t.Logf("gaps of %s: %q\nfeeds: %v", played[0], o.gaps(played[0]), o.feeds())
		}
	}()
	o.eventually("collectors are up", o.hears)
	o.eventually("their tables have come", answered("gap ever", "recovered"))
	time.Sleep(2 * time.Second) // until the statuses have them
	o.kill()
	time.Sleep(3 * time.Second)
	o.start()
	o.eventually("they are up again", o.hears)
	o.eventually("what was missed has been filled", answered("gap ever", "recovered", "gap known", "recovered"))
	if out := o.outages(); out != "" {
		t.Errorf("outages of a feed that was only interrupted:\n%s", out)
	}
	if !strings.Contains(o.said(), "every source brings messages") {
		t.Errorf("it never said that it is ready:\n%s", o.said())
	}
	epochs := map[string][]uint64{}
	o.records(schemas.TopicUpdates, func(rec *kgo.Record) error {
		var u pb.UpdateRecord
		if err := u.UnmarshalVT(rec.Value); err != nil {
			return fmt.Errorf("offset %d: %w", rec.Offset, err)
		}
		if p := u.GetPosition(); p.GetLane() == "live" && !slices.Contains(epochs[p.GetCollector()], p.GetEpoch()) {
			epochs[p.GetCollector()] = append(epochs[p.GetCollector()], p.GetEpoch())
		}
		return nil
	})
	for _, c := range played {
		if s := epochs[c]; len(s) != 2 || s[1] <= s[0] {
			t.Errorf("%s: epochs %v, want two that rise", c, s)
		}
	}
	if _, err := os.Stat(filepath.Join(o.dir, "run.json")); err != nil {
		t.Error(err)
	}
}

// writeTables replaces the empty tables of an index by tables in which every peer holds one prefix.
func writeTables(t *testing.T, index string, sched *rislivetest.Schedule, at time.Time) {
	t.Helper()
	lines, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 5 || f[1] != "rib" {
			continue
		}
		var peers []mrt.TablePeer
		var entries []mrt.Entry
		seen := map[bgp.Peer]bool{}
		for _, e := range sched.Events {
			if "ris/"+e.Host != f[0] || seen[e.Peer] {
				continue
			}
			seen[e.Peer] = true
			peers = append(peers, mrt.TablePeer{BGPID: netip.MustParseAddr("192.0.2.9"), Address: e.Peer.Address, ASN: e.Peer.ASN})
			entries = append(entries, mrt.Entry{Peer: uint16(len(entries)), Originated: at, Attributes: wire.PlainAttributes{Path: []bgp.ASN{e.Peer.ASN, 64496}, NextHop: netip.MustParseAddr("192.0.2.1")}})
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		w := mrt.NewWriter(z)
		w.PeerIndexTable(at, netip.MustParseAddr("192.0.2.254"), "", peers)
		w.RIB(at, 0, netip.MustParsePrefix("198.51.100.0/24"), entries)
		if err := errors.Join(w.Err(), z.Close(), os.WriteFile(f[4], b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpToldToEnd: an up that is interrupted while it starts prints no error, and has not failed.
func TestUpToldToEnd(t *testing.T) {
	t.Parallel()
	o := newObservatory(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, o.args, nil, &out, &errs)
	if code != 0 || strings.Contains(errs.String(), "darkmap:") || strings.Contains(errs.String(), "cancel") {
		t.Errorf("got %d, want 0 and no error:\n%s", code, errs.String())
	}
}

// TestUpAdminAddr: an address in use is one failure. An invalid address is refused before anything
// is printed.
func TestUpAdminAddr(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // nothing was accepted
	for _, tt := range []struct {
		addr  string
		want  int
		lines int // of errors
	}{{ln.Addr().String(), exitFailed, 1}, {"", exitUsage, 1}, {"localhost", exitUsage, 1}, {"127.0.0.1:x", exitUsage, 1}, {"127.0.0.1:70000", exitUsage, 1}} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(newObservatory(t).args, "--admin-addr", tt.addr), nil, &out, &errs)
		_, said, _ := strings.Cut("\n"+errs.String(), "\ndarkmap: ")
		if code != tt.want || strings.Count(said, "\n") != tt.lines || !strings.Contains(said, "--admin-addr") || tt.want == exitUsage && strings.Contains(errs.String(), "watches") {
			t.Errorf("%q: got %d, want %d and %d line that names --admin-addr:\n%s", tt.addr, code, tt.want, tt.lines, errs.String())
		}
	}
}
