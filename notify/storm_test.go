package notify_test

import (
	"flag"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify/target"
)

var outages = flag.Int("outages", 60, "how many outages TestManyOutages begins; the published bar is 1000")

// TestManyOutages begins many outages at once, and ends them. One target takes records, another is asked at most once a second, another is
// dead. Chats and pagers hear of one storm, because it is seen within group_wait, and each record is told once, in the order of its outage.
func TestManyOutages(t *testing.T) {
	t.Parallel()
	cfg, r := kafkatest.New(t, 1), newReceiver(t)
	r.holds(func(name string) int {
		if name == "dead" {
			return 0
		}
		return http.StatusOK
	})
	quick := []time.Duration{time.Second, time.Minute}
	s, err := newStageOf(cfg, "0", r.URL, nil, map[string]target.Traits{
		"records": {Style: target.Records, Keyed: true, MaxAge: time.Hour, Retries: quick},
		"pager":   {Style: target.Pager, Keyed: true, MaxAge: time.Hour, Retries: quick},
		"slow":    {Style: target.Chat, MaxAge: time.Hour, Interval: time.Second, Retries: quick},
		"dead":    {Style: target.Records, Keyed: true, MaxAge: time.Hour, Retries: quick},
	}, 20, "15s")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, cfg)
	w.decide()
	start(t, s)
	before := heap()
	began := time.Now()
	want := map[string][]string{}
	for _, state := range []bgp.State{bgp.StateOpen, bgp.StateClosed} {
		for i := range *outages {
			id := w.say(64500+i, state)
			want[id] = append(want[id], string(state))
		}
		written := time.Since(began)
		n := len(want) * len(want[fmt.Sprintf("as-AS%d-ipv4-20261130T0000Z", 64500)])
		eventually(t, "each record is told", func() bool { return len(r.of("records")) >= n })
		t.Logf("%d records written after %v and told after %v", n, written.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		for _, name := range []string{"pager", "slow"} { // what is over before that is not told
			eventually(t, name+" hears of the storm", func() bool { return len(r.of(name)) > 0 })
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
		eventually(t, name+" hears that the storm is over", func() bool {
			told := r.of(name)
			return len(told) > 0 && told[len(told)-1].Kind == target.Close
		})
		incidents := map[string]bool{}
		for _, m := range r.of(name) {
			incidents[m.Incident] = true
		}
		if n := len(r.of(name)); n > 25 || name == "pager" && len(incidents) != 1 {
			t.Errorf("%s: %d messages of %d incidents: %s", name, n, len(incidents), strings.Join(r.told(name), ", "))
		}
	}
	// The broker and the receiver are in this process too.
	t.Logf("the heap grew by %d MB, with the broker's log and what the receiver keeps", (int64(heap())-int64(before))>>20)
	r.CloseClientConnections()
}

// heap is how much is in use, in octets.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
