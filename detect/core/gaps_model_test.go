package core

import (
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// utter is one message of a peer of collector 0, in the form of the archive.
type utter struct {
	at     int64
	peer   int
	kind   byte // + - up (u) down (d)
	prefix string
	up     uint32
}

// teller plays the truth, the part of it in the live stream, gaps, fills, tables, checks and
// take-overs.
type teller struct {
	rt     *rapid.T
	s      *stage
	at     int64
	log    []utter
	truth  [4]map[string]uint32
	isUp   [4]bool
	lacked int64 // time of the earliest message that was missed and is in no gap
	epoch  int
	n      int

	gap    string
	since  int64
	until  int64
	own    bool // a table answers the gap
	dump   int64
	sent   [4]bool
	tabled bool
	after  map[int]int64
	next   int // next message of log
	check  string
	void   [4]bool // not in the last table: no statement about the peer until it comes up
	trace  []string
}

func (x *teller) tracef(f string, a ...any) {
	x.trace = append(x.trace, fmt.Sprintf("%d ", x.at-dawn)+fmt.Sprintf(f, a...))
}

// body returns the record body of a message.
func (x *teller) body(m utter) any {
	switch m.kind {
	case 'u':
		return &pb.PeerUp{Peer: x.s.peer(0, m.peer)}
	case 'd':
		return &pb.PeerDown{Peer: x.s.peer(0, m.peer)}
	}
	return x.s.routes(m.peer, m.up, string(m.kind)+m.prefix)
}

// apply applies a message to the truth.
func (m utter) apply(truth map[string]uint32) {
	switch m.kind {
	case '+':
		truth[m.prefix] = m.up
	case '-':
		delete(truth, m.prefix)
	default:
		clear(truth)
	}
}

// event makes a message happen now. The live stream has it unless miss.
func (x *teller) event(m utter, miss bool) {
	m.at = x.at
	x.log = append(x.log, m)
	m.apply(x.truth[m.peer])
	switch m.kind {
	case 'u':
		x.isUp[m.peer] = true
	case 'd':
		x.isUp[m.peer] = false
	}
	if miss {
		x.tracef("missed %c %d %s over %d", m.kind, m.peer, m.prefix, m.up)
		if x.lacked == 0 {
			x.lacked = m.at
		}
		return
	}
	x.tracef("heard  %c %d %s over %d", m.kind, m.peer, m.prefix, m.up)
	if x.gap != "" && (m.kind == '+' || m.kind == '-') {
		if _, ok := x.after[m.peer]; !ok && m.at >= x.since {
			x.after[m.peer] = m.at
		}
	}
	if m.kind == 'u' {
		x.void[m.peer] = false
	}
	x.s.live(x.at, x.body(m))
}

// begin opens a gap.
func (x *teller) begin(since int64) {
	x.n++
	if x.gap != "" {
		x.since = min(x.since, since)
	} else {
		x.since = since
	}
	x.gap, x.until, x.after, x.own, x.next, x.tabled, x.lacked = fmt.Sprintf("%d-%d", x.epoch, x.n), x.at, map[int]int64{}, x.since == 0, 0, false, 0
	x.check = ""
	x.tracef("gap %s since %d", x.gap, since-dawn)
	g := &pb.GapBegin{Id: x.gap, SinceUs: since * 1e6}
	x.s.live(x.at, g)
	if x.own {
		x.dump = rapid.Int64Range(max(dawn+650, x.at-120), x.at).Draw(x.rt, "dump")
	}
}

// table returns the truth at a time.
func (x *teller) table(at int64) (truth [4]map[string]uint32, up [4]bool) {
	for p := range 4 {
		truth[p], up[p] = map[string]uint32{}, true
		for _, n := range x.s.networks {
			truth[p][n.prefix] = n.upstream
		}
	}
	for _, m := range x.log {
		if m.at <= at {
			m.apply(truth[m.peer])
			if m.kind == 'u' || m.kind == 'd' {
				up[m.peer] = m.kind == 'u'
			}
		}
	}
	return truth, up
}

// chunks plays the table of a time, and returns the peers of which it holds a route.
func (x *teller) chunks(id string, at int64) (sent [4]bool) {
	truth, up := x.table(at)
	var some []*pb.Peer
	var idx []int
	for p := range 4 {
		if up[p] && len(truth[p]) > 0 {
			sent[p] = true
			some = append(some, x.s.peer(0, p))
			idx = append(idx, p)
		}
	}
	by := map[string]map[uint32]byte{}
	for i, p := range idx {
		for k, u := range truth[p] {
			if by[k] == nil {
				by[k] = map[uint32]byte{}
			}
			by[k][u] |= 1 << i
		}
	}
	c := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4, Peers: some}
	for k, us := range by {
		tp := &pb.TablePrefix{Prefix: octets(x.s.t, k)}
		for u, b := range us {
			tp.Paths = append(tp.Paths, &pb.TablePath{OriginAs: 64500, UpstreamAs: u, Peers: []byte{b}})
		}
		c.Prefixes = append(c.Prefixes, tp)
	}
	x.s.say("table/"+id, at, x.at, c)
	return sent
}

