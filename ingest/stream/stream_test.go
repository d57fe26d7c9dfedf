package stream_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// wall is a clock that tests move.
type wall struct{ t time.Time }

func (w *wall) now() time.Time { return w.t }

func (w *wall) us() int64 { return w.t.UnixMicro() }

var noID netip.Addr

func neighbour(n byte) bgp.Peer {
	return bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, n}), ASN: 64500 + bgp.ASN(n)}
}

func open(t *testing.T, o stream.Options) (*streamtest.Set, *stream.Stream, *wall) {
	t.Helper()
	w := &wall{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	set := streamtest.New(t, stream.DefaultConfig(), w.now)
	s, err := set.Open(t.Context(), "ris/rrc00", o)
	if err != nil {
		t.Fatal(err)
	}
	return set, s, w
}

func handle(t *testing.T, s *stream.Stream, n byte) *stream.Peer {
	t.Helper()
	p, err := s.Peer(neighbour(n), noID)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestEpoch checks that an epoch begins with its record. An epoch that replaces it has a higher
// number, and the old one writes no more.
func TestEpoch(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{Source: "bmp", Clock: stream.Own, Reset: true})
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := handle(t, s, 1)
	if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: w.us(), Raw: []byte{1, 2, 3}, ASOctets: 4}); err != nil {
		t.Fatal(err)
	}
	w.t = w.t.Add(-time.Hour) // a clock that goes back does not lower the numbers
	next, err := set.Open(t.Context(), "ris/rrc00", stream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Raw: []byte{1}}); err == nil {
		t.Error("the old epoch still writes")
	}
	_ = next
	recs := set.Updates.Updates(t)
	if diff := cmp.Diff([]string{"EpochBegin", "CollectorDown", "CollectorUp", "BgpMessage", "EpochBegin"}, streamtest.Bodies(recs, "ris/rrc00", "live")); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	first, last := recs[0].GetPosition(), recs[len(recs)-1].GetPosition()
	if last.GetEpoch() <= first.GetEpoch() || last.GetSequence() != 1 || recs[3].GetPosition().GetSequence() != 4 {
		t.Errorf("positions %v, %v", first, last)
	}
	if got := recs[3].GetBgpMessage(); string(got.GetRaw()) != "\x01\x02\x03" || got.GetAsOctets() != 4 || got.GetPeer().GetAsn() != 64501 {
		t.Errorf("message %v", got)
	}
}

// TestTimestamps checks that the time of reception replaces impossible times.
func TestTimestamps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		clock     stream.Clock
		off, want time.Duration
	}{
		{stream.Delayed, -time.Hour, -time.Hour},
		{stream.Delayed, 59 * time.Second, 59 * time.Second},
		{stream.Delayed, 61 * time.Second, 0},
		{stream.Own, -59 * time.Second, -59 * time.Second},
		{stream.Own, -61 * time.Second, 0},
		{stream.Own, 61 * time.Second, 0},
	} {
		set, s, w := open(t, stream.Options{Clock: tt.clock})
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: handle(t, s, 1), Timestamp: w.t.Add(tt.off).UnixMicro(), Raw: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		recs := set.Updates.Updates(t)
		if got := recs[len(recs)-1].GetTimestampUs() - w.us(); got != tt.want.Microseconds() {
			t.Errorf("clock %d, %v off: %d us off, want %v", tt.clock, tt.off, got, tt.want)
		}
	}
}

