package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify/target"
)

var (
	outages = flag.Int("outages", 60, "how many outages TestManyOutages begins; the published bar is 1000")
	last    = flag.Duration("outages.last", 0, "how long they last, while a target is dead; the published bar is 10m")
)

// heapEnv gives a child the address for reports of its memory.
const heapEnv = "DARKMAP_NOTIFY_HEAP"

// maxHeap bounds the growth of notify's memory through many outages, in octets.
const maxHeap = 50e6

// stormPlaces returns the targets of TestManyOutages. The pager does not wait for wider events.
func stormPlaces() map[string]target.Traits {
	quick := []time.Duration{time.Second, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute, time.Minute}
	return map[string]target.Traits{
		"records": {Style: target.Records, Keyed: true, MaxAge: time.Hour, Retries: quick},
		"pager":   {Style: target.Pager, Keyed: true, MaxAge: time.Hour, Retries: quick},
		"slow":    {Style: target.Chat, MaxAge: time.Hour, Interval: time.Second, Retries: quick},
		"dead":    {Style: target.Records, Keyed: true, MaxAge: time.Hour, Retries: quick},
	}
}

// runStorm runs a stage with the targets of TestManyOutages, and reports the memory of the process
// twice a second.
func runStorm(ctx context.Context, cfg kafka.Config, instance string) error {
	s, err := newStageOf(cfg, instance, os.Getenv(receiverEnv), nil, stormPlaces(), 20, "0")
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.Run(ctx) })
	g.Go(func() error {
		for tick := time.NewTicker(500 * time.Millisecond); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return nil
			case <-tick.C:
				report(ctx)
			}
		}
	})
	return g.Wait()
}

// memory is the memory of a process in octets: its heap, and all resident memory.
type memory struct{ Heap, Resident int64 }

// report sends the memory of this process.
func report(ctx context.Context) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	use := memory{Heap: int64(m.HeapInuse)}
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size int64
		_, _ = fmt.Sscan(string(b), &size, &use.Resident)
		use.Resident *= int64(os.Getpagesize())
	}
	body, _ := json.Marshal(use)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv(heapEnv), bytes.NewReader(body))
	if err != nil {
		return
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// meter collects the reports of a child.
type meter struct {
	*httptest.Server
	mu       sync.Mutex
	now, top memory
}

func newMeter(t *testing.T) *meter {
	t.Helper()
	m := &meter{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if json.NewDecoder(req.Body).Decode(&m.now) == nil {
			m.top = memory{max(m.top.Heap, m.now.Heap), max(m.top.Resident, m.now.Resident)}
		}
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *meter) read() (now, top memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now, m.top
}

// TestManyOutages begins many outages in one minute, and ends them. One target takes records, one
// gets at most one message a second, and one is down. Chats and pagers must get one storm, even
// those that do not wait for wider events. Each record must be sent once, in the order of its
// outage. The memory of notify, in a separate process, must be bounded.
func TestManyOutages(t *testing.T) { //nolint:paralleltest // it sets the environment of a child
	cfg, r, m := kafkatest.New(t, 1), newReceiver(t), newMeter(t)
	r.holds(func(name string) int {
		if name == "dead" {
			return 0
		}
		return http.StatusOK
	})
	t.Setenv(receiverEnv, r.URL)
	t.Setenv(heapEnv, m.URL)
	w := newWorld(t, cfg)
	w.decide()
	decideWhile(t, cfg, 10*time.Second, func() bool { return true })
	p := kafkatest.Start(t, "storm", cfg, "0")
	eventually(t, "the first run is told of", func() bool { return r.notices("slow") > 0 })
	eventually(t, "the memory is told", func() bool { now, _ := m.read(); return now.Heap > 0 })
	before, _ := m.read()
	want := map[string][]string{}
	for _, state := range []bgp.State{bgp.StateOpen, bgp.StateClosed} {
		began := time.Now()
		for i := range *outages {
			id := w.produce(64500+i, state)
			want[id] = append(want[id], string(state))
		}
		if err := w.out.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		written := time.Since(began)
		n := len(want) * len(want[fmt.Sprintf("as-AS%d-ipv4-20261130T0000Z", 64500)])
		eventually(t, "each record is told", func() bool { return len(r.of("records")) >= n })
		t.Logf("%d records written after %v and told after %v", n, written.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		for _, name := range []string{"pager", "slow"} { // an incident that is over before that is not sent
			eventually(t, name+" hears of the storm", func() bool { return len(r.of(name)) > 0 })
		}
		if state == bgp.StateOpen {
			<-time.After(*last)
		}
	}
	got := map[string][]string{}
	for _, m := range r.of("records") {
		state := string(bgp.StateOpen)
		if m.Kind == target.Close {
			state = string(bgp.StateClosed)
		}
		got[m.Incident] = append(got[m.Incident], state)
	}
	for id, states := range want {
		if !slices.Equal(got[id], states) {
			t.Errorf("%s: told %v, want %v", id, got[id], states)
		}
	}
	for _, name := range []string{"pager", "slow"} {
		r.heardOfOneStorm(t, name)
	}
	p.Kill() // a normal end would wait for the dead target
	r.CloseClientConnections()
	_, top := m.read()
	heap, resident := top.Heap-before.Heap, top.Resident-before.Resident
	t.Logf("heap in use %d MB before, at most %d MB more; resident %d MB, at most %d MB more", before.Heap/1e6, heap/1e6, before.Resident/1e6, resident/1e6)
	if heap > maxHeap {
		t.Errorf("the heap grew by %d octets, more than %d", heap, int(maxHeap))
	}
}

// heardOfOneStorm waits until a target got the end of the storm, and counts its messages before
// that.
func (r *receiver) heardOfOneStorm(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" hears that the storm is over", func() bool {
		told := r.of(name)
		return len(told) > 0 && told[len(told)-1].Kind == target.Close
	})
	incidents := map[string]bool{}
	for _, m := range r.of(name) {
		incidents[m.Incident] = true
	}
	if n := len(r.of(name)); n > 25 || len(incidents) != 1 {
		t.Errorf("%s: %d messages of %d incidents: %s", name, n, len(incidents), strings.Join(r.told(name), ", "))
	}
}
