package serve_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
)

var load = flag.Duration("load", 0, "for how long TestLoad loads a server; 0: it is skipped")

const (
	// loadStreams, loadRate and loadWorkers are the load: the number of streams, of requests in a
	// second, and of requests at a time.
	loadStreams = 500
	loadRate    = 200
	loadWorkers = 32
	// loadValues is the number of entities with a value in each minute. loadWindow is the length of
	// a minute in this test.
	loadValues = 3000
	loadWindow = 2 * time.Second
)

// loadPaths returns the paths, which are requested in turn.
func loadPaths(outage string) []string {
	paths := []string{"/", "/?family=ipv4", "/feeds", "/v1/outages", "/v1/entities", "/v1/health", "/outage/" + outage, "/v1/outages/" + outage, "/feed.atom", "/status/api/v2/summary.json"}
	for _, c := range []string{"KP", "TO", "FR", "DE", "US", "JP", "BR", "ZA", "IN", "AU"} {
		paths = append(paths, "/country/"+c, "/v1/visibility?type=country&code="+c)
	}
	return paths
}

// TestLoad measures a server in a process of its own under 500 streams and 200 requests a second,
// beside a feed. It compares latencies with those without load, and measures CPU and the number of
// questions to the store. It is run by hand: -load 60s.
func TestLoad(t *testing.T) {
	if *load == 0 {
		t.Skip("it is a measurement: -load 60s")
	}
	sc := newScene(t)
	server := clickhousetest.Server(t)
	minute := time.Now().UTC().Truncate(time.Minute).Add(-100 * time.Minute)
	o := lost(korea, minute)
	sc.feeds(time.Now())
	sc.panel(time.Now().Add(-10*time.Minute), bgp.VerdictPossible)
	sc.write(sc.outage(minute, o))
	next := func() {
		minute = minute.Add(time.Minute)
		for n := range loadValues {
			sc.cl.Produce(t.Context(), sc.value(minute, bgp.Entity{Type: bgp.EntityAS, Code: fmt.Sprint("AS", 1+n), Name: "A network"}, n%4), nil)
		}
		sc.write(sc.value(minute, korea, 0))
		if err := sc.cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		sc.decide(minute)
	}
	next()
	listen := datatest.FreeAddress(t)
	url := "http://" + listen
	var said bytes.Buffer
	process := sc.process(listen, &server, &said)
	until(t, "the server answers", func() bool { return healthy(t, url) }, func() string { return "" })
	paths := loadPaths(o.ID)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadWorkers}}
	ask := func(path string) time.Duration {
		began := time.Now()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close() //nolint:errcheck // only read
		_, err = io.Copy(io.Discard, resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d, %v", path, resp.StatusCode, err)
		}
		return time.Since(began)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wait sync.WaitGroup
	feed := func(until time.Duration) (windows int) { // runs once with the load and once without
		for end := time.Now().Add(until); time.Now().Before(end); windows++ {
			began := time.Now()
			next()
			time.Sleep(loadWindow - time.Since(began))
		}
		return windows
	}
	wait.Add(1)
	windows := 0
	go func() { windows = feed(*load + 10*time.Second); wait.Done() }()
	var idle []time.Duration
	for end, i := time.Now().Add(10*time.Second), 0; time.Now().Before(end); i++ {
		idle = append(idle, ask(paths[i%len(paths)]))
	}
	streams := make([]follower, loadStreams)
	for i := range streams {
		wait.Go(func() { streams[i].follow(ctx, url+"/v1/stream") })
	}
	before := cpu(t, process.Process.Pid)
	var mu sync.Mutex
	var loaded []time.Duration
	// A waiting request is late: its latency counts from when a worker takes it.
	asks := make(chan string, 10*loadRate)
	var workers sync.WaitGroup
	for range loadWorkers {
		workers.Go(func() {
			for path := range asks {
				d := ask(path)
				mu.Lock()
				loaded = append(loaded, d)
				mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(time.Second / loadRate)
	for end, i := time.Now().Add(*load), 0; time.Now().Before(end); i++ {
		<-tick.C
		asks <- paths[i%len(paths)]
	}
	close(asks)
	workers.Wait()
	used := cpu(t, process.Process.Pid) - before
	cancel()
	wait.Wait()
	_ = process.Process.Signal(syscall.SIGTERM)
	_ = process.Wait()
	var asked float64
	if _, err := fmt.Sscan(strings.TrimPrefix(said.String(), "asked"), &asked); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	got := 0
	for i := range streams {
		got += len(streams[i].events())
	}
	slices.Sort(idle)
	slices.Sort(loaded)
	p99 := func(all []time.Duration) time.Duration { return all[len(all)*99/100] }
	t.Logf("MEASURED %d requests beside %d streams: p99 %v, idle %v: %.1f times; CPU %v per 1,000 requests (streams and feed with it); %g questions in %d windows, %.1f a window for %d paths; %d events",
		len(loaded), loadStreams, p99(loaded).Round(time.Microsecond), p99(idle).Round(time.Microsecond), float64(p99(loaded))/float64(p99(idle)),
		(used * 1000 / time.Duration(len(loaded))).Round(time.Millisecond), asked, windows, asked/float64(windows), len(paths), got)
	// A page asks at most three questions of its own.
	if most := float64((windows + 1) * 3 * len(paths)); asked > most {
		t.Errorf("the store was asked %g questions in %d windows", asked, windows)
	}
}

// cpu returns the processor time that a process has used.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		t.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of Linux
}
