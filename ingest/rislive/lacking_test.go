package rislive_test

import (
	"fmt"
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

// TestMessageLeftOut: what the connection that leads leaves out, and the other one does not, is missing, and a gap says so; also the
// second time, soon after the first. Each connection leaves something out in its turn: for one of them it is missing.
func TestMessageLeftOut(t *testing.T) {
	t.Parallel()
	for i := range 6 { // either link may lead
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rislivetest.Options{}, 30, []string{"rrc00"}, nil)
			r.listening(t)
			s := steady(8, "rrc00")
			_, n := scheduled(t, s)
			conns := r.srv.Conns()
			begin := time.Now()
			turns := [2]time.Duration{time.Second, 4 * time.Second}
			const again = time.Second
			for c, turn := range turns {
				for _, at := range []time.Duration{turn, turn + again} {
					time.AfterFunc(at, func() { conns[c].LeaveOut("rrc00", 1) })
				}
			}
			if err := r.srv.Play(t.Context(), s, begin, 1); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			r.stop()
			got, gaps := r.messages(t), r.gaps(t, "ris/rrc00")
			if got != n-2 || len(gaps) != 3 {
				t.Fatalf("%d of %d messages, %d gaps", got, n, len(gaps))
			}
			led := turns[0]
			if time.UnixMicro(gaps[1].GetSinceUs()).After(begin.Add(turns[1] - again/2)) {
				led = turns[1]
			}
			for k, g := range gaps[1:] {
				since, leftOut := time.UnixMicro(g.GetSinceUs()), begin.Add(led+time.Duration(k)*again)
				if since.Before(leftOut.Add(-50*time.Millisecond)) || since.After(leftOut.Add(200*time.Millisecond)) {
					t.Errorf("gap %d begins at %v, the message was left out after %v", k+1, since, leftOut)
				}
			}
		})
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