// TestGap checks that a gap covers the missing messages of its peers, that another gap can replace
// it, and that the end is written for both.
func TestGap(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{Archived: true})
	a, b := handle(t, s, 1), handle(t, s, 2)
	say := func(p *stream.Peer, what string) {
		t.Helper()
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: w.us(), Raw: []byte(what)}); err != nil {
			t.Fatal(err)
		}
		w.t = w.t.Add(10 * time.Second)
	}
	start := w.us()
	say(a, "heard")
	say(b, "heard too")
	w.t = w.t.Add(time.Minute)
	g1, err := s.BeginGap(t.Context(), start+20e6, "lost")
	if err != nil {
		t.Fatal(err)
	}
	say(a, "after")
	g2, err := s.BeginGap(t.Context(), w.us()-5e6, "lost again")
	if err != nil {
		t.Fatal(err)
	}
	say(a, "after both")
	if !g1.Superseded() || g2.Superseded() || g2.Since != start+20e6 {
		t.Errorf("superseded %v %v, since %d", g1.Superseded(), g2.Superseded(), g2.Since-start)
	}
	for _, tt := range []struct {
		p    byte
		at   int64 // seconds
		what string
		want bool
	}{
		{1, 0, "heard", false},
		{2, 10, "heard too", false},
		{2, 18, "after it was last heard, and before the clock stood still", false},
		{2, 19, "at the edge, where times may be off", true},
		{1, 20, "in the gap", true},
		{2, 30, "in the gap", true},
		{3, 40, "a new peer", true},
		{1, 80, "after", true}, // received between the two: sent again, in order
		{1, 90, "after both: heard, and no harm", true},
		{1, 92, "later", false},
		{2, 92, "of a peer that has said nothing since", true},
	} {
		if got := g2.Missing(neighbour(tt.p), start+tt.at*1e6); got != tt.want {
			t.Errorf("peer %d at %d, %s: missing is %v, want %v", tt.p, tt.at, tt.what, got, tt.want)
		}
	}
	l := g2.FillLane()
	if err := g1.End(t.Context(), l, stream.Outcome{Complete: true}); err != nil {
		t.Fatal(err)
	}
	if err := g2.End(t.Context(), l, stream.Outcome{Complete: true, Filled: true, Why: "filled"}); err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, f := range set.Feeds.Feeds(t) {
		events = append(events, strings.TrimPrefix(f.GetEvent().String(), "FEED_EVENT_"))
	}
	if diff := cmp.Diff([]string{"GAP", "GAP", "RECOVERED", "RECOVERED"}, events); diff != "" {
		t.Errorf("bgp.feeds (-want +got):\n%s", diff)
	}
	if got := streamtest.Bodies(set.Updates.Updates(t), "ris/rrc00", "fill/"+g2.ID); len(got) != 1 || got[0] != "GapEnd" {
		t.Errorf("fill lane: %v", got)
	}
	if len(set.Gaps) != 2 {
		t.Errorf("%d gaps told, want 2", len(set.Gaps))
	}
}

