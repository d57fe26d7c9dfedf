package core

import (
	"bufio"
	"cmp"
	"flag"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	dayNetworks = flag.Int("day.networks", 60, "networks of TestDay")
	dayPeers    = flag.Int("day.peers", 4, "peers of each of its 4 collectors, 8 at most")
	dayChanges  = flag.Int("day.changes", 4, "route changes of a collector in a minute")
)

const (
	dayCollectors = 4
	dayPartitions = 3
	// dayTick is the time between two ticks: a second at 20 times speed.
	dayTick    = int64(20)
	daySeconds = int64(24 * 3600)
	// dayGate bounds the time for which the panel gate is shut after one of the collectors is lost,
	// including a minute before and after.
	dayGate = int64(480)
	// dayScripted is the number of networks, the last ones, that go and come as in dayOutages.
	dayScripted = 8
)

// dayChange is one change of one peer's route.
type dayChange struct {
	at       int64 // seconds from dawn
	peer     int
	network  int
	upstream uint32 // 0: withdrawn
}

// day is the truth: the changes by collector, in the order of time.
type day struct {
	networks int
	truth    [dayCollectors][]dayChange
}

// dayOutages lists when the scripted networks go and come back.
var dayOutages = []struct {
	first, n   int
	from, back int64
}{
	{0, 4, 2 * hours, 2*hours + 1800},
	{4, 4, 4 * hours, 4*hours + 600},
	{0, 4, 7 * hours, 7*hours + 3600},
	{4, 2, 13 * hours, 13*hours + 2400},
	{0, 4, 17 * hours, 17*hours + 1800},
	{4, 4, 21 * hours, 21*hours + 7200},
}

func newDay() *day {
	d := &day{networks: *dayNetworks}
	for c := range d.truth {
		rng := rand.New(rand.NewPCG(9, uint64(c)))
		out := make([]dayChange, 0, int(daySeconds/60)**dayChanges*2)
		for m := int64(10); m < daySeconds/60-2; m++ {
			for range *dayChanges {
				x := dayChange{m*60 + rng.Int64N(60), rng.IntN(*dayPeers), rng.IntN(d.networks - dayScripted), 10 + rng.Uint32N(3)}
				if rng.IntN(3) == 0 {
					out = append(out, dayChange{x.at, x.peer, x.network, 0})
					x.at += rng.Int64N(60)
				}
				out = append(out, x)
			}
		}
		for _, o := range dayOutages {
			for p := range *dayPeers {
				for i := range o.n {
					n := d.networks - dayScripted + o.first + i
					out = append(out, dayChange{o.from + int64(c+p), p, n, 0}, dayChange{o.back + int64(c+p), p, n, 10})
				}
			}
		}
		for p := range max(0, 2-2*c) { // only of collector 0: the changes that are lost at 15 h
			for n := range 3 {
				out = append(out, dayChange{15*hours + 60, p, n, 0}, dayChange{22 * hours, p, n, 10})
				out = append(out, dayChange{14 * hours, p, 3 + n, 0}, dayChange{15*hours + 61, p, 3 + n, 11})
			}
		}
		slices.SortStableFunc(out, func(a, b dayChange) int { return cmp.Compare(a.at, b.at) })
		d.truth[c] = out
	}
	return d
}

// dayCollector is the state of a collector's stream while it is played.
type dayCollector struct {
	next    int // next change of the truth
	state   [][]uint32
	epoch   uint64
	seq     map[string]uint64
	actions []dayAction
}

// dayAction is an action of ingest at a time.
type dayAction struct {
	at int64
	do func()
}

// span is a stretch of a collector's time.
type span struct {
	collector int
	from, to  int64
}

func within(all []span, c int, t int64) bool {
	return slices.ContainsFunc(all, func(s span) bool { return (s.collector == c || c < 0) && s.from <= t && t < s.to })
}

// dayPlayer plays a day through a clock into a detector.
type dayPlayer struct {
	t        *testing.T
	d        *day
	detector *Detector
	ck       *clock.Clock
	c        [dayCollectors]dayCollector
	offset   [dayPartitions]int64
	lost     []span        // messages that are missing in the live stream
	silent   []span        // no ticks
	touched  []span        // decisions may differ here, from the window of the last tick on
	swept    [2]int        // wrong routes of the checked collector, before and after the check
	outs     *bufio.Writer // published records, a line each; in a file, as the heap is measured
	file     *os.File
	heap     []int64
	clocks   uint64
	twin     *twin    // nil, or a twin that gets the same records
	last     []string // output of the record that was pushed last, for the twin
}

