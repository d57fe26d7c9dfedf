package rislive_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/internal/waittest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// rig is a service, a client and the records that the client wrote. Tests that need them add the
// archives and the repair of gaps.
type rig struct {
	srv    *rislivetest.Server
	set    *streamtest.Set
	client *rislive.Client
	logs   *logs
	stop   func()
}

// logs keeps lines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for line := range bytes.Lines(l.b.Bytes()) {
		out = append(out, string(bytes.TrimSpace(line)))
	}
	return out
}

// newRig starts a rig whose client owns the collectors of hosts. It ends with the test, or with
// stop.
func newRig(t testing.TB, o rislivetest.Options, hosts []string, change func(*rislive.Config)) *rig {
	t.Helper()
	r := &rig{srv: rislivetest.Start(t, o), set: streamtest.New(t, stream.DefaultConfig(), nil), logs: &logs{}}
	cfg := rislive.DefaultConfig()
	cfg.URL, cfg.Collectors = r.srv.URL, hosts
	if change != nil {
		change(&cfg)
	}
	var err error
	d := rislive.Deps{Log: slog.New(slog.NewTextHandler(r.logs, nil)), Streams: r.set.Set, Version: "0", Instance: "test"}
	if o.Pipe != nil {
		d.Dial = o.Pipe.DialContext
	}
	r.client, err = rislive.New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for _, run := range []func(context.Context) error{r.client.Run, r.set.Run} {
		wait.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	r.client.Own(r.client.Collectors())
	r.stop = sync.OnceFunc(func() {
		cancel()
		wait.Wait()
	})
	t.Cleanup(r.stop)
	return r
}

// virtual runs a test in virtual time: with the real times and a network in memory, at whatever
// speed the machine has.
func virtual(t *testing.T, test func(t *testing.T, o rislivetest.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, rislivetest.Options{Pipe: rislivetest.NewPipe()})
	})
}

// listening waits until both connections have subscribed to all collectors.
func (r *rig) listening(t testing.TB) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(r.logs.lines(), "\n"))
		}
	}()
	waittest.Until(t, 5*time.Minute, "connections that listen", r.sound)
}

// messages counts the BGP messages and states of live lanes.
func (r *rig) messages(t testing.TB) int {
	t.Helper()
	n := 0
	for _, rec := range r.set.Updates.Updates(t) {
		if rec.GetPosition().GetLane() != "live" {
			continue
		}
		switch rec.GetBody().(type) {
		case *pb.UpdateRecord_BgpMessage, *pb.UpdateRecord_PeerUp, *pb.UpdateRecord_PeerDown:
			n++
		}
	}
	return n
}

// routeViews is the 46 minutes of route-views2, spread over hosts and looped to length.
func routeViews(t testing.TB, hosts []string, length time.Duration) *rislivetest.Schedule {
	t.Helper()
	var files []string
	for _, name := range []string{"arch0", "arch1", "arch2", "arch3"} {
		files = append(files, datatest.Path(t, "mrt", "routeviews2-20130101-"+name+".mrt.gz"))
	}
	s, err := rislivetest.Read(hosts, files...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Loop(length)
}
