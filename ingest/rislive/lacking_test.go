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

// TestMessageLeftOut: what the connection that leads leaves out, and the other one does not, is missing, and a gap says so.
func TestMessageLeftOut(t *testing.T) {
	t.Parallel()
	missing := 0
	for conn := range 2 {
		r := newRig(t, rislivetest.Options{}, 30, []string{"rrc00"}, nil)
		r.listening(t)
		s := steady(6, "rrc00")
		_, n := scheduled(t, s)
		bad := r.srv.Conns()[conn]
		begin := time.Now()
		go func() {
			time.Sleep(2 * time.Second)
			bad.LeaveOut("rrc00", 1)
		}()
		if err := r.srv.Play(t.Context(), s, begin, 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		r.stop()
		got, gaps := r.messages(t), r.gaps(t, "ris/rrc00")
		switch {
		case got == n && len(gaps) == 1: // it followed
		case got == n-1 && len(gaps) == 2:
			missing++
			since, until := time.UnixMicro(gaps[1].GetSinceUs()), begin.Add(2*time.Second)
			if since.Before(until.Add(-50*time.Millisecond)) || since.After(until.Add(200*time.Millisecond)) {
				t.Errorf("the gap begins at %v, the message was left out after %v", since, until)
			}
		default:
			t.Errorf("connection %d: %d of %d messages, %d gaps", conn, got, n, len(gaps))
		}
	}
	if missing == 0 {
		t.Error("neither connection led")
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