func newDayPlayer(t *testing.T, d *day) *dayPlayer {
	t.Helper()
	detector, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "outs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	p := &dayPlayer{t: t, d: d, detector: detector, file: file, outs: bufio.NewWriter(file)}
	p.ck = clock.New(clock.Config{Partitions: dayPartitions})
	for c := range p.c {
		x := &p.c[c]
		x.seq, x.epoch = map[string]uint64{}, 1000
		for range *dayPeers {
			table := make([]uint32, d.networks)
			for i := range table {
				table[i] = 10
			}
			x.state = append(x.state, table)
		}
		p.at(c, 0, func() {
			p.say(c, "live", 0, &pb.EpochBegin{})
			p.gap(c, 0, "boot", 0)
			p.say(c, "live", 0, &pb.CollectorUp{})
			p.table(c, 300, "boot", p.snapshot(c))
			p.say(c, "table/boot", 300, &pb.GapEnd{Id: "boot", Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4}})
		})
	}
	return p
}

// closed keeps the records of a window, and notes the heap every hour.
func (p *dayPlayer) closed(start int64, outs []Out) {
	for _, o := range outs {
		p.keep(o)
	}
	if p.twin != nil {
		p.last = append(p.last, encodedOuts(p.t, outs)...)
	}
	if (start-dawn)%3600 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		p.heap = append(p.heap, int64(m.HeapInuse))
	}
}

// say pushes a record of a collector. t is its timestamp in seconds from dawn.
func (p *dayPlayer) say(c int, lane string, t int64, body any) {
	p.t.Helper()
	x := &p.c[c]
	r := record(collectorName(c), dawn+t, body)
	r.Position.Lane = lane
	if lane == "live" {
		r.Position.Epoch = x.epoch
	}
	x.seq[lane]++
	r.Position.Sequence = x.seq[lane]
	p.push(c%dayPartitions, r)
}

func (p *dayPlayer) push(part int, r *pb.RouteRecord) {
	p.t.Helper()
	p.offset[part]++
	p.last = p.last[:0]
	drive(p.t, p.ck, p.detector, int32(part), p.offset[part], r, p.closed)
	if p.twin != nil {
		p.twin.push(int32(part), p.offset[part], r)
		p.twin.same(p.ck, p.detector, p.last)
	}
}

func dayPrefix(n int) []byte {
	return codec.AppendPrefix(nil, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(16 + n>>16), byte(n >> 8), byte(n), 0}), 24))
}

func dayPeer(c, p int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2, byte(c*16 + p)}), ASN: bgp.ASN(100 + c*16 + p)}, netip.Addr{})
}

func (p *dayPlayer) country(n int) *pb.Place {
	if i := n - (p.d.networks - dayScripted); i >= 0 {
		return &pb.Place{Country: []string{"KP", "SY"}[i/4]}
	}
	return &pb.Place{Country: string([]byte{'A', 'A' + byte(n%20)})}
}

// message returns a change as a record's body.
func (p *dayPlayer) message(c int, x dayChange) *pb.RouteChanges {
	route := &pb.Route{Prefix: dayPrefix(x.network)}
	if x.upstream == 0 {
		return &pb.RouteChanges{Peer: dayPeer(c, x.peer), Withdrawn: []*pb.Route{route}}
	}
	route.PlaceShares = []uint64{0, 256}
	return &pb.RouteChanges{
		Peer: dayPeer(c, x.peer), OriginAs: uint32(1000 + x.network/4), UpstreamAs: x.upstream, Announced: []*pb.Route{route},
		Places: []*pb.Place{p.country(x.network)},
	}
}

// snapshot returns the present state of a collector.
func (p *dayPlayer) snapshot(c int) [][]uint32 {
	var out [][]uint32
	for _, t := range p.c[c].state {
		out = append(out, slices.Clone(t))
	}
	return out
}

// empty returns a state in which no peer holds a prefix.
func (p *dayPlayer) empty() [][]uint32 {
	var out [][]uint32
	for range *dayPeers {
		out = append(out, make([]uint32, p.d.networks))
	}
	return out
}

// table plays a table.
func (p *dayPlayer) table(c int, t int64, id string, state [][]uint32) {
	for first := 0; first < p.d.networks; first += 1000 {
		ch := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
		for i := range *dayPeers {
			ch.Peers = append(ch.Peers, dayPeer(c, i))
		}
		for n := first; n < min(first+1000, p.d.networks); n++ {
			tp := &pb.TablePrefix{Prefix: dayPrefix(n), PlaceShares: []uint64{uint64(len(ch.Places)), 256}}
			ch.Places = append(ch.Places, p.country(n))
			for up := uint32(10); up < 13; up++ {
				mask := byte(0)
				for i := range *dayPeers {
					if state[i][n] == up {
						mask |= 1 << i
					}
				}
				if mask != 0 {
					tp.Paths = append(tp.Paths, &pb.TablePath{OriginAs: uint32(1000 + n/4), UpstreamAs: up, Peers: []byte{mask}})
				}
			}
			ch.Prefixes = append(ch.Prefixes, tp)
		}
		p.say(c, "table/"+id, t, ch)
	}
}

