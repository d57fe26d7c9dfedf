package serve_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
)

var (
	load       = flag.Duration("load", 0, "for how long TestLoad loads a server; 0: it is skipped")
	loadWindow = flag.Duration("load-window", time.Minute, "the length of a minute in TestLoad")
)

const (
	// loadStreams, loadRate and loadWorkers are the load: the number of streams, of requests in a
	// second, and of requests at a time. idleRate is the rate of the requests without load.
	loadStreams = 500
	loadRate    = 200
	loadWorkers = 64
	idleRate    = 5
	// loadValues is the number of entities with a value in each minute.
	loadValues = 3000
	// floodFor is the duration of the flood: a client over its limits beside the load.
	floodFor = 10 * time.Second
)

// loadPaths returns the paths, which are requested in turn.
func loadPaths(outage string) []string {
	paths := []string{"/", "/?family=ipv4", "/feeds", "/v1/outages", "/v1/entities", "/v1/health", "/outage/" + outage, "/v1/outages/" + outage, "/feed.atom", "/status/api/v2/summary.json"}
	for _, c := range []string{"KP", "TO", "FR", "DE", "US", "JP", "BR", "ZA", "IN", "AU"} {
		paths = append(paths, "/country/"+c, "/v1/visibility?type=country&code="+c)
	}
	return paths
}

// loader asks a server for paths in turn.
type loader struct {
	t      *testing.T
	url    string
	paths  []string
	client *http.Client
	want   []int // the statuses that are no faults

	mu   sync.Mutex
	took []time.Duration
	by   map[int]int // the number of answers by status
}

// from makes requests come from another address of loopback.
func (l *loader) from(address string) *loader {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: netip.MustParseAddr(address).AsSlice()}}
	l.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: loadWorkers, DialContext: dialer.DialContext}}
	l.by = map[int]int{}
	return l
}

func (l *loader) ask(path string) {
	began := time.Now()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.url+path, http.NoBody)
	if err != nil {
		l.t.Error(err)
		return
	}
	req.Header.Set("Accept-Encoding", "gzip") // as browsers do; the client does not uncompress it
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if _, err = io.Copy(io.Discard, resp.Body); err != nil || !slices.Contains(l.want, resp.StatusCode) {
		l.t.Errorf("%s: got %d, %v", path, resp.StatusCode, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, time.Since(began))
	l.by[resp.StatusCode]++
}

// run asks at a rate, in requests a second. A waiting request is late: its latency counts from when
// a worker takes it.
func (l *loader) run(rate int, lasts time.Duration) *loader {
	asks := make(chan string, 10*loadRate)
	var workers sync.WaitGroup
	for range loadWorkers {
		workers.Go(func() {
			for path := range asks {
				l.ask(path)
			}
		})
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for end, i := time.Now().Add(lasts), 0; time.Now().Before(end); i++ {
		<-tick.C
		asks <- l.paths[i%len(l.paths)]
	}
	close(asks)
	workers.Wait()
	slices.Sort(l.took)
	return l
}

// at returns the latency that a share of the requests, in percent, did not exceed.
func (l *loader) at(percent int) time.Duration {
	return l.took[min(len(l.took)*percent/100, len(l.took)-1)].Round(100 * time.Microsecond)
}

// listen reads a stream until ctx ends and counts its events, as cheaply as it can: the client shares
// the processors with the server.
func (l *loader) listen(ctx context.Context, events *atomic.Int64) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/v1/stream", http.NoBody)
	if err != nil {
		l.t.Error(err)
		return
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		l.t.Error(err)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		l.t.Errorf("a stream: got %d", resp.StatusCode)
	}
	lines := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if bytes.HasPrefix(line, []byte("event: ")) {
			events.Add(1)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if ctx.Err() == nil {
				l.t.Errorf("a stream ended: %v", err)
			}
			return
		}
	}
}

