package rislive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/rislive"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/internal/waittest"
)

// small is a schedule of a few messages of two collectors within a second, a state change among
// them.
func small() *rislivetest.Schedule {
	s := &rislivetest.Schedule{Length: time.Second}
	a, b := rislivetest.Burst("rrc00", 100), rislivetest.Burst("rrc01", 100)
	for i := range a.Events {
		s.Events = append(s.Events, a.Events[i], b.Events[i])
	}
	down, up := s.Events[50], s.Events[51]
	down.Message, down.State = nil, bgp.Idle
	up.Message, up.State = nil, bgp.Established
	s.Events = slices.Insert(s.Events, 52, down, up)
	return s
}

// play plays a schedule to its end and waits until the client has written n records.
func (r *rig) play(t *testing.T, s *rislivetest.Schedule, factor float64, n int) {
	t.Helper()
	if err := r.srv.Play(t.Context(), s, time.Now(), factor); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, time.Minute, "messages", func() bool { return r.messages(t) >= n })
}

// TestFollows checks that the service's messages are written in order, and that an epoch begins
// with its gap.
func TestFollows(t *testing.T) {
	t.Parallel()
	for _, compression := range []bool{false, true} {
		r := newRig(t, rislivetest.Options{Skew: 20 * time.Millisecond}, []string{"rrc00", "RRC01.ripe.net"}, func(c *rislive.Config) { c.Compression = compression })
		r.listening(t)
		s := small()
		want, n := scheduled(t, s)
		r.play(t, s, 1, n)
		if err := r.client.Ready(); err != nil {
			t.Error(err)
		}
		r.stop()
		recs := r.set.Updates.Updates(t)
		compare(t, want, said(t, recs))
		if diff := cmp.Diff([]string{"EpochBegin", "GapBegin", "CollectorUp", "BgpMessage"}, streamtest.Bodies(recs, "ris/rrc01", "live")[:4]); diff != "" {
			t.Errorf("beginning (-want +got):\n%s", diff)
		}
		for _, name := range r.srv.Clients() {
			if name != "darkmap-0-test" {
				t.Errorf("client %q", name)
			}
		}
	}
}

// TestWithoutIDs checks that messages without an id are recognised by their contents, and equal
// ones are counted. The leader is lost half-way, the other connection repeatedly.
func TestWithoutIDs(t *testing.T) {
	t.Parallel()
	s := small()
	for i := range s.Events { // each three times, at one time
		s.Events = append(s.Events, s.Events[i], s.Events[i])
	}
	slices.SortStableFunc(s.Events, func(a, b rislivetest.Event) int { return int(a.At - b.At) })
	s = s.Then(s).Then(s)
	want, n := scheduled(t, s)
	virtual(t, func(t *testing.T, o rislivetest.Options) {
		t.Helper()
		o.WithoutIDs, o.Skew = true, 20*time.Millisecond
		r := newRig(t, o, []string{"rrc00", "rrc01"}, nil)
		r.listening(t)
		ctx := t.Context()
		played := make(chan error, 1)
		go func() { played <- r.srv.Play(ctx, s, time.Now().Add(100*time.Millisecond), 0.1) }() // to its end
		for range 2 {
			pause(ctx, 5*time.Second)
			if conns := r.srv.Conns(); len(conns) > 0 {
				conns[0].Break(rislivetest.Cut)
			}
			pause(ctx, time.Second)
			r.listening(t)
		}
		if err := <-played; err != nil {
			t.Fatal(err)
		}
		waittest.Until(t, 10*time.Second, "messages", func() bool { return r.messages(t) >= n })
		r.stop()
		compare(t, want, said(t, r.set.Updates.Updates(t)))
		for _, f := range r.set.Feeds.Feeds(t) {
			if f.GetGapId() != "" && f.GetReason() != "no message since the start" {
				t.Errorf("gap: %s", f.GetReason())
			}
		}
	})
}

// TestRecordings checks that real frames of several years pass, among them states and
// notifications.
func TestRecordings(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"morrowc-1k-msgs", "bgpkit-ris-live-frames-20260910.jsonl", "a16-go-rislive-testvectors.jsonl"} {
		s, err := rislivetest.Read(nil, datatest.Path(t, "rislive", name))
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, rislivetest.Options{}, s.Hosts(), nil)
		r.listening(t)
		want, n := scheduled(t, s)
		r.play(t, s, 1e6, n)
		r.stop()
		compare(t, want, said(t, r.set.Updates.Updates(t)))
	}
}

// TestOwn checks that subscriptions follow the owned collectors. A collector that is left writes no
// more, and comes back in a new epoch.
func TestOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, rislivetest.Options{}, []string{"rrc00", "rrc01"}, nil)
	r.listening(t)
	subscribed := func(n int) {
		t.Helper()
		waittest.Until(t, 10*time.Second, "subscriptions", func() bool {
			for _, c := range r.srv.Conns() {
				if c.Subscriptions() != n {
					return false
				}
			}
			return true
		})
	}
	r.client.Own([]string{"ris/rrc01"})
	subscribed(1)
	if got := r.set.Streams(); len(got) != 1 || got[0].Collector() != "ris/rrc01" {
		t.Errorf("streams %v", got)
	}
	s := small()
	want, _ := scheduled(t, s)
	r.play(t, s, 10, 101)
	delete(want, "ris/rrc00")
	r.client.Own([]string{"ris/rrc00", "ris/rrc01", "routeviews/nonsense"})
	subscribed(2)
	r.stop()
	recs := r.set.Updates.Updates(t)
	got := said(t, recs)
	compare(t, want, got)
	if len(got["ris/rrc00"]) != 0 {
		t.Errorf("%d changes of a collector that is not owned", len(got["ris/rrc00"]))
	}
	begun := 0
	for _, b := range streamtest.Bodies(recs, "ris/rrc00", "live") {
		if b == "EpochBegin" {
			begun++
		}
	}
	if begun != 2 {
		t.Errorf("%d epochs of rrc00, want 2", begun)
	}
	r.client.Own(nil)
	if err := r.client.Ready(); err != nil {
		t.Errorf("with nothing to follow: %v", err)
	}
}

// TestNobodyThere checks that the error has the reason in words, and that the client tries again.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, rislivetest.Options{}, []string{"rrc00"}, func(c *rislive.Config) {
		c.URL = "ws://127.0.0.1:1/v1/ws/"
	})
	waittest.Until(t, 10*time.Second, "a reason", func() bool {
		err := r.client.Ready()
		return err != nil && strings.Contains(err.Error(), "refuses the connection") && strings.Contains(err.Error(), "next try in")
	})
	if got := r.client.Ready().Error(); !strings.HasPrefix(got, "rislive: no connection: connecting: ") {
		t.Error(got)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	cfg := rislive.DefaultConfig()
	if err := config.Validate(&cfg); err != nil {
		t.Fatal(err)
	}
	cfg = rislive.Config{URL: "http://example.net", Collectors: []string{"rrc00", "route-views2"}, Connections: 3, RetryMin: 2, RetryMax: 1}
	err := config.Validate(&cfg)
	for _, want := range []string{"url", "collectors[1]", "connections", "read_limit", "hold_bytes", "silent_timeout", "retry_max"} {
		if err == nil || !strings.Contains(err.Error(), want+": ") {
			t.Errorf("%s is not reported: %v", want, err)
		}
	}
}
