package rislive_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/internal/waittest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// archiveFile is a line of the index of archives.
type archiveFile struct {
	collector, kind, path string
	begin, end            time.Time
}

func readIndex(t testing.TB, path string) (out []archiveFile) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		c := strings.Split(s.Text(), "\t")
		begin, err1 := time.Parse(time.RFC3339Nano, c[2])
		end, err2 := time.Parse(time.RFC3339Nano, c[3])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		out = append(out, archiveFile{c[0], c[1], c[4], begin, end})
	}
	return out
}

// repair answers gaps when the archives are published, with the messages that the gap's filter
// accepts. It is the reference for ingest/bootstrap: the same calls, no download, no table.
type repair struct {
	files []archiveFile
	gaps  <-chan *stream.Gap
	late  time.Duration // delay between a file's end and its publication
}

// run answers every gap in a goroutine of its own, until ctx ends.
func (r *repair) run(ctx context.Context, t *testing.T) {
	t.Helper()
	var wait sync.WaitGroup
	defer wait.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case g := <-r.gaps:
			wait.Go(func() {
				if err := r.answer(ctx, g); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
	}
}

// repaired reports whether no gap is open.
func (r *rig) repaired() bool {
	for _, s := range r.set.Streams() {
		if _, open := s.OpenGap(); open {
			return false
		}
	}
	return len(r.set.Gaps) == 0
}

func (r *repair) answer(ctx context.Context, g *stream.Gap) error {
	lane := g.FillLane()
	if g.Since != 0 {
		until := time.UnixMicro(g.Until)
		for _, f := range r.files {
			if f.collector == g.Stream().Collector() && f.kind == "updates" && f.begin.Before(until) && !f.end.Before(until) {
				until = f.end // the file that contains the end
				break
			}
		}
		if !pause(ctx, max(0, time.Until(until.Add(r.late)))) || g.Superseded() {
			return ctx.Err()
		}
		if err := r.fill(ctx, g, lane, until); err != nil {
			return err
		}
	}
	return g.End(ctx, lane, stream.Outcome{Complete: true, Filled: g.Since != 0, Why: "filled"})
}

func (r *repair) fill(ctx context.Context, g *stream.Gap, lane *stream.Lane, until time.Time) error {
	since := time.UnixMicro(g.Since)
	for _, f := range r.files {
		if f.collector != g.Stream().Collector() || f.kind != "updates" || f.end.Before(since) || !f.begin.Before(until) {
			continue
		}
		c, err := capture.Open(f.path, nil)
		if err != nil {
			return err
		}
		for {
			it, err := c.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				continue // an empty file
			}
			if !g.Missing(it.Peer, it.Timestamp) {
				continue
			}
			if err := sayItem(ctx, g, lane, it); err != nil {
				return err
			}
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

func sayItem(ctx context.Context, g *stream.Gap, lane *stream.Lane, it *capture.Item) error {
	p, err := g.Stream().Peer(it.Peer, it.BGPID)
	if err != nil {
		return err
	}
	switch {
	case it.Kind == capture.Message:
		return lane.Message(ctx, &stream.Message{Peer: p, Timestamp: it.Timestamp, Raw: it.Message, ASOctets: it.ASOctets})
	case it.Kind == capture.State && it.NewState == bgp.Established:
		return lane.PeerUp(ctx, p, it.Timestamp)
	case it.Kind == capture.State && it.NewState == bgp.Idle:
		return lane.PeerDown(ctx, p, it.Timestamp, "")
	}
	return nil
}

// outage is a time in which no connection succeeded.
type outage struct{ begin, end time.Time }

// breakBoth cuts both connections and refuses new ones for a while.
func (r *rig) breakBoth(ctx context.Context, rnd *rand.Rand) outage {
	o := outage{begin: time.Now()}
	r.srv.Refuse(rislivetest.NotThere)
	for _, c := range r.srv.Conns() {
		c.Break(rislivetest.Cut)
	}
	d := time.Duration(3000+rnd.IntN(39000)) * time.Millisecond
	if rnd.IntN(8) == 0 {
		d += 45 * time.Second // beyond the stale time
	}
	pause(ctx, d)
	o.end = time.Now()
	r.srv.Refuse(rislivetest.Welcome)
	for end := time.Now().Add(5 * time.Minute); ctx.Err() == nil && time.Now().Before(end) && !r.sound(); {
		pause(ctx, 100*time.Millisecond)
	}
	pause(ctx, 15*time.Second)
	return o
}

// TestBothConnectionsBroken is bar 2 (ii): each gap is on bgp.feeds with begin, end and peers, and
// once repaired from the archives the state is that of the undisturbed run. Every third fault
// leaves one connection.
func TestBothConnectionsBroken(t *testing.T) {
	t.Parallel()
	virtual(t, func(t *testing.T, o rislivetest.Options) {
		t.Helper()
		bothBroken(t, o, func(ctx context.Context, t *testing.T, index string, gaps <-chan *stream.Gap) {
			t.Helper()
			(&repair{files: readIndex(t, index), gaps: gaps, late: published()}).run(ctx, t)
		})
	})
}

// published returns the delay between a file's end and its publication: fifteen seconds.
func published() time.Duration { return 15 * time.Second }

// bothBroken plays, breaks and compares; fix answers the gaps until ctx ends.
func bothBroken(t *testing.T, o rislivetest.Options, fix func(ctx context.Context, t *testing.T, index string, gaps <-chan *stream.Gap)) {
	t.Helper()
	s := routeViews(t, four, *faultsLength)
	if *faultsLength < 10*time.Minute {
		// otherwise nearly all of the time is spent waiting for files
		s.FileLength = 20 * time.Second
	}
	want, _ := scheduled(t, s)
	o.Skew = 900 * time.Millisecond
	r := newRig(t, o, four, nil)
	r.listening(t)
	begun := time.Now()
	play := begun.Add(300 * time.Millisecond)
	// archives continue
	index, err := s.Then(rislivetest.Quiet(four, 20*time.Minute)).WriteArchives(t.TempDir(), play, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { fix(ctx, t, index, r.set.Gaps) })
	played := r.playOn(ctx, s, play)
	defer func() {
		cancel()
		wait.Wait()
	}()
	outages := r.disturb(ctx, t, begun.Add(30*time.Second))
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	end := time.Now()
	waittest.Until(t, 30*time.Minute, "every gap answered", func() bool { return time.Since(end) > time.Second && r.repaired() })
	cancel()
	r.stop()
	recs := r.set.Updates.Updates(t)
	t.Logf("%d outages, %d connections, %v", len(outages), r.srv.Accepted(), time.Since(begun).Round(time.Second))
	compareStates(t, want, stateOf(t, recs))
	checkGaps(t, r.set.Feeds.Feeds(t), outages)
	if t.Failed() {
		for _, l := range r.logs.lines() {
			t.Log(l)
		}
	}
}

// disturb breaks both connections, or one, at even steps of the play.
func (r *rig) disturb(ctx context.Context, t *testing.T, from time.Time) (outages []outage) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(*faultsSeed, 3))
	for i := range *faultsNumber {
		pause(ctx, max(0, time.Until(from.Add(*faultsLength*time.Duration(i)/time.Duration(*faultsNumber)))))
		if i%3 == 2 {
			r.breakOne(ctx, t, rnd)
		} else {
			outages = append(outages, r.breakBoth(ctx, rnd))
		}
	}
	return outages
}

// TestBothGone checks that the ticks stop at once, that the collector is down after StaleTimeout,
// and that it comes back after a gap.
func TestBothGone(t *testing.T) {
	t.Parallel()
	virtual(t, bothGone)
}

func bothGone(t *testing.T, o rislivetest.Options) {
	t.Helper()
	r := newRig(t, o, []string{"rrc00"}, nil)
	r.listening(t)
	r.play(t, rislivetest.Burst("rrc00", 5), 1, 5)
	r.srv.Refuse(rislivetest.NotThere)
	for _, c := range r.srv.Conns() {
		c.Break(rislivetest.Cut)
	}
	waittest.Until(t, 5*time.Minute, "down", func() bool {
		return slices.Contains(streamtest.Bodies(r.set.Updates.Updates(t), "ris/rrc00", "live"), "CollectorDown")
	})
	if err := r.client.Ready(); err == nil || !strings.HasPrefix(err.Error(), "rislive: no connection: connecting: ") {
		t.Errorf("ready: %v", err)
	}
	r.srv.Refuse(rislivetest.Welcome)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _ = r.srv.Play(ctx, rislivetest.Quiet([]string{"rrc00"}, time.Hour), time.Now(), 1) }() // until ctx ends
	r.listening(t)
	r.play(t, rislivetest.Burst("rrc00", 5), 1, 10)
	cancel()
	r.stop()
	recs := r.set.Updates.Updates(t)
	all := streamtest.Bodies(recs, "ris/rrc00", "live")
	m := "BgpMessage"
	want := []string{"EpochBegin", "GapBegin", "CollectorUp", m, m, m, m, m, "CollectorDown", "GapBegin", "CollectorUp", m, m, m, m, m}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	var before, last int64
	for _, rec := range recs {
		switch b := rec.GetBody().(type) {
		case *pb.UpdateRecord_BgpMessage:
			last = rec.GetTimestampUs()
		case *pb.UpdateRecord_CollectorDown:
			if b.CollectorDown.GetReason() != pb.DownReason_DOWN_REASON_STALE {
				t.Errorf("down: %v", b.CollectorDown.GetReason())
			}
			before = last
		case *pb.UpdateRecord_GapBegin:
			if b.GapBegin.GetSinceUs() != before {
				t.Errorf("gap since %d, want %d", b.GapBegin.GetSinceUs(), before)
			}
		}
	}
}

