package rislive

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// world is a merger in virtual time, two connections that the test plays, and what was sent in it. Gaps are answered after a while.
type world struct {
	t       *testing.T
	m       *merger
	set     *streamtest.Set
	sent    []sentMessage
	dropped [2]string
	gaps    []*stream.Gap
	ahead   time.Duration // how far our clock is ahead of the collectors'
}

type sentMessage struct {
	host, frame string
	peer        bgp.Peer
	at          int64
}

func newWorld(t *testing.T, hosts ...string) *world {
	t.Helper()
	cfg := DefaultConfig()
	w := &world{t: t, set: streamtest.New(t, stream.DefaultConfig(), nil)}
	w.m = newMerger(&cfg, w.set.Set, slog.New(slog.DiscardHandler), newMetrics(nil))
	for _, h := range hosts {
		s, err := w.set.Open(t.Context(), "ris/"+h, stream.Options{Source: "rislive", Clock: stream.Delayed, Archived: true})
		if err != nil {
			t.Fatal(err)
		}
		w.m.add(s)
	}
	return w
}

// connect makes a connection that subscribes to everything.
func (w *world) connect(n int) {
	w.t.Helper()
	w.dropped[n] = ""
	w.m.connected(n, fmt.Sprint("link ", n), func(why string) { w.dropped[n] = why })
	hosts, _ := w.m.ask(n)
	for _, h := range hosts {
		w.bring(fmt.Sprintf(`{"type":"ris_subscribe_ok","data":{"subscription":{"host":%q}}}`, h), n)
	}
}

// lose ends a connection.
func (w *world) lose(n int) {
	w.t.Helper()
	if err := w.m.lost(w.t.Context(), n, "cut"); err != nil {
		w.t.Fatal(err)
	}
}

// bring lets connections bring a frame, those that are there.
func (w *world) bring(frame string, links ...int) {
	w.t.Helper()
	for _, n := range links {
		if err := w.m.frame(w.t.Context(), n, []byte(frame)); err != nil {
			w.t.Fatal(err)
		}
	}
}

const (
	endOfRIB     = `FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00170200000000`
	peer1, peer2 = "192.0.2.1", "192.0.2.2"
)

// says is a message that a collector's peer sends now: it has to be said, or to lie in a gap.
func (w *world) says(host, peer string) string {
	at := time.Now().Add(-w.ahead).UnixMicro() + int64(len(w.sent)) // no two are alike
	f := fmt.Sprintf(`{"type":"ris_message","data":{"timestamp":%d.%06d,"peer":%q,"peer_asn":"64500","id":"%d","host":%q,"type":"UPDATE","raw":%q}}`,
		at/1e6, at%1e6, peer, len(w.sent), host+".ripe.net", endOfRIB)
	w.sent = append(w.sent, sentMessage{host: host, frame: f, peer: bgp.Peer{Address: netip.MustParseAddr(peer), ASN: 64500}, at: at})
	return f
}

// second lets one pass, and judges.
func (w *world) second() {
	w.t.Helper()
	if err := w.m.judge(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(time.Second)
	for len(w.set.Gaps) > 0 {
		w.gaps = append(w.gaps, <-w.set.Gaps)
	}
	for _, g := range w.gaps {
		if time.Now().UnixMicro()-g.Until > 3e6 {
			if err := g.End(w.t.Context(), g.FillLane(), stream.Outcome{Complete: true}); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// check wants that everything was said once and, peer by peer, in order, or lies in a gap; and so many gaps of each host. It counts what
// was not said.
func (w *world) check(gaps map[string]int) (unsaid int) {
	w.t.Helper()
	said := map[string]int{}
	last := map[string]int64{}
	for _, r := range w.set.Updates.Updates(w.t) {
		b := r.GetBgpMessage()
		if b == nil {
			continue
		}
		c := r.GetPosition().GetCollector()
		said[fmt.Sprint(c, r.GetTimestampUs())]++
		peer := c + string(b.GetPeer().GetAddress())
		if r.GetTimestampUs() < last[peer] {
			w.t.Errorf("%s: a message of %v follows one of %v", c, time.UnixMicro(r.GetTimestampUs()).UTC(), time.UnixMicro(last[peer]).UTC())
		}
		last[peer] = r.GetTimestampUs()
	}
	lost := map[string][]string{}
	for _, s := range w.sent {
		c := "ris/" + s.host
		n := said[fmt.Sprint(c, s.at)]
		missing := slices.ContainsFunc(w.gaps, func(g *stream.Gap) bool { return g.Stream().Collector() == c && g.Missing(s.peer, s.at) })
		if n == 0 {
			unsaid++
		}
		if n > 1 || n == 0 && !missing {
			lost[s.host] = append(lost[s.host], fmt.Sprintf("%s %d times", time.UnixMicro(s.at).UTC().Format("04:05.000"), n))
		}
	}
	for h, l := range lost {
		w.t.Errorf("%s: %d messages are lost or said twice: %s", h, len(l), strings.Join(l[:min(len(l), 5)], ", "))
	}
	for h, want := range gaps {
		var why []string
		for _, f := range w.set.Feeds.Feeds(w.t) {
			if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP && f.GetCollector() == "ris/"+h {
				why = append(why, f.GetReason())
			}
		}
		if len(why) != want+1 {
			w.t.Errorf("%s: want %d gaps after that of the start, got %q", h, want, why[1:])
		}
	}
	return unsaid
}

// TestMerge plays two connections second by second. What one of them brought is said once and in order; what was not said lies in a gap,
// and where nothing is missing there is none.
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
	// stops lets the leader bring nothing of rrc01 while the follower is away, which comes back after 15 seconds; the leader is cut after cut.
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
		}, map[string]int{"rrc00": 3}}, // for a minute after the first time the follower is not trusted
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
				for n := range 2 { // what is made anew brings all
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
		}, map[string]int{"rrc00": 0, "rrc01": 1}},
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
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "rrc00", "rrc01", "rrc03")
				w.connect(0)
				w.connect(1)
				tt.play(w)
				w.check(tt.gaps)
				for n := range w.m.pools {
					if n == w.m.lead && w.m.pools[n].bytes != 0 {
						t.Errorf("the leader holds %d octets", w.m.pools[n].bytes)
					}
				}
			})
		})
	}
}