// overlap is the time in seconds by which a fill reaches beyond its gap.
const overlap = 60

// fill plays the next k messages that answer the open gap. If a table answers it, the table is
// first.
func (x *teller) fill(k int) {
	if x.own && !x.tabled {
		x.sent, x.tabled = x.chunks(x.gap, x.dump), true
		x.tracef("table %s of %d: %v", x.gap, x.dump-dawn, x.sent)
		return
	}
	for ; k > 0 && x.next < len(x.log); k-- {
		m := x.log[x.next]
		if m.at > x.until+overlap {
			break
		}
		x.next++
		if x.own {
			if !x.sent[m.peer] || m.at < x.dump {
				continue
			}
		} else {
			if m.at < x.since-1 {
				continue
			}
			if a, ok := x.after[m.peer]; ok && m.at > a+1 {
				continue
			}
		}
		x.tracef("fill   %c %d %s over %d of %d", m.kind, m.peer, m.prefix, m.up, m.at-dawn)
		x.s.say("fill/"+x.gap, m.at, x.at, x.body(m))
	}
}

// end plays the rest of the answer to the gap, and ends the gap.
func (x *teller) end() {
	if x.at < x.until+overlap+1 {
		x.at = x.until + overlap + 1
	}
	x.fill(1)
	x.fill(1 << 20)
	g := &pb.GapEnd{Id: x.gap, Complete: true, Filled: !x.own}
	if x.own {
		for p := range 4 {
			x.void[p] = !x.sent[p]
			if x.sent[p] {
				g.Peers = append(g.Peers, x.s.peer(0, p))
			}
		}
		g.Families = []pb.Family{pb.Family_FAMILY_IPV4}
	}
	x.tracef("end %s", x.gap)
	x.s.say("fill/"+x.gap, x.at, x.at, g)
	x.gap = ""
	x.compare("end")
}

// compare compares the detector's state with the truth, if no message is missing.
func (x *teller) compare(why string) {
	if x.gap != "" || x.lacked != 0 {
		return
	}
	fam := x.s.f.detector.family(bgp.IPv4)
	for p := range 4 {
		key, err := codec.ParsePeer(x.s.peer(0, p))
		if err != nil {
			x.rt.Fatal(err)
		}
		pr := x.s.f.detector.collectors[collectorName(0)].peers[key]
		slot := pr.slots[0].slot
		se := fam.panel.Session(slot)
		if x.void[p] || se.Awaiting || !se.Complete && se.Up && pr.upAt == 0 {
			continue // the detector knows that its state is unknown
		}
		if se.Up != x.isUp[p] && len(x.truth[p]) > 0 {
			x.fail("%s: peer %d up %v, want %v", why, p, se.Up, x.isUp[p])
		}
		if n := fam.rib.Size(slot); n != len(x.truth[p]) {
			x.fail("%s: peer %d holds %d prefixes, want %d", why, p, n, len(x.truth[p]))
		}
		for _, k := range prefixes {
			_, kk, _ := rib.KeyOf(netip.MustParsePrefix(k))
			row, ok := fam.rib.Row(kk)
			got := uint32(0)
			if ok && fam.rib.Held(row)[slot>>6]&(1<<(slot&63)) != 0 {
				fam.rib.EachPair(row, func(_, up bgp.ASN, slots []uint64) {
					if slots[slot>>6]&(1<<(slot&63)) != 0 {
						got = uint32(up)
					}
				})
			}
			if got != x.truth[p][k] {
				x.fail("%s: peer %d has %s over %d, want %d", why, p, k, got, x.truth[p][k])
			}
		}
	}
}