// checkGaps checks that each outage lies in a gap of every collector, that each gap except the
// start's is about an outage and names the peers that were up, and that every gap is recovered.
func checkGaps(t *testing.T, feeds []*pb.FeedRecord, outages []outage) {
	t.Helper()
	gaps, recovered := map[string][]*pb.FeedRecord{}, map[string]bool{}
	for _, f := range feeds {
		switch f.GetEvent() {
		case pb.FeedEvent_FEED_EVENT_GAP:
			gaps[f.GetCollector()] = append(gaps[f.GetCollector()], f)
		case pb.FeedEvent_FEED_EVENT_RECOVERED:
			recovered[f.GetGapId()] = true
		default:
		}
	}
	for _, host := range four {
		covered := make([]bool, len(outages))
		for i, g := range gaps["ris/"+host] {
			if !recovered[g.GetGapId()] {
				t.Errorf("%s: gap %s is not recovered", host, g.GetGapId())
			}
			if i == 0 {
				continue
			}
			begin, end := time.UnixMicro(g.GetBeginUs()), time.UnixMicro(g.GetEndUs())
			if !about(begin, end, outages, covered) {
				t.Errorf("%s: gap from %v to %v, and no outage: %s", host, begin, end, g.GetReason())
			}
			if len(g.GetPeers()) == 0 || g.GetReason() == "" {
				t.Errorf("%s: gap of %d peers: %q", host, len(g.GetPeers()), g.GetReason())
			}
		}
		for i, is := range covered {
			if !is {
				t.Errorf("%s: no gap from %v to %v", host, outages[i].begin, outages[i].end)
			}
		}
	}
}

// about finds the outage of a gap, and records whether the gap covers it. Such a gap begins before
// the connections were cut, except for the ten seconds of the feed that may pass until then, and
// ends soon after they are accepted again. A gap within an outage is also about it.
func about(begin, end time.Time, outages []outage, covered []bool) bool {
	slack := 9 * time.Second
	for i, o := range outages {
		if begin.Before(o.begin.Add(slack)) && !end.Before(o.begin) && end.Before(o.end.Add(2*time.Minute)) {
			covered[i] = covered[i] || !end.Before(o.end)
			return true
		}
	}
	return false
}