// TestPoolOfLostStream: what is held of a stream that somebody else has taken is given back.
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
		if _, err := w.set.Open(t.Context(), "ris/rrc00", stream.Options{Source: "rislive", Archived: true}); err != nil {
			t.Fatal(err)
		}
		w.bring(w.says("rrc00", peer1), 0)
		if len(w.m.feeds) != 0 || w.m.pools[1].bytes != 0 {
			t.Errorf("%d feeds, %d octets are held", len(w.m.feeds), w.m.pools[1].bytes)
		}
	})
}

// playedLink is a connection with a mind of its own.
type playedLink struct {
	up      bool
	back    int              // seconds until it connects again
	lag     int              // seconds
	mute    map[string]int   // seconds for which it brings nothing of a host
	waiting map[int][]string // frames by the second in which they come
}

// TestMergeAtRandom plays connections that lag, are cut, and leave out messages and collectors: what any of them brought was said, once
// and in order, or lies in a gap.
func TestMergeAtRandom(t *testing.T) {
	t.Parallel()
	sent, unsaid := 0, 0
	for seed := range uint64(200) {
		if t.Failed() {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "rrc00", "rrc01", "rrc03")
			w.playAtRandom(rand.New(rand.NewPCG(seed, 1)))
			unsaid += w.check(nil)
			sent += len(w.sent)
			if t.Failed() {
				t.Logf("seed %d, until %s", seed, time.Now().UTC().Format("04:05"))
				for _, g := range w.gaps {
					t.Logf("a gap of %s, since %s, until %s", g.Stream().Collector(), time.UnixMicro(g.Since).UTC().Format("04:05.000"), time.UnixMicro(g.Until).UTC().Format("04:05.000"))
				}
			}
		})
	}
	t.Logf("%d messages, %d of them in gaps", sent, unsaid)
	if unsaid > sent/50 {
		t.Errorf("%d of %d messages lie in gaps, want at most one in fifty", unsaid, sent)
	}
}

func (w *world) playAtRandom(rnd *rand.Rand) {
	const seconds, sound = 300, 120
	hosts := []string{"rrc00", "rrc00", "rrc00", "rrc01", "rrc03"}
	links := [2]*playedLink{}
	for n := range links {
		links[n] = &playedLink{mute: map[string]int{}}
	}
	brought := map[string]bool{}
	for now := range seconds {
		calm := now > seconds-sound
		for n, l := range links {
			w.mind(rnd, n, l, calm)
		}
		for i, h := range hosts {
			if h == "rrc03" && rnd.IntN(30) > 0 {
				continue // it is quiet
			}
			f := w.says(h, []string{peer1, peer2}[i%2])
			for _, l := range links {
				if l.up && l.mute[h] == 0 && (calm || rnd.IntN(300) > 0) {
					l.waiting[now+l.lag] = append(l.waiting[now+l.lag], f)
				}
			}
		}
		if !calm && rnd.IntN(100) == 0 {
			time.Sleep(time.Duration(rnd.IntN(70)) * time.Second)
		}
		first := rnd.IntN(2)
		for _, n := range []int{first, 1 - first} {
			for at := 0; at <= now && links[n].up; at++ {
				for _, f := range links[n].waiting[at] {
					w.bring(f, n)
					brought[f] = true
				}
				delete(links[n].waiting, at)
			}
		}
		w.second()
	}
	settled := time.Now().Add(-20 * time.Second).UnixMicro()
	w.sent = slices.DeleteFunc(w.sent, func(s sentMessage) bool { return !brought[s.frame] || s.at > settled })
}

// mind changes how a connection does.
func (w *world) mind(rnd *rand.Rand, n int, l *playedLink, calm bool) {
	switch {
	case l.up && (w.dropped[n] != "" || !calm && rnd.IntN(60) == 0):
		l.up, l.back = false, rnd.IntN(8)
		w.lose(n)
	case !l.up && l.back > 0:
		l.back--
	case !l.up:
		l.up, l.lag, l.waiting = true, 0, map[int][]string{}
		clear(l.mute)
		w.connect(n)
	case calm:
	case rnd.IntN(20) == 0:
		l.lag = max(l.lag, rnd.IntN(4)) // what waits stays in order
	case rnd.IntN(60) == 0:
		l.mute["rrc01"] = rnd.IntN(90)
	}
	for h, left := range l.mute {
		l.mute[h] = max(0, left-1)
	}
	if calm {
		clear(l.mute)
	}
}

// TestInGap: what lies after the first message of its own peer after a gap is not in that gap's answer (stream.Gap.Missing).
func TestInGap(t *testing.T) {
	t.Parallel()
	f := &feed{since: 100}
	f.heard(170) // of one peer
	f.heard(160) // of another: its part of the answer ends there
	for at, want := range map[int64]bool{99: false, 100: true, 159: true, 165: false, 180: false} {
		if f.inGap(at) != want {
			t.Errorf("at %d: %v, want %v", at, !want, want)
		}
	}
}
