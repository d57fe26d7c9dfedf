package rislive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/rislivetest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// steady returns a schedule with ten messages of each host in every second.
func steady(seconds int, hosts ...string) *rislivetest.Schedule {
	s := &rislivetest.Schedule{}
	for _, h := range hosts {
		one := rislivetest.Burst(h, 10)
		all := one
		for range seconds - 1 {
			all = all.Then(one)
		}
		s = s.Beside(all)
	}
	return s
}

// TestCollectorSilent checks a connection that continues and brings nothing of one collector any
// more, whether it leads or follows. No message is missing, and a connection that brings all
// replaces it.
func TestCollectorSilent(t *testing.T) {
	t.Parallel()
	for conn := range 2 {
		t.Run(fmt.Sprint("connection ", conn), func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, o rislivetest.Options) {
				t.Helper()
				collectorSilent(t, o, conn)
			})
		})
	}
}

func collectorSilent(t *testing.T, o rislivetest.Options, conn int) {
	t.Helper()
	r := newRig(t, o, []string{"rrc00", "rrc01"}, nil)
	r.listening(t)
	s, rest := steady(10, "rrc00", "rrc01"), steady(110, "rrc00", "rrc01")
	want, n := scheduled(t, s.Then(rest))
	r.play(t, s, 1, 0)
	r.srv.Conns()[conn].LeaveOut("rrc01", -1)
	r.play(t, rest, 1, n)
	r.stop()
	compare(t, want, said(t, r.set.Updates.Updates(t)))
	if g := r.gaps(t, "ris/rrc01"); len(g) != 1 {
		t.Errorf("%d gaps, want that of the start", len(g))
	}
	if r.srv.Accepted() < 3 {
		t.Error("the link never connected again")
	}
	if lines := strings.Join(r.logs.lines(), "\n"); !strings.Contains(lines, "brings nothing of rrc01, the other one does") {
		t.Errorf("the log does not say why:\n%s", lines)
	}
}

// omission is the number of messages that a connection leaves out after some seconds, and its lag
// then.
type omission struct {
	after, conn, messages int
	lag                   time.Duration
}

// TestMessageLeftOut checks that a message that the leader leaves out, and that the follower
// brings, is missing, and lies in a gap. Connections leave messages out in turn, or several in one
// standstill, or both at once. Which of them leads is not known.
func TestMessageLeftOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		omissions   []omission
		least, most int // messages that are missing
	}{
		{"in turn, the first one first", []omission{{10, 0, 1, 0}, {30, 1, 1, 0}}, 1, 2},
		{"in turn, the second one first", []omission{{10, 1, 1, 0}, {30, 0, 1, 0}}, 1, 2},
		{"several of each", []omission{{10, 0, 3, 0}, {11, 0, 2, 0}, {30, 1, 4, 0}}, 4, 9},
		{"while the first one lags", []omission{{10, 0, 1, 4 * time.Second}, {12, 0, 1, 4 * time.Second}, {13, 1, 1, 0}, {14, 0, 1, 0}}, 1, 4},
		{"while the second one lags", []omission{{10, 1, 1, 4 * time.Second}, {12, 1, 1, 4 * time.Second}, {13, 0, 1, 0}, {14, 1, 1, 0}}, 1, 4},
		{"after the leader has changed for its lag", []omission{{10, 0, 1, 0}, {11, 0, 1, 8 * time.Second}, {25, 0, 0, 0}, {27, 1, 2, 0}, {40, 0, 2, 0}}, 1, 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			virtual(t, func(t *testing.T, o rislivetest.Options) {
				t.Helper()
				missing := messageLeftOut(t, o, tt.omissions)
				if missing < tt.least || missing > tt.most {
					t.Errorf("%d messages are missing, want %d to %d", missing, tt.least, tt.most)
				}
			})
		})
	}
}

// messageLeftOut plays two minutes and returns how many messages were not written. Each of them has
// to lie in a gap.
func messageLeftOut(t *testing.T, o rislivetest.Options, omissions []omission) (missing int) {
	t.Helper()
	const seconds = 120
	r := newRig(t, o, []string{"rrc00"}, nil)
	r.listening(t)
	conns := r.srv.Conns()
	begun := time.Now()
	second := rislivetest.Burst("rrc00", 10)
	for i := range seconds {
		for _, m := range omissions {
			if m.after == i {
				conns[m.conn].LeaveOut("rrc00", m.messages)
				conns[m.conn].Lag(m.lag)
			}
		}
		if i == 1 { // the gap of the start is answered
			g := <-r.set.Gaps
			if err := g.End(t.Context(), g.FillLane(), stream.Outcome{Complete: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.srv.Play(t.Context(), second, begun.Add(time.Duration(i)*time.Second), 1); err != nil {
			t.Fatal(err)
		}
	}
	pause(t.Context(), time.Minute) // by then no message is expected any more
	r.stop()
	written := map[int64]int{}
	last := int64(0)
	for _, rec := range r.set.Updates.Updates(t) {
		if rec.GetBgpMessage() == nil {
			continue
		}
		if at := rec.GetTimestampUs(); at <= last {
			t.Errorf("a message of %v follows one of %v", time.UnixMicro(at).Sub(begun), time.UnixMicro(last).Sub(begun))
		}
		last = rec.GetTimestampUs()
		written[last]++
	}
	var gaps []*stream.Gap
	for len(r.set.Gaps) > 0 {
		gaps = append(gaps, <-r.set.Gaps)
	}
	peer := second.Events[0].Peer
	for i := range seconds * len(second.Events) {
		e := second.Events[i%len(second.Events)]
		at := begun.Add(time.Duration(i/len(second.Events))*time.Second + e.At).Truncate(time.Millisecond).UnixMicro()
		if written[at] == 1 {
			continue
		}
		missing++
		if written[at] > 1 || !slices.ContainsFunc(gaps, func(g *stream.Gap) bool { return holds(g, peer, at) }) {
			t.Errorf("the message of %v was written %d times and lies in no gap", time.UnixMicro(at).Sub(begun), written[at])
		}
	}
	if len(gaps) > missing {
		t.Errorf("%d messages are missing, and %d gaps begin", missing, len(gaps))
	}
	return missing
}

// holds reports whether a gap's answer holds a message, to the microsecond.
func holds(g *stream.Gap, p bgp.Peer, at int64) bool {
	return at >= g.Since && at <= g.Until && g.Missing(p, at+time.Second.Microseconds())
}

// gaps lists the gaps of a collector.
func (r *rig) gaps(t testing.TB, collector string) (all []*pb.GapBegin) {
	t.Helper()
	for _, rec := range r.set.Updates.Updates(t) {
		if g := rec.GetGapBegin(); g != nil && rec.GetPosition().GetCollector() == collector {
			all = append(all, g)
		}
	}
	return all
}