// TestLoad measures a server in a process of its own, beside a feed: without load, under 500 streams
// and 200 requests a second, and with a further client that is over its limits. It compares
// latencies, and measures CPU and the number of questions to the store. It is run by hand: -load 3m.
func TestLoad(t *testing.T) {
	if *load == 0 {
		t.Skip("it is a measurement: -load 3m")
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
			t.Error(err)
		}
		sc.decide(minute)
	}
	next()
	listen := datatest.FreeAddress(t)
	var said bytes.Buffer
	process := sc.process(listen, &server, &said)
	all := loader{t: t, url: "http://" + listen, paths: loadPaths(o.ID), want: []int{http.StatusOK}}
	until(t, "the server answers", func() bool { return healthy(t, all.url) }, func() string { return "" })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wait sync.WaitGroup
	var windows atomic.Int64
	wait.Go(func() { // ends with ctx
		for tick := time.NewTicker(*loadWindow); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				next()
				windows.Add(1)
			}
		}
	})
	before, store := cpu(t, process.Process.Pid), engineCPU(t, process.Process.Pid)
	idle := all.copy().from("127.0.0.1").run(idleRate, *load)
	idleCPU := cpu(t, process.Process.Pid) - before
	var events atomic.Int64
	for range loadStreams {
		wait.Go(func() { all.copy().listen(ctx, &events) }) // ends with ctx
	}
	before = cpu(t, process.Process.Pid)
	own := cpu(t, os.Getpid())
	loaded := all.copy().from("127.0.0.1").run(loadRate, *load)
	used := cpu(t, process.Process.Pid) - before
	own = cpu(t, os.Getpid()) - own
	var flood *loader
	var flooding sync.WaitGroup
	flooding.Go(func() {
		flood = all.copy().from("127.0.0.2")
		flood.want = append(flood.want, http.StatusTooManyRequests)
		flood.run(loadRate, floodFor)
	})
	beside := all.copy().from("127.0.0.1").run(loadRate, floodFor)
	flooding.Wait()
	store = engineCPU(t, process.Process.Pid) - store
	cancel()
	wait.Wait()
	_ = process.Process.Signal(syscall.SIGTERM)
	_ = process.Wait()
	var asked float64
	if _, err := fmt.Sscan(strings.TrimPrefix(said.String(), "asked"), &asked); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	t.Logf("MEASURED without load %d requests: p50 %v, p99 %v, most %v; CPU of the server %v", len(idle.took), idle.at(50), idle.at(99), idle.at(100), idleCPU)
	t.Logf("MEASURED %d requests beside %d streams: p50 %v, p99 %v, most %v; p99 is %.1f times that without load; CPU of the server %v, %v per 1,000 requests (streams and feed with it); of the clients, the feed and Kafka %v; %d events",
		len(loaded.took), loadStreams, loaded.at(50), loaded.at(99), loaded.at(100), float64(loaded.at(99))/float64(idle.at(99)), used, (used * 1000 / time.Duration(len(loaded.took))).Round(time.Millisecond), own, events.Load())
	t.Logf("MEASURED %g questions in %d windows of %v, %.1f a window for %d paths; CPU of the engine %v", asked, windows.Load(), *loadWindow, asked/float64(windows.Load()+1), len(all.paths), store)
	t.Logf("MEASURED a client over its limits got %v; others p50 %v, p99 %v, most %v", flood.by, beside.at(50), beside.at(99), beside.at(100))
	if flood.by[http.StatusTooManyRequests] == 0 {
		t.Errorf("a client over its limits got %v", flood.by)
	}
	// A page asks at most four questions of its own.
	if most := float64((windows.Load() + 1) * 4 * int64(len(all.paths))); asked > most {
		t.Errorf("the store was asked %g questions in %d windows", asked, windows.Load())
	}
}

// copy returns a loader of the same server.
func (l *loader) copy() *loader {
	return &loader{t: l.t, url: l.url, paths: l.paths, want: slices.Clone(l.want)}
}

// engineCPU returns the processor time of the children of this process, except that of the server:
// of the embedded ClickHouse, which is 0 where another one is used.
func engineCPU(t *testing.T, server int) (sum time.Duration) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil { // the thread has ended
			continue
		}
		for id := range strings.FieldsSeq(string(b)) {
			if pid, err := strconv.Atoi(id); err == nil && pid != server {
				sum += cpu(t, pid)
			}
		}
	}
	return sum
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