// TestGapAhead checks that a gap whose begin would be in the future begins now, also when the begin
// comes from the earlier state.
func TestGapAhead(t *testing.T) {
	t.Parallel()
	w := &wall{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	set := streamtest.New(t, stream.DefaultConfig(), w.now)
	set.Remember("ris/rrc00", stream.Past{Known: w.us() + 30e6})
	s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{Archived: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Since() != w.us() {
		t.Errorf("known until %d us from now, want now", s.Since()-w.us())
	}
	g, err := s.BeginGap(t.Context(), w.t.AddDate(5, 0, 0).UnixMicro(), "lost")
	if err != nil {
		t.Fatal(err)
	}
	recs, feeds := set.Updates.Updates(t), set.Feeds.Feeds(t)
	told, fed := recs[len(recs)-1].GetGapBegin().GetSinceUs(), feeds[len(feeds)-1].GetBeginUs()
	if g.Since != w.us() || told != w.us() || fed != w.us() {
		t.Errorf("since %d, in bgp.updates %d, in bgp.feeds %d us from now, want now", g.Since-w.us(), told-w.us(), fed-w.us())
	}
}

// TestRequestTables checks that, after a request for tables for a collector that is not open,
// nothing is known of the collector when it opens, unless its earlier state was determined after
// the request. The request applies once.
func TestRequestTables(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{})
	if got := set.RequestTables("ris/rrc00", w.t); got != s {
		t.Errorf("got stream %v, want the one that is open", got)
	}
	s.Close()
	for _, tt := range []struct {
		what    string
		request bool
		asOf    int64
		want    bool
	}{
		{"never wanted", false, 0, false},
		{"wanted", true, 0, true},
		{"remembered from before", true, w.us() - 1, true},
		{"remembered from after", true, w.us(), false},
		{"and no more", false, 0, false},
	} {
		if tt.request && set.RequestTables("ris/rrc00", w.t) != nil {
			t.Errorf("%s: a stream is open", tt.what)
		}
		set.Remember("ris/rrc00", stream.Past{Known: 7, AsOf: tt.asOf})
		s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s.TablesRequested() != tt.want || (s.Since() == 0) != tt.want {
			t.Errorf("%s: tables requested %v, known up to %d", tt.what, s.TablesRequested(), s.Since())
		}
		s.Close()
	}
}

// TestRun checks that ticks follow the delay of the last message, and that a late stream is stale
// until it is fresh.
func TestRun(t *testing.T) {
	t.Parallel()
	set, s, w := open(t, stream.Options{Clock: stream.Delayed})
	if err := s.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := handle(t, s, 1)
	lane := set.Updates
	for _, late := range []time.Duration{time.Second, 2 * time.Minute, 30 * time.Second, 5 * time.Second} {
		w.t = w.t.Add(5 * time.Minute)
		if err := s.Live().Message(t.Context(), &stream.Message{Peer: p, Timestamp: w.t.Add(-late).UnixMicro(), Raw: []byte{1}}); err != nil {
			t.Fatal(err)
		}
		if err := set.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.Suspend()
	w.t = w.t.Add(time.Minute)
	if err := set.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range lane.Updates(t) {
		late := time.Duration(r.GetReceivedAtUs()-r.GetTimestampUs()) * time.Microsecond
		switch b := r.GetBody().(type) {
		case *pb.UpdateRecord_Tick:
			got = append(got, "tick "+late.String())
		case *pb.UpdateRecord_CollectorDown:
			got = append(got, "down "+b.CollectorDown.GetReason().String())
		case *pb.UpdateRecord_CollectorUp:
			got = append(got, "up")
		case *pb.UpdateRecord_Clock:
			got = append(got, "clock")
		}
	}
	want := []string{
		"up", "tick 1s", "clock", "down DOWN_REASON_STALE", "tick 2m0s", "clock", "tick 30s", "clock", "up", "tick 5s", "clock", "clock",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// TestSameMessage checks that the allowed difference between the times of one message is
// configurable. A message that is later than that after the gap was received live.
func TestSameMessage(t *testing.T) {
	t.Parallel()
	w := &wall{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	cfg := stream.DefaultConfig()
	cfg.SameMessage = 10 * time.Millisecond
	set := streamtest.New(t, cfg, w.now)
	s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{Archived: true})
	if err != nil {
		t.Fatal(err)
	}
	start := w.us()
	g, err := s.BeginGap(t.Context(), start, "lost")
	if err != nil {
		t.Fatal(err)
	}
	w.t = w.t.Add(time.Second)
	if err := s.Live().Message(t.Context(), &stream.Message{Peer: handle(t, s, 1), Timestamp: w.us(), Raw: []byte("again")}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		ms   int64
		want bool
	}{{500, true}, {1000, true}, {1010, true}, {1011, false}} {
		if got := g.Missing(neighbour(1), start+tt.ms*1000); got != tt.want {
			t.Errorf("after %d ms: missing is %v, want %v", tt.ms, got, tt.want)
		}
	}
}

// TestClosedUnderLock checks that OnGap, which is called while the stream is locked, may wait for a
// lock under which another goroutine calls Closed.
func TestClosedUnderLock(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	told := make(chan bool)
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{
		Log: slog.New(slog.DiscardHandler), Now: time.Now, Updates: &streamtest.Recorder{}, Feeds: &streamtest.Recorder{},
		OnGap: func(*stream.Gap) {
			close(told)
			mu.Lock() // the other goroutine has it
			defer mu.Unlock()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := set.Open(t.Context(), "ris/rrc00", stream.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	done := make(chan error)
	go func() { // ends when the lock is free
		_, err := s.BeginGap(t.Context(), 0, "")
		done <- err
	}()
	<-told
	if s.Closed() {
		t.Error("closed")
	}
	mu.Unlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