// gap plays the begin of a gap; since 0 is before all records.
func (p *dayPlayer) gap(c int, t int64, id string, since int64) {
	g := &pb.GapBegin{Id: id}
	if since != 0 {
		g.SinceUs = (dawn + since) * 1e6
	}
	p.say(c, "live", t, g)
}

// replay plays the messages of a span in a lane.
func (p *dayPlayer) replay(c int, lane string, from, to int64) {
	for _, x := range p.d.truth[c] {
		if from <= x.at && x.at < to {
			p.say(c, lane, x.at, p.message(c, x))
		}
	}
}

func (p *dayPlayer) at(c int, t int64, do func()) {
	p.c[c].actions = append(p.c[c].actions, dayAction{t, do})
}

// play runs the day.
func (p *dayPlayer) play() {
	for c := range p.c {
		slices.SortStableFunc(p.c[c].actions, func(a, b dayAction) int { return cmp.Compare(a.at, b.at) })
	}
	for t := int64(0); t <= daySeconds; t += dayTick {
		for c := range p.c {
			p.step(c, t)
		}
		p.clocks++
		for part := range dayPartitions {
			r := record("", dawn+t, &pb.Clock{End: t+dayTick > daySeconds})
			r.Position.Lane, r.Position.Sequence = "clock/x", p.clocks
			p.push(part, r)
		}
	}
}

// step plays a collector up to t.
func (p *dayPlayer) step(c int, t int64) {
	x := &p.c[c]
	for {
		change, action := daySeconds+1, daySeconds+1
		if x.next < len(p.d.truth[c]) {
			change = p.d.truth[c][x.next].at
		}
		if len(x.actions) > 0 {
			action = x.actions[0].at
		}
		switch {
		case min(change, action) > t:
			if !within(p.silent, c, t) {
				p.say(c, "live", t, &pb.Tick{})
			}
			return
		case action <= change:
			do := x.actions[0].do
			x.actions = x.actions[1:]
			do()
		default:
			m := p.d.truth[c][x.next]
			x.next++
			x.state[m.peer][m.network] = m.upstream
			if !within(p.lost, c, m.at) {
				p.say(c, "live", m.at, p.message(c, m))
			}
		}
	}
}

// TestDay plays a day of live streams, and plays it again with take-overs, gaps, a bootstrap and a
// check in it. Outside of them the decisions are the same, the state is the truth, and no more
// memory is in use. A twin that is restored from snapshots again and again behaves the same.
func TestDay(t *testing.T) { //nolint:paralleltest // measures the heap
	d := newDay()
	calm := newDayPlayer(t, d)
	calm.play()
	rough := newDayPlayer(t, d)
	rough.disturb()
	rough.twin = newTwin(t, clock.Config{Partitions: dayPartitions}, rough.detector, 200)
	rough.play()
	rough.twin.sameState(rough.ck, rough.detector)
	if n := rough.twin.restores; n < 100 {
		t.Errorf("the twin was restored %d times", n)
	}
	want, got := calm.decided(rough.touched), rough.decided(rough.touched)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("decided (-undisturbed +disturbed):\n%.6000s", diff)
	}
	closed := 0
	for _, line := range got {
		if strings.Contains(line, " country-") && (strings.Contains(line, " closed") || strings.Contains(line, " reopened")) {
			closed++
		}
	}
	if closed != len(dayOutages) {
		t.Errorf("%d outages of countries were closed, want %d", closed, len(dayOutages))
	}
	for c := range rough.c {
		for i := range *dayPeers {
			calmly, _, _ := calm.holding(c, i)
			n, wrong, elsewhere := rough.holding(c, i)
			// A check leaves the upstreams as they are.
			if n != calmly || n == 0 || wrong != 0 || elsewhere != 0 && c != 0 {
				t.Errorf("%s, peer %d: holds %d, %d wrongly, %d over another upstream; want %d", collectorName(c), i, n, wrong, elsewhere, calmly)
			}
		}
	}
	if rough.swept[0] < 6 || rough.swept[1] != 0 {
		t.Errorf("routes not as they are before and after the check: %v", rough.swept)
	}
	t.Logf("%d records decided outside of %d stretches; heap each hour, MB: %v, undisturbed %v", len(got), len(rough.touched), megabytes(rough.heap), megabytes(calm.heap))
	if before, after := slices.Max(rough.heap[6:12]), slices.Max(rough.heap[18:]); after > before+before/10+4<<20 {
		t.Errorf("heap grew from %d to %d octets", before, after)
	}
	if n := rough.ck.Buffered(); n != 0 {
		t.Errorf("%d octets still wait", n)
	}
}

func megabytes(b []int64) []int64 {
	out := make([]int64, len(b))
	for i, x := range b {
		out[i] = x >> 20
	}
	return out
}