func (x *teller) fail(f string, a ...any) {
	for _, l := range x.trace {
		x.rt.Log(l)
	}
	x.rt.Fatalf(f, a...)
}

var prefixes = []string{"10.0.0.0/16", "10.1.0.0/16", "10.200.0.0/16"}

// TestGapsAtRandom plays a collector whose stream misses messages. The state is the truth whenever
// no record reports missing messages.
func TestGapsAtRandom(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStageWorld(t)
		x := &teller{rt: rt, s: s, at: dawn + 660}
		x.truth, x.isUp = x.table(0)
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			x.at += rapid.Int64Range(0, 12).Draw(rt, "seconds")
			p := rapid.IntRange(0, 3).Draw(rt, "peer")
			k := rapid.SampledFrom(prefixes).Draw(rt, "prefix")
			up := uint32(rapid.IntRange(1, 3).Draw(rt, "upstream"))
			miss := rapid.IntRange(0, 3).Draw(rt, "miss") == 0
			switch rapid.IntRange(0, 13).Draw(rt, "kind") {
			case 0, 1, 2, 3:
				if x.isUp[p] {
					x.event(utter{peer: p, kind: '+', prefix: k, up: up}, miss)
				}
			case 4, 5:
				if x.isUp[p] {
					x.event(utter{peer: p, kind: '-', prefix: k}, miss)
				}
			case 6:
				kind := byte('u')
				if x.isUp[p] && up != 1 { // without this, a Peer Up without a Peer Down before it
					kind = 'd'
				}
				x.event(utter{peer: p, kind: kind}, miss)
			case 7, 8:
				switch {
				case x.lacked != 0:
					x.begin(x.lacked)
				case up == 1:
					x.begin(x.at - rapid.Int64Range(0, 90).Draw(rt, "back"))
				case up == 2 && k == prefixes[0]:
					x.begin(0)
				}
			case 9:
				if x.gap != "" {
					x.fill(rapid.IntRange(1, 10).Draw(rt, "n"))
				}
			case 10:
				if x.gap != "" && x.lacked == 0 {
					x.end()
				}
			case 11:
				x.epoch++
				x.tracef("epoch")
				s.live(x.at, &pb.EpochBegin{})
				since := x.at
				if x.lacked != 0 {
					since = x.lacked
				}
				if x.gap != "" {
					since = min(since, x.since)
				}
				x.begin(since)
			case 12:
				switch {
				case x.gap == "" && x.check == "" && x.lacked == 0:
					x.n++
					x.check, x.dump = fmt.Sprintf("check-%d", x.n), x.at+10
					x.tracef("check")
					s.live(x.at, &pb.CheckBegin{Id: x.check})
				case x.check != "" && x.at > x.dump && x.lacked == 0:
					x.chunks(x.check, x.dump)
					x.tracef("check end")
					s.say("table/"+x.check, x.at, x.at, &pb.CheckEnd{Id: x.check, Complete: true})
					x.check = ""
				}
			case 13:
				s.live(x.at, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE})
				s.live(x.at, &pb.CollectorUp{})
			}
			x.compare("step")
		}
		if x.lacked != 0 {
			x.begin(x.lacked)
		}
		if x.gap != "" {
			x.end()
		}
		x.compare("last")
	})
}
