package rislive

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
)

// TestMerge plays two connections second by second. Each message that one of them brought is
// written once and in order, or lies in a gap. If no message is missing, there is no gap.
func TestMerge(t *testing.T) {
	t.Parallel()
	both := func(w *world, seconds int, hosts ...string) {
		for range seconds {
			for _, h := range hosts {
				w.bring(w.says(h, peer1), 0, 1)
			}
			w.second()
		}
	}
	// stops makes the leader bring nothing of rrc01 while the follower is away. The follower comes
	// back after 15 seconds. The leader is cut after cut seconds.
	stops := func(w *world, cut int) {
		w.lose(1)
		both(w, 5, "rrc00", "rrc01")
		for i := range 60 {
			w.bring(w.says("rrc00", peer1), 0, 1)
			w.bring(w.says("rrc01", peer1), 1)
			switch i {
			case 15:
				w.connect(1)
			case cut:
				w.lose(0)
			}
			w.second()
		}
	}
	for _, tt := range []struct {
		name string
		play func(w *world)
		gaps map[string]int
	}{
		{"nothing happens", func(w *world) { both(w, 100, "rrc00", "rrc01") }, map[string]int{"rrc00": 0, "rrc01": 0}},
		{"the leader is cut", func(w *world) {
			both(w, 20, "rrc00", "rrc01")
			w.bring(w.says("rrc00", peer1), 1)
			w.lose(0)
			both(w, 20, "rrc00", "rrc01")
			w.connect(0)
			both(w, 90, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 0, "rrc01": 0}},
		{"the leader is cut in the first minute", func(w *world) {
			both(w, 5, "rrc00")
			w.bring(w.says("rrc00", peer1), 1)
			w.second()
			w.lose(0)
			both(w, 60, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"our clock is ahead, and the leader is cut", func(w *world) {
			w.ahead = 5 * time.Minute
			both(w, 5, "rrc00", "rrc01")
			w.lose(1)
			both(w, 5, "rrc00", "rrc01")
			w.connect(1)
			both(w, 10, "rrc00", "rrc01")
			w.bring(w.says("rrc00", peer1), 1)
			w.lose(0)
			both(w, 20, "rrc00", "rrc01")
			w.connect(0)
			both(w, 90, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 0, "rrc01": 0}},
		{"our clock is behind, and the leader is cut", func(w *world) {
			w.ahead = -30 * time.Second
			both(w, 20, "rrc00", "rrc01")
			w.bring(w.says("rrc00", peer1), 1)
			w.lose(0)
			both(w, 20, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 0, "rrc01": 0}},
		{"the leader stops a collector while the follower is away", func(w *world) { stops(w, -1) }, map[string]int{"rrc00": 0, "rrc01": 1}},
		{"it is cut before that is noticed", func(w *world) { stops(w, 24) }, map[string]int{"rrc01": 1}},
		{"the leader leaves out a message", func(w *world) {
			both(w, 20, "rrc00")
			w.bring(w.says("rrc00", peer1), 1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"the leader leaves out messages, again and again", func(w *world) {
			both(w, 20, "rrc00")
			for range 5 {
				w.bring(w.says("rrc00", peer1), w.m.lead^1)
				both(w, 20, "rrc00")
			}
			both(w, 70, "rrc00")
		}, map[string]int{"rrc00": 3}},
		// for a minute after the first time the follower does not replace the leader
		{"both leave something out", func(w *world) {
			both(w, 20, "rrc00")
			w.bring(w.says("rrc00", peer1), 1)
			both(w, 1, "rrc00")
			w.bring(w.says("rrc00", peer1), 0)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"the follower is cut while it holds what the leader left out", func(w *world) {
			both(w, 20, "rrc00")
			for range 5 {
				w.bring(w.says("rrc00", peer1), 1)
			}
			both(w, 3, "rrc00")
			w.lose(1)
			both(w, 3, "rrc00")
			w.connect(1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"both are cut while the follower holds what the leader left out", func(w *world) {
			both(w, 20, "rrc00")
			w.bring(w.says("rrc00", peer1), 1)
			both(w, 3, "rrc00")
			w.lose(1)
			w.lose(0)
			both(w, 3, "rrc00")
			w.connect(1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"neither can decode a message", func(w *world) {
			both(w, 20, "rrc00")
			odd := w.says("rrc00", peer1)
			w.sent = w.sent[:len(w.sent)-1]
			odd = strings.Replace(odd, `"UPDATE","raw"`, `"STATE","state":"odd","x"`, 1)
			w.bring(odd, 0, 1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"the leader lacks a peer", func(w *world) {
			both(w, 20, "rrc00")
			for range 100 {
				w.bring(w.says("rrc00", peer1), 0, 1)
				w.bring(w.says("rrc00", peer2), 1)
				w.second()
			}
		}, map[string]int{"rrc00": 0}},
		{"each lacks a peer", func(w *world) {
			both(w, 20, "rrc00")
			for range 200 {
				w.bring(w.says("rrc00", peer1), 0)
				w.bring(w.says("rrc00", peer2), 1)
				w.second()
			}
		}, map[string]int{"rrc00": 3}},
		{"the leader stops a collector after it left out a message of it", func(w *world) {
			both(w, 20, "rrc00", "rrc01")
			w.bring(w.says("rrc01", peer1), 1)
			both(w, 5, "rrc00", "rrc01")
			for range 100 {
				w.bring(w.says("rrc00", peer1), 0, 1)
				w.bring(w.says("rrc01", peer1), 1)
				w.second()
			}
		}, map[string]int{"rrc00": 0, "rrc01": 1}},
		{"each lacks a collector", func(w *world) {
			both(w, 20, "rrc00", "rrc01", "rrc03")
			for range 100 {
				w.bring(w.says("rrc03", peer1), 0, 1)
				a, b := w.says("rrc00", peer1), w.says("rrc01", peer1)
				w.bring(a, 0)
				w.bring(b, 1)
				for n := range 2 { // a new connection brings all
					if w.dropped[n] != "" {
						w.lose(n)
						w.connect(n)
					}
				}
				w.second()
			}
			both(w, 20, "rrc00", "rrc01", "rrc03")
		}, map[string]int{"rrc03": 0}},
		{"a young follower takes a silent leader's place, whose backlog comes", func(w *world) {
			w.lose(1)
			both(w, 20, "rrc00")
			var backlog []string
			for i := range 10 {
				f := w.says("rrc00", peer1)
				backlog = append(backlog, f)
				if i == 3 {
					w.connect(1)
				}
				w.bring(f, 1)
				w.second()
			}
			for _, f := range backlog {
				w.bring(f, 0)
			}
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"this process stands still", func(w *world) {
			both(w, 20, "rrc00")
			f := w.says("rrc00", peer1)
			w.bring(f, 1)
			time.Sleep(62 * time.Second)
			w.second()
			w.bring(f, 0)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"this process stands still, then the leader is cut", func(w *world) {
			both(w, 20, "rrc00")
			var backlog []string
			for range 40 {
				backlog = append(backlog, w.says("rrc00", peer1))
				time.Sleep(time.Second)
			}
			w.second()
			for i, f := range backlog {
				w.bring(f, 1)
				if i < 3 {
					w.bring(f, 0)
				}
			}
			w.lose(0)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a backlog that was said comes after this process stood still", func(w *world) {
			both(w, 20, "rrc00")
			var backlog []string
			for range 3 {
				backlog = append(backlog, w.says("rrc00", peer1))
				w.bring(backlog[len(backlog)-1], 0)
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(62 * time.Second)
			w.second()
			w.lose(0)
			for _, f := range backlog {
				w.bring(f, 1)
			}
			both(w, 20, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a collector falls quiet after a message was left out", func(w *world) {
			both(w, 20, "rrc00", "rrc01")
			w.bring(w.says("rrc01", peer1), 1)
			both(w, 2, "rrc00", "rrc01")
			both(w, 180, "rrc00")
			both(w, 20, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 0, "rrc01": 1}},
		{"more is held than there is room for", func(w *world) {
			w.m.cfg.HoldBytes = 3000
			both(w, 20, "rrc00", "rrc01")
			for range 100 {
				w.bring(w.says("rrc00", peer1), 0, 1)
				for range 4 {
					w.bring(w.says("rrc01", peer1), 1)
				}
				w.second()
			}
		}, map[string]int{"rrc00": 0, "rrc01": 12}}, // one for each time that the memory is full
		{"a message without an id is evicted, and the leader is cut", func(w *world) {
			w.m.cfg.HoldBytes = entryBytes + 1
			both(w, 20, "rrc00")
			w.bring(strings.Replace(w.says("rrc00", peer1), `"id"`, `"no id"`, 1), 1)
			w.sent = w.sent[:len(w.sent)-1]
			w.lose(0)
			both(w, 20, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a message without an id and its hash are evicted, and the leader is cut", func(w *world) {
			w.m.cfg.HoldBytes = 1
			both(w, 20, "rrc00")
			w.bring(strings.Replace(w.says("rrc00", peer1), `"id"`, `"no id"`, 1), 1)
			w.sent = w.sent[:len(w.sent)-1]
			w.lose(0)
			both(w, 20, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a new connection brings what was said before", func(w *world) {
			both(w, 20, "rrc00")
			var said []string
			for range 4 {
				said = append(said, w.says("rrc00", peer1))
				w.bring(said[len(said)-1], 0, 1)
				w.second()
			}
			w.lose(0)
			w.connect(0)
			w.bring(said[0], 0)
			for _, f := range said[1:] {
				w.bring(f, 0)
			}
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a new connection repeats the last message of a peer after our clock was set back", func(w *world) {
			w.ahead = 5 * time.Minute
			both(w, 20, "rrc00", "rrc01")
			w.lose(0)
			f := w.says("rrc01", peer1)
			w.bring(f, 1)
			both(w, 80, "rrc00")
			w.connect(0)
			both(w, 10, "rrc00")
			w.set = -2 * time.Minute
			w.bring(f, 0)
			w.lose(1)
			both(w, 20, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 0, "rrc01": 0}},
		{"our clock is set forward, and the leader is cut", func(w *world) {
			both(w, 20, "rrc00")
			w.set = time.Minute
			for range 60 {
				both(w, 1, "rrc00")
				if w.dropped[1] != "" {
					w.t.Fatalf("the follower is left: %s", w.dropped[1])
				}
			}
			w.bring(w.says("rrc00", peer1), 1)
			w.lose(0)
			both(w, 20, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"the leader leaves out the first of two messages of one time", func(w *world) {
			w.resolution = 10 * time.Millisecond
			both(w, 20, "rrc00")
			w.bring(w.says("rrc00", peer1), 1)
			w.bring(w.says("rrc00", peer1), 0, 1)
			for range 20 {
				w.bring(w.says("rrc00", peer2), 0, 1)
				w.second()
			}
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"the leader is cut between two messages of one time", func(w *world) {
			w.resolution = 10 * time.Millisecond
			both(w, 20, "rrc00")
			w.bring(w.says("rrc00", peer1), 0, 1)
			w.bring(w.says("rrc00", peer1), 1)
			w.lose(0)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 0}},
		{"a new follower brings a message of before that the leader left out", func(w *world) {
			w.lose(1)
			both(w, 20, "rrc00")
			f := w.says("rrc00", peer1)
			time.Sleep(100 * time.Millisecond)
			w.connect(1)
			w.bring(f, 1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"the follower brings a message very late that the leader left out", func(w *world) {
			both(w, 20, "rrc00")
			f := w.says("rrc00", peer1)
			both(w, 58, "rrc00")
			w.bring(f, 1)
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
		{"the first message after a gap is left out, much later", func(w *world) {
			both(w, 20, "rrc00", "rrc01")
			w.lose(0)
			w.lose(1)
			w.connect(0)
			w.connect(1)
			both(w, 120, "rrc00")
			w.bring(w.says("rrc01", peer1), 1)
			both(w, 100, "rrc00", "rrc01")
		}, map[string]int{"rrc00": 1, "rrc01": 2}},
		{"the leader stands still, and leaves out a message that is in a gap until it goes on", func(w *world) {
			both(w, 20, "rrc00")
			w.m.cfg.HoldBytes, w.answerIn = 3000, time.Minute
			var backlog []string
			for i := range 60 {
				f := w.says("rrc00", peer1)
				w.bring(f, 1)
				if i != 20 {
					backlog = append(backlog, f)
				}
				if i%15 == 14 {
					w.second()
				}
			}
			for _, f := range backlog {
				w.bring(f, 0)
			}
			both(w, 100, "rrc00")
		}, map[string]int{"rrc00": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "rrc00", "rrc01", "rrc03")
				w.connect(0)
				w.connect(1)
				tt.play(w)
				w.check(tt.gaps, nil)
				for n := range w.m.pools {
					if n == w.m.lead && w.m.pools[n].bytes != 0 {
						t.Errorf("the leader holds %d octets", w.m.pools[n].bytes)
					}
				}
			})
		})
	}
}

// TestPoolOfLostStream checks that the buffers of a stream that another owner has taken are
// released.
func TestPoolOfLostStream(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "rrc00")
		w.connect(0)
		w.connect(1)
		w.bring(w.says("rrc00", peer1), 0, 1)
		for range 20 {
			w.bring(w.says("rrc00", peer1), 1)
		}
		if _, err := w.streams.Open(t.Context(), "ris/rrc00", stream.Options{Source: "rislive", Archived: true}); err != nil {
			t.Fatal(err)
		}
		w.bring(w.says("rrc00", peer1), 0)
		if len(w.m.feeds) != 0 || w.m.pools[1].bytes != 0 {
			t.Errorf("%d feeds, %d octets are held", len(w.m.feeds), w.m.pools[1].bytes)
		}
	})
}

// TestInGap checks that a message after the first one of its own peer after a gap is not in that
// gap's answer (stream.Gap.Missing). A message that was assigned to the gap is in the answer,
// however old the later messages are.
func TestInGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "rrc00")
		f := w.m.feeds["ris/rrc00"]
		now := time.Now().UnixMicro()
		f.last = now - 1000
		if err := f.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		in := func(what string, want map[int64]bool) {
			t.Helper()
			for _, at := range slices.Sorted(maps.Keys(want)) {
				if got := f.inGap(now + at); got != want[at] {
					t.Errorf("%s, at %d: got %v, want %v", what, at, got, want[at])
				}
			}
		}
		in("no message came after the gap", map[int64]bool{-1001: false, -1000: true, -500: true, 2_000_000: false})
		f.heard(now - 700) // older than a message in the gap
		in("only an older message came", map[int64]bool{-600: true, -400: true})
		f.heard(now - 200) // of one peer
		f.heard(now - 300) // of another: its part of the answer ends there
		in("messages came", map[int64]bool{-1000: true, -301: true, -300: false, -250: false, 0: false})
	})
}
