package rislive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/rislivetest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// steady is a second of fifty messages of each host, over and over.
func steady(seconds int, hosts ...string) *rislivetest.Schedule {
	s := &rislivetest.Schedule{}
	for _, h := range hosts {
		one := rislivetest.Burst(h, 50)
		all := one
		for range seconds - 1 {
			all = all.Then(one)
		}
		s = s.Beside(all)
	}
	return s
}

// TestCollectorSilent: a connection goes on and brings nothing of one collector any more, whether it leads or follows. Nothing is
// missing, and a connection that brings all takes its place.
func TestCollectorSilent(t *testing.T) {
	t.Parallel()
	for conn := range 2 {
		t.Run(fmt.Sprint("connection ", conn), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rislivetest.Options{}, 30, []string{"rrc00", "rrc01"}, nil)
			r.listening(t)
			s := steady(8, "rrc00", "rrc01")
			want, n := scheduled(t, s)
			bad := r.srv.Conns()[conn]
			go func() {
				time.Sleep(time.Second)
				bad.LeaveOut("rrc01", -1)
			}()
			r.play(t, s, 1, n)
			r.stop()
			compare(t, want, said(t, r.set.Updates.Updates(t)))
			if g := r.gaps(t, "ris/rrc01"); len(g) != 1 {
				t.Errorf("%d gaps, want that of the start", len(g))
			}
			if r.srv.Accepted() < 3 {
				t.Error("the connection was never made anew")
			}
			if lines := strings.Join(r.logs.lines(), "\n"); !strings.Contains(lines, "it brings nothing of rrc01, the other connection does") {
				t.Errorf("the log does not say why:\n%s", lines)
			}
		})
	}
}

// TestMessageLeftOut: what the connection that leads leaves out, and the other one does not, is missing, and a gap says so. Each
// connection leaves something out in its turn; for the second one that may come before it leads.
func TestMessageLeftOut(t *testing.T) { //nolint:paralleltest // its times are a tenth of the real ones: beside others they are missed
	r := newRig(t, rislivetest.Options{}, 10, []string{"rrc00"}, nil)
	r.listening(t)
	s := steady(12, "rrc00")
	_, n := scheduled(t, s)
	conns := r.srv.Conns()
	turns := []time.Duration{time.Second, 3 * time.Second}
	begin := time.Now()
	for c, turn := range turns {
		time.AfterFunc(turn, func() { conns[c].LeaveOut("rrc00", 1) })
	}
	if err := r.srv.Play(t.Context(), s, begin, 1); err != nil {
		t.Fatal(err)
	}
	until(t, "all messages", 10*time.Second, func() bool { return r.messages(t) >= n-len(turns) })
	r.stop()
	missing, gaps := n-r.messages(t), r.gaps(t, "ris/rrc00")[1:]
	if missing != len(gaps) || missing < 1 || missing > len(turns) {
		t.Fatalf("%d of %d messages are missing, and %d gaps say so", missing, n, len(gaps))
	}
	for _, g := range gaps {
		since := time.UnixMicro(g.GetSinceUs()).Sub(begin)
		if !slices.ContainsFunc(turns, func(turn time.Duration) bool {
			return since > turn-100*time.Millisecond && since < turn+500*time.Millisecond
		}) {
			t.Errorf("a gap begins after %v, messages were left out after %v", since, turns)
		}
	}
}

// gaps lists a collector's.
func (r *rig) gaps(t testing.TB, collector string) (all []*pb.GapBegin) {
	t.Helper()
	for _, rec := range r.set.Updates.Updates(t) {
		if g := rec.GetGapBegin(); g != nil && rec.GetPosition().GetCollector() == collector {
			all = append(all, g)
		}
	}
	return all
}
