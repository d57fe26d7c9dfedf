package rislive

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
)

// The seeds that TestMergeAtRandom plays.
var (
	mergeSeed  = flag.Uint64("merge.seed", 0, "the first seed of the merger at random")
	mergeSeeds = flag.Uint64("merge.seeds", 200, "how many seeds of the merger at random are played")
)

// TestMergeAtRandom plays connections that lag, stall, are cut, repeat messages, and leave out
// messages and collectors. The process checks them late or stands still, its clock is set, and its
// memory is small. Each message that any of them brought is written, once and in order, or lies in
// a gap.
func TestMergeAtRandom(t *testing.T) {
	t.Parallel()
	sent, unsaid, gaps := 0, 0, 0
	for seed := *mergeSeed; seed < *mergeSeed+*mergeSeeds && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "rrc00", "rrc01", "rrc03")
			p := &play{world: w, rnd: rand.New(rand.NewPCG(seed, 1)), brought: map[string]bool{}}
			p.run()
			settled := time.Now().Add(-20*time.Second - w.ahead).UnixMicro()
			unsaid += w.check(nil, func(i int) bool { return p.brought[w.sent[i].frame] && w.sent[i].at < settled })
			sent, gaps = sent+len(w.sent), gaps+len(w.gaps)
			if t.Failed() {
				t.Logf("seed %d, until %s", seed, time.Now().UTC().Format("04:05"))
				logGaps(t, w.gaps)
			}
		})
	}
	t.Logf("%d messages, %d of them not said, %d gaps", sent, unsaid, gaps)
	if unsaid > sent/20 {
		t.Errorf("%d of %d messages were not said, want at most one in twenty", unsaid, sent)
	}
}

func logGaps(t *testing.T, gaps []*stream.Gap) {
	t.Helper()
	for _, g := range gaps {
		t.Logf("a gap of %s, since %s, until %s", g.Stream().Collector(), time.UnixMicro(g.Since).UTC().Format("04:05.000"), time.UnixMicro(g.Until).UTC().Format("04:05.000"))
	}
}

// playedLink is a connection with random faults.
type playedLink struct {
	up      bool
	back    int              // seconds until it connects again
	leaving int              // seconds until it detects that it was dropped
	lag     int              // seconds
	stalled int              // seconds for which its reader stands still
	mute    map[string]int   // seconds for which it brings nothing of a host
	omit    map[string]int   // messages of a host that it leaves out next
	skew    map[string]int   // seconds by which a host's messages come later than others
	waiting map[int][]string // frames by the second in which they come
}

// play plays a world at random.
type play struct {
	*world
	rnd     *rand.Rand
	links   [2]*playedLink
	now     int  // seconds
	calm    bool // no more faults
	late    int  // seconds without a check of the connections
	brought map[string]bool
}

// often reports true once in n times on average, while there are faults.
func (p *play) often(n int) bool { return !p.calm && p.rnd.IntN(n) == 0 }

func (p *play) run() {
	const seconds, sound = 300, 150
	for n := range p.links {
		p.links[n] = &playedLink{mute: map[string]int{}, omit: map[string]int{}, skew: map[string]int{"rrc01": p.rnd.IntN(3), "rrc03": p.rnd.IntN(3)}}
	}
	if p.rnd.IntN(2) == 0 {
		p.resolution = 10 * time.Millisecond // as RIS Live's
	}
	if p.rnd.IntN(4) == 0 {
		p.m.cfg.HoldBytes = int64(2000 + p.rnd.IntN(8000))
	}
	if p.rnd.IntN(8) == 0 {
		p.m.maxAwaited = 10 + p.rnd.IntN(100)
	}
	if p.rnd.IntN(4) == 0 {
		p.ahead = time.Duration(p.rnd.IntN(300)-40) * time.Second
	}
	p.answerIn = []time.Duration{3 * time.Second, 20 * time.Second, 100 * time.Second}[p.rnd.IntN(3)]
	for p.now = range seconds {
		p.calm = p.now > seconds-sound
		for n, l := range p.links {
			p.mind(n, l)
		}
		p.say()
		if p.often(100) {
			time.Sleep(time.Duration(p.rnd.IntN(70)) * time.Second)
		}
		if set := time.Duration(p.rnd.IntN(300)-150) * time.Second; p.often(100) && p.ahead+p.set+set > -40*time.Second {
			p.set += set
		}
		first := p.rnd.IntN(2)
		p.deliver(first)
		p.deliver(1 - first)
		if p.often(100) {
			p.late = p.rnd.IntN(40)
		}
		if p.late > 0 {
			p.late--
			p.pass()
			continue
		}
		p.second()
	}
}

