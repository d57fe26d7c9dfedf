package bootstrap_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/mrt"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rrc00 = "ris/rrc00"

// scene is a worker between an archive that the test writes and streams that keep the written
// records.
type scene struct {
	t      *testing.T
	w      *archivetest.World
	a      archivetest.Archive
	set    *streamtest.Set
	worker *bootstrap.Worker
	doing  doing
	s      *stream.Stream
	begin  time.Time    // of the wall clock
	start  time.Time    // of the streams' clock
	ahead  atomic.Int64 // by which the test moved that clock
}

// rig holds additions to a scene. Each may be nil.
type rig struct {
	server func(http.Handler) http.Handler // wraps the archive's handler
	config func(*archive.Config)
	deps   func(*bootstrap.Deps)
}

// play creates a scene whose clock begins at start, with the stream of rrc00 up.
func play(t *testing.T, start time.Time, change func(*bootstrap.Config)) *scene {
	t.Helper()
	return rig{}.play(t, start, change)
}

func (r rig) play(t *testing.T, start time.Time, change func(*bootstrap.Config)) *scene {
	t.Helper()
	sc := &scene{t: t, w: &archivetest.World{Collectors: []string{rrc00}, Peers: 2, Prefixes: 60}, a: archivetest.Archive{Dir: t.TempDir()}, begin: time.Now(), start: start}
	if err := os.WriteFile(filepath.Join(sc.a.Dir, archivetest.IndexName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := fast()
	cfg.UpdatesTimeout = time.Hour
	if change != nil {
		change(&cfg)
	}
	d := bootstrap.Deps{Log: slog.New(slog.DiscardHandler), Now: sc.now, Progress: sc.doing.note}
	d.Finder, d.Fetcher = r.serve(t, sc.a.Dir, t.TempDir())
	if r.deps != nil {
		r.deps(&d)
	}
	var err error
	sc.worker, err = bootstrap.New(cfg, d)
	if err != nil {
		t.Fatal(err)
	}
	sc.set = streamtest.New(t, stream.DefaultConfig(), sc.now)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sc.worker.Run(ctx) }() // ends with ctx
	go func() {                                 // ends with ctx
		for {
			select {
			case g := <-sc.set.Gaps:
				sc.worker.Gap(g)
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("in progress: %v", &sc.doing)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if sc.s, err = sc.set.Open(t.Context(), rrc00, stream.Options{Source: "rislive", Archived: true}); err == nil {
		err = sc.s.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func (sc *scene) now() time.Time {
	return sc.start.Add(time.Since(sc.begin) + time.Duration(sc.ahead.Load()))
}

func (sc *scene) gap(since time.Time) *stream.Gap {
	sc.t.Helper()
	us := int64(0)
	if !since.IsZero() {
		us = since.UnixMicro()
	}
	g, err := sc.s.BeginGap(sc.t.Context(), us, "test")
	if err != nil {
		sc.t.Fatal(err)
	}
	return g
}

// live writes a live message of a peer.
func (sc *scene) live(ch archivetest.Change) {
	sc.t.Helper()
	if err := sayLive(sc.t.Context(), sc.w, sc.s, 0, []archivetest.Change{ch}); err != nil {
		sc.t.Fatal(err)
	}
}

func (sc *scene) dump(at time.Time) {
	sc.t.Helper()
	name := at.Format("bview.20060102.1504.gz")
	if err := sc.a.Add(rrc00, "rib", at, at, name, func(w io.Writer) error { return sc.w.WriteDump(w, 0, at) }); err != nil {
		sc.t.Fatal(err)
	}
}

func (sc *scene) updates(at time.Time, changes ...archivetest.Change) {
	sc.t.Helper()
	name := at.Format("updates.20060102.1504.gz")
	if err := sc.a.Add(rrc00, "updates", at, at.Add(5*time.Minute), name, func(w io.Writer) error { return sc.w.WriteUpdates(w, 0, changes) }); err != nil {
		sc.t.Fatal(err)
	}
}

// ends waits for n ends of gaps or checks. It returns them with the preceding records of their
// lane.
func (sc *scene) ends(n int) []string {
	sc.t.Helper()
	var out []string
	waitFor(sc.t, func() bool {
		out = nil
		bodies := map[string]int{}
		for _, r := range sc.set.Updates.Updates(sc.t) {
			lane, _ := bgp.ParseLane(r.GetPosition().GetLane())
			switch b := r.GetBody().(type) {
			case *pb.UpdateRecord_GapEnd:
				out = append(out, fmt.Sprintf("%s complete=%v filled=%v peers=%d after %d messages, %d states", lane, b.GapEnd.GetComplete(), b.GapEnd.GetFilled(), len(b.GapEnd.GetPeers()), bodies["m"], bodies["s"]))
				clear(bodies)
			case *pb.UpdateRecord_CheckEnd:
				out = append(out, fmt.Sprintf("%s check complete=%v", lane, b.CheckEnd.GetComplete()))
			case *pb.UpdateRecord_BgpMessage:
				if lane == bgp.LaneKindFill {
					bodies["m"]++
				}
			case *pb.UpdateRecord_PeerDown, *pb.UpdateRecord_PeerUp:
				if lane == bgp.LaneKindFill {
					bodies["s"]++
				}
			}
		}
		return len(out) >= n
	}, sc.worker)
	return out
}

func (sc *scene) want(got []string, want ...string) {
	sc.t.Helper()
	if !slices.Equal(got, want) {
		sc.t.Errorf("got\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

// reasons returns the reasons of the feed's records with an event.
func (sc *scene) reasons(e pb.FeedEvent) []string {
	var out []string
	for _, f := range sc.set.Feeds.Feeds(sc.t) {
		if f.GetEvent() == e {
			out = append(out, f.GetReason())
		}
	}
	return out
}

func change(at time.Time, peer, prefix int) archivetest.Change {
	return archivetest.Change{At: at, Peer: peer, Prefix: prefix, Version: 2}
}

// unsaid fails if a fill contains a message.
func (sc *scene) unsaid() {
	sc.t.Helper()
	for _, r := range sc.set.Updates.Updates(sc.t) {
		if r.GetBgpMessage() != nil && bgp.Lane(r.GetPosition().GetLane()).Kind() == bgp.LaneKindFill {
			sc.t.Fatalf("said before all files are there: %v", r)
		}
	}
}

// TestFill checks that a gap is filled with the messages that lie, for each peer, between the last
// message before and the first after it. The fill comes as soon as the file that covers its end is
// available, and not in part before.
func TestFill(t *testing.T) {
	sc := play(t, dumped.Add(8*time.Minute), nil)
	before, missed1, missed2, after := change(dumped.Add(time.Minute), 0, 1), change(dumped.Add(2*time.Minute), 0, 2), change(dumped.Add(6*time.Minute), 1, 3), change(dumped.Add(9*time.Minute), 0, 4)
	sc.live(before)
	g := sc.gap(dumped.Add(time.Minute))
	sc.live(after)
	sc.updates(dumped, before, missed1)
	sc.waitDoing("waiting for the updates from 2026-11-24T08:05:00Z", 1)
	sc.unsaid()
	sc.updates(dumped.Add(5*time.Minute), missed2, after)
	// one of them at the edge: it was received live, which does no harm
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 3 messages, 0 states")
	if !g.Superseded() {
		t.Error("the gap is still open")
	}
	if err := sc.worker.Ready(); err != nil {
		t.Error(err)
	}
}

// TestBoundary checks that a missing message may be in the file before the begin of the gap,
// because archives' times differ.
func TestBoundary(t *testing.T) {
	sc := play(t, dumped.Add(7*time.Minute), nil)
	next := dumped.Add(5 * time.Minute)
	sc.updates(dumped, change(next.Add(-2*time.Second), 0, 6), change(next.Add(-300*time.Millisecond), 0, 7))
	sc.updates(next, change(next.Add(10*time.Second), 1, 8))
	sc.gap(next.Add(100 * time.Millisecond))
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 2 messages, 0 states")
}

// TestClockBehind checks that a gap that ends before it begins, because ingest's clock is behind
// the collector's, is filled.
func TestClockBehind(t *testing.T) {
	sc := play(t, dumped.Add(8*time.Minute), nil)
	sc.live(change(dumped.Add(8*time.Minute+25*time.Second), 0, 1))
	sc.gap(dumped.Add(8*time.Minute + 30*time.Second))
	sc.waitDoing("waiting for the updates from", 1)
	sc.ahead.Store(int64(5 * time.Minute))
	sc.updates(dumped.Add(5*time.Minute), change(dumped.Add(8*time.Minute+40*time.Second), 0, 2), change(dumped.Add(8*time.Minute+41*time.Second), 1, 3))
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 2 messages, 0 states")
}

// TestOverlap checks that a gap that ends within Overlap of a file's end needs the next file as
// well, however long that takes.
func TestOverlap(t *testing.T) {
	for _, test := range []struct {
		name  string
		since time.Time
		next  bool // the file is published
		want  string
	}{
		{"fill", dumped.Add(time.Minute), true, "fill complete=true filled=true peers=0 after 2 messages, 0 states"},
		{"fill, missing", dumped.Add(time.Minute), false, "fill complete=false filled=true peers=0 after 1 messages, 0 states"},
		{"table", time.Time{}, true, "fill complete=true filled=false peers=2 after 2 messages, 0 states"},
		{"table, missing", time.Time{}, false, "fill complete=false filled=false peers=2 after 1 messages, 0 states"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := play(t, dumped.Add(4*time.Minute+30*time.Second), func(c *bootstrap.Config) { c.UpdatesTimeout = 10 * time.Minute })
			sc.dump(dumped)
			sc.updates(dumped, change(dumped.Add(2*time.Minute), 0, 1))
			sc.gap(test.since)
			next := dumped.Add(5 * time.Minute)
			sc.waitDoing("waiting for the updates from 2026-11-24T08:05:00Z", 1)
			sc.ahead.Store(int64(6 * time.Minute)) // 08:10:30
			if test.next {
				sc.updates(next, change(next.Add(20*time.Second), 0, 2), change(next.Add(50*time.Second), 0, 3))
			} else {
				sc.ahead.Store(int64(11 * time.Minute)) // 08:15:30
			}
			sc.want(sc.ends(1)[:1], test.want)
		})
	}
}

// TestMissingFile checks that a file that does not appear makes the answer incomplete, and
// withdraws nothing. A newer dump then answers the gap.
func TestMissingFile(t *testing.T) {
	sc := play(t, dumped.Add(8*time.Minute), func(c *bootstrap.Config) { c.UpdatesTimeout = time.Millisecond })
	sc.updates(dumped.Add(5*time.Minute), change(dumped.Add(6*time.Minute), 0, 1))
	sc.gap(dumped.Add(time.Minute))
	sc.want(sc.ends(1), "fill complete=false filled=true peers=0 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_DEGRADED); len(got) != 1 || !strings.Contains(got[0], "the updates from 2026-11-24T08:00:59Z to 2026-11-24T08:05:00Z are not in the archive") {
		t.Errorf("got reasons %q", got)
	}
	sc.dump(dumped.Add(-time.Hour)) // of no use
	sc.dump(dumped.Add(7 * time.Minute))
	sc.want(sc.ends(2)[1:], "fill complete=true filled=false peers=2 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_GAP); len(got) != 2 || !strings.Contains(got[1], "beginning again with the table of 2026-11-24T08:07:00Z") {
		t.Errorf("got gaps %q", got)
	}
}

// TestCutShort checks that a dump that ends too early, or is far smaller than the one before, is
// not used. The one before is.
func TestCutShort(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.w.Prefixes = 6_000 // more than one chunk of each family
	sc.dump(dumped.Add(-10 * time.Minute))
	sc.dump(dumped)
	name := filepath.Join(sc.a.Dir, dumped.Format("bview.20060102.1504.gz"))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, whole[:len(whole)*3/4], 0o600); err != nil {
		t.Fatal(err)
	}
	for at := dumped.Add(-10 * time.Minute); at.Before(dumped.Add(10 * time.Minute)); at = at.Add(5 * time.Minute) {
		sc.updates(at)
	}
	sc.gap(time.Time{})
	sc.want(sc.ends(2), "table complete=false filled=false peers=0 after 0 messages, 0 states", "fill complete=true filled=false peers=2 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_DEGRADED); len(got) != 1 || !strings.Contains(got[0], "the table dump of 2026-11-24T08:00:00Z is damaged") {
		t.Errorf("got reasons %q", got)
	}
	sc.w.Prefixes = 600
	sc.dump(dumped.Add(time.Minute))
	sc.gap(time.Time{})
	sc.want(sc.ends(4)[2:], "table complete=false filled=false peers=0 after 0 messages, 0 states", "fill complete=true filled=false peers=2 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_DEGRADED); len(got) != 2 || !strings.Contains(got[1], "routes of ipv4, the one before 10000: it is cut short") {
		t.Errorf("got reasons %q", got)
	}
}

// TestShrunk checks that two equally small dumps are accepted, because the collector has shrunk.
// One that is listed twice is not.
func TestShrunk(t *testing.T) {
	const cut, whole = "table complete=false filled=false peers=0 after 0 messages, 0 states", "fill complete=true filled=false peers=2 after 0 messages, 0 states"
	sc := play(t, dumped.Add(2*time.Minute), func(c *bootstrap.Config) { c.DumpAgeLimit = time.Hour })
	at := func(hours int) time.Time { return dumped.Add(time.Duration(hours) * time.Hour) }
	move := func(hours int) {
		sc.updates(at(hours))
		sc.ahead.Store(int64(time.Duration(hours) * time.Hour))
	}
	move(0)
	sc.dump(at(0))
	sc.gap(time.Time{})
	sc.want(sc.ends(1), whole)
	sc.w.Prefixes = 20 // two of three have gone for good
	sc.dump(at(2))
	move(2)
	sc.gap(time.Time{})
	sc.want(sc.ends(2)[1:], cut)
	write := func(w io.Writer) error { return sc.w.WriteDump(w, 0, at(2)) }
	if err := sc.a.Add(rrc00, "rib", at(2), at(2), "a"+at(2).Format("bview.20060102.1504.gz"), write); err != nil {
		t.Fatal(err)
	}
	sc.want(sc.ends(3)[2:], cut)
	sc.w.Prefixes = 21 // and some came
	sc.dump(at(4))
	move(4)
	sc.s.Close() // the state of the collector stays when another stream takes over
	var err error
	if sc.s, err = sc.set.Open(t.Context(), rrc00, stream.Options{Source: "rislive", Archived: true}); err == nil {
		err = sc.s.Up(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	sc.want(sc.ends(4)[3:], whole)
	sc.w.Prefixes = 10 // half of the rest is small again
	sc.dump(at(6))
	move(6)
	sc.gap(time.Time{})
	sc.want(sc.ends(5)[4:], cut)
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_DEGRADED); len(got) != 3 || !strings.Contains(got[2], "has 18 routes of ipv4, the one before 36: it is cut short") {
		t.Errorf("got reasons %q", got)
	}
}

// TestCutFamily checks that a dump that is whole except for one family counts as cut short.
func TestCutFamily(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.w.Prefixes = 600
	sc.dump(dumped)
	sc.updates(dumped)
	sc.gap(time.Time{})
	sc.ends(1)
	at := dumped.Add(time.Minute)
	err := sc.a.Add(rrc00, "rib", at, at, "bview.20261124.0801", func(w io.Writer) error {
		m := mrt.NewWriter(w)
		index := make([]mrt.TablePeer, sc.w.Peers)
		for p := range index {
			index[p] = mrt.TablePeer{BGPID: sc.w.Peer(0, p).Address, Address: sc.w.Peer(0, p).Address, ASN: sc.w.Peer(0, p).ASN}
		}
		m.PeerIndexTable(at, index[0].Address, "", index)
		for i := range 505 { // 5 of 100 of IPv6
			entries := make([]mrt.Entry, len(index))
			for p := range entries {
				entries[p] = mrt.Entry{Peer: uint16(p), Originated: at, Attributes: wire.PlainAttributes{Path: []bgp.ASN{index[p].ASN, 64510}, NextHop: index[p].Address}}
			}
			m.RIB(at, uint32(i), sc.w.Prefix(i), entries)
		}
		return m.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	sc.want(sc.ends(2)[1:2], "table complete=false filled=false peers=0 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_DEGRADED); len(got) != 1 || !strings.Contains(got[0], "10 routes of ipv6, the one before 200: it is cut short") {
		t.Errorf("got reasons %q", got)
	}
}

// TestFirstShort checks that, when the dump before was not read, its size in the index shows that
// the first one is cut short.
func TestFirstShort(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.a.Sizes = true
	sc.w.Prefixes = 600
	sc.dump(dumped.Add(-5 * time.Minute))
	sc.w.Prefixes = 60
	sc.dump(dumped)
	sc.updates(dumped.Add(-5 * time.Minute))
	sc.updates(dumped)
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_RECOVERED); len(got) != 1 || !strings.Contains(got[0], "the table of 2026-11-24T07:55:00Z") {
		t.Errorf("got reasons %q", got)
	}
}

// TestNewest checks that the newest gap wins, and the answer to an older one ends.
func TestNewest(t *testing.T) {
	sc := play(t, dumped.Add(8*time.Minute), nil)
	sc.updates(dumped)
	old := sc.gap(dumped.Add(time.Minute))
	sc.waitDoing("waiting", 1)
	young := sc.gap(dumped.Add(7 * time.Minute))
	sc.updates(dumped.Add(5*time.Minute), change(dumped.Add(6*time.Minute), 0, 1))
	sc.want(sc.ends(1), "fill complete=true filled=true peers=0 after 1 messages, 0 states")
	if !old.Superseded() || young.Since != old.Since {
		t.Errorf("the gap since %d took the place of one since %d", young.Since, old.Since)
	}
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_RECOVERED); len(got) != 2 {
		t.Errorf("got %q, want both gaps over", got)
	}
}

// TestNoDump checks that without a dump the answer is incomplete, and that a later dump is used.
func TestNoDump(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "table complete=false filled=false peers=0 after 0 messages, 0 states")
	sc.updates(dumped, change(dumped.Add(-time.Second), 0, 1), change(dumped.Add(time.Second), 0, 2))
	sc.dump(dumped)
	sc.want(sc.ends(2)[1:], "fill complete=true filled=false peers=2 after 1 messages, 0 states")
}

// TestStates checks that sessions that ended since the dump are in the fill.
func TestStates(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	peer := sc.w.Peer(0, 1)
	err := sc.a.Add(rrc00, "updates", dumped, dumped.Add(5*time.Minute), "updates.20261124.0800", func(w io.Writer) error {
		m := mrt.NewWriter(w)
		session := mrt.Session{PeerASN: peer.ASN, PeerAddress: peer.Address, LocalASN: 64511, LocalAddress: peer.Address}
		m.StateChange(dumped.Add(time.Second).UnixMicro(), session, bgp.Established, bgp.Idle)
		session.PeerASN++ // was not in the dump
		m.StateChange(dumped.Add(time.Second).UnixMicro(), session, bgp.OpenConfirm, bgp.Established)
		return m.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	sc.ahead.Store(int64(5 * time.Minute)) // the file is uncompressed: its time has to be over
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 0 messages, 1 states")
}

// planned creates a scene an hour before dumped, with a check of that dump planned and a lead of
// ten minutes.
func planned(t *testing.T) *scene {
	t.Helper()
	sc := play(t, dumped.Add(-time.Hour), func(c *bootstrap.Config) {
		c.CheckInterval, c.CheckLead = config.DurationOrOff(time.Millisecond), 10*time.Minute
	})
	sc.dump(dumped.Add(-16 * time.Hour))
	sc.dump(dumped.Add(-8 * time.Hour))
	for at := dumped.Add(-8 * time.Hour); at.Before(dumped); at = at.Add(5 * time.Minute) {
		sc.updates(at)
	}
	sc.gap(time.Time{})
	sc.ends(1)
	waitFor(t, func() bool { return sc.worker.Planned(rrc00).Equal(dumped) }, sc.worker)
	return sc
}

// TestCheck checks that a check begins before the nominal time of the next dump and sends its table
// when it is available.
func TestCheck(t *testing.T) {
	sc := planned(t)
	sc.ahead.Store(int64(51 * time.Minute)) // within the lead
	sc.waitDoing("waiting for the dump of 2026-11-24T08:00:00Z", 1)
	sc.ahead.Store(int64(61 * time.Minute))
	sc.dump(dumped)
	sc.want(sc.ends(2)[1:], "table check complete=true")
	var lanes []bgp.Lane
	for _, r := range sc.set.Updates.Updates(t) {
		if c := r.GetTableChunk(); c != nil && strings.Contains(c.GetId(), "check") {
			lanes = append(lanes, bgp.Lane(r.GetPosition().GetLane()))
		}
	}
	if len(lanes) != 2 {
		t.Fatalf("the check's chunks stand in %q", lanes)
	}
	if kind, id := bgp.ParseLane(lanes[0]); kind != bgp.LaneKindTable || !strings.HasSuffix(id, "-check-20261124T0800") {
		t.Errorf("the check's chunks stand in %q", lanes)
	}
}

// TestLateCheck checks that a check begins no later than a minute before the nominal time of its
// dump. A later one is counted, and waits for the next dump.
func TestLateCheck(t *testing.T) {
	sc := planned(t)
	sc.ahead.Store(int64(time.Hour - 30*time.Second))
	waitFor(t, func() bool { return sc.worker.Planned(rrc00).Equal(dumped.Add(8 * time.Hour)) }, sc.worker)
	if got := sc.worker.Late(); got != 1 {
		t.Errorf("%d checks were late, want 1", got)
	}
	sc.ahead.Store(int64(9*time.Hour - 90*time.Second)) // less than half of the lead
	sc.waitDoing("waiting for the dump of 2026-11-24T16:00:00Z", 1)
	if got := sc.worker.Late(); got != 1 {
		t.Errorf("%d checks were late, want 1 still", got)
	}
}

// TestConfig checks that all faults are reported at once, and those about checks only if there are
// any.
func TestConfig(t *testing.T) {
	cfg := bootstrap.DefaultConfig()
	if err := config.Validate(&cfg); err != nil {
		t.Errorf("the default: %v", err)
	}
	cfg.Parallel, cfg.LeastPercent, cfg.RetryInterval, cfg.CheckLead = 0, 101, 0, 89*time.Second
	want := []string{"retry_interval: got 0s", "parallel: got 0", "least_percent: got 101, want 1 to 100, or off", "check_lead: got 1m29s, want at least a minute and poll_interval"}
	err := config.Validate(&cfg)
	for i := range want {
		if err == nil || !strings.Contains(err.Error(), want[i]) {
			t.Errorf("got %v, want %s in it", err, want[i])
		}
	}
	cfg = bootstrap.DefaultConfig()
	cfg.CheckInterval, cfg.CheckLead, cfg.Overlap = 0, time.Second, 0
	if err := config.Validate(&cfg); err != nil {
		t.Errorf("without checks: %v", err)
	}
}

// TestTwoTables checks that of more than two tables of an AS the largest are sent, and of equal
// ones those of the lower peers.
func TestTwoTables(t *testing.T) {
	sc := play(t, dumped.Add(2*time.Minute), nil)
	sc.updates(dumped)
	index := make([]mrt.TablePeer, 5)
	for p := range index {
		peer := sc.w.Peer(0, p)
		index[p] = mrt.TablePeer{BGPID: peer.Address, Address: peer.Address, ASN: 64500}
	}
	index[4].ASN = 64501
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	m := mrt.NewWriter(z)
	m.PeerIndexTable(dumped, index[0].Address, "", index)
	for i := range 10 {
		var entries []mrt.Entry
		for p := range index {
			if p == 0 && i > 5 || p == 1 && i > 7 { // the first two are smaller
				continue
			}
			entries = append(entries, mrt.Entry{Peer: uint16(p), Originated: dumped, Attributes: wire.PlainAttributes{Path: []bgp.ASN{index[p].ASN, 64510}, NextHop: index[p].Address}})
		}
		m.RIB(dumped, uint32(i), sc.w.Prefix(i), entries)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	err := sc.a.Add(rrc00, "rib", dumped, dumped, "bview.20261124.0800.bin", func(w io.Writer) error { _, err := w.Write(file.Bytes()); return err })
	if err != nil {
		t.Fatal(err)
	}
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "fill complete=true filled=false peers=3 after 0 messages, 0 states")
	var got []byte
	for _, r := range sc.set.Updates.Updates(t) {
		for _, p := range r.GetGapEnd().GetPeers() {
			got = append(got, p.GetAddress()[3])
		}
	}
	if !slices.Equal(got, []byte{2, 3, 4}) {
		t.Errorf("got the tables of peers %v, want 2, 3 and 4", got)
	}
}