// say makes the collectors send the messages of a second: rrc03 is quiet, and now and then the
// peers of rrc00 send many at once.
func (p *play) say() {
	hosts := []string{"rrc00", "rrc00", "rrc00", "rrc01", "rrc03"}
	if p.rnd.IntN(10) == 0 {
		hosts = append(hosts, "rrc00", "rrc00", "rrc00", "rrc00")
	}
	for i, h := range hosts {
		if h == "rrc03" && p.rnd.IntN(30) > 0 {
			continue
		}
		f := p.says(h, []string{peer1, peer2}[i%2])
		for _, l := range p.links {
			switch {
			case !l.up || l.mute[h] > 0 || p.often(300):
			case l.omit[h] > 0:
				l.omit[h]--
			default:
				at := p.now + l.lag + l.skew[h]
				l.waiting[at] = append(l.waiting[at], f)
			}
		}
	}
}

// deliver makes a link bring the frames that are due.
func (p *play) deliver(n int) {
	l := p.links[n]
	if l.stalled > 0 && !p.calm {
		l.stalled--
		return
	}
	for at := 0; at <= p.now && l.up; at++ {
		for _, f := range l.waiting[at] {
			p.bring(f, n)
			p.brought[f] = true
		}
		delete(l.waiting, at)
	}
}

// repeat sometimes makes a new connection begin with the last messages of a host.
func (p *play) repeat(l *playedLink) {
	if !p.often(3) {
		return
	}
	host, left := []string{"rrc00", "rrc01", "rrc03"}[p.rnd.IntN(3)], p.rnd.IntN(12)
	var again []string
	for i := len(p.sent) - 1; i >= 0 && left > 0; i-- {
		if p.sent[i].host == host {
			again = append(again, p.sent[i].frame)
			left--
		}
	}
	slices.Reverse(again)
	l.waiting[p.now] = again
}

// mind changes the faults of a connection.
func (p *play) mind(n int, l *playedLink) {
	switch {
	case l.up && p.dropped[n] != "" && l.leaving > 0:
		l.leaving--
	case l.up && (p.dropped[n] != "" || p.often(60)):
		l.up, l.back = false, p.rnd.IntN(8)
		p.lose(n)
	case !l.up && l.back > 0:
		l.back--
	case !l.up:
		l.up, l.lag, l.stalled, l.waiting, l.leaving = true, 0, 0, map[int][]string{}, p.rnd.IntN(3)
		clear(l.mute)
		clear(l.omit)
		p.connect(n)
		p.repeat(l)
	case p.often(20):
		l.lag = max(l.lag, p.rnd.IntN(4)) // waiting frames stay in order
	case p.often(60):
		l.stalled = p.rnd.IntN(40)
		l.omit["rrc00"] = p.rnd.IntN(5)
	case p.often(50):
		l.mute["rrc01"] = p.rnd.IntN(90)
	case p.often(30):
		l.omit[[]string{"rrc00", "rrc01", "rrc03"}[p.rnd.IntN(3)]] = 1 + p.rnd.IntN(8)
	}
	for h, left := range l.mute {
		l.mute[h] = max(0, left-1)
	}
	if p.calm {
		clear(l.mute)
		clear(l.omit)
	}
}
