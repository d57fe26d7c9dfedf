package core

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	gateCollectors, gatePeers = 60, 400
	// gateGroup is the number of collectors in a group. A group sees prefixes that hardly any other
	// peer holds, and that others held for a while.
	gateGroup, gateGroups = 5, gateCollectors / 5
	gateRegional          = 40 // prefixes of a group
	gateCountries         = 21 // each with gateNational prefixes that all peers see; the last is KP
	gateNational          = 12
)

// gateWorld is a world of 400 peers at 60 collectors, each with an AS of its own.
type gateWorld struct {
	t        *testing.T
	rng      *rand.Rand
	networks []network // national, then regional
	holds    [gatePeers][]bool
	records  []*pb.RouteRecord
}

// gateAt is the time of the event of the feeds: an hour and some minutes after the tables.
const gateAt = dawn + 3600 + 780

func collectorOf(peer int) int { return peer * gateCollectors / gatePeers }

func peersOf(c int) (out []int) {
	for p := range gatePeers {
		if collectorOf(p) == c {
			out = append(out, p)
		}
	}
	return out
}

func gatePeer(p int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, 2 + byte(p>>8), byte(p)}), ASN: bgp.ASN(1000 + p)}, netip.Addr{})
}

func newGateWorld(t *testing.T, seed uint64) *gateWorld {
	t.Helper()
	w := &gateWorld{t: t, rng: rand.New(rand.NewPCG(seed, 16))}
	for c := range gateCountries {
		code := string([]byte{'A', byte('A' + c)})
		if c == gateCountries-1 {
			code = "KP"
		}
		for i := range gateNational {
			w.networks = append(w.networks, network{fmt.Sprintf("10.%d.%d.0/24", c, i), uint32(64500 + c), 64400, code})
		}
	}
	for g := range gateGroups {
		for i := range gateRegional {
			w.networks = append(w.networks, network{fmt.Sprintf("172.%d.%d.0/24", 16+g, i), uint32(65000 + g), 64401, string([]byte{'R', byte('A' + g)})})
		}
	}
	for p := range gatePeers {
		w.holds[p] = make([]bool, len(w.networks))
		for n := range w.networks {
			w.holds[p][n] = w.rng.IntN(100) < 97
			if i := n - gateCountries*gateNational; i >= 0 {
				w.holds[p][n] = w.rng.IntN(1000) < 15
				if i/gateRegional == collectorOf(p)/gateGroup {
					w.holds[p][n] = w.rng.IntN(100) < 90
				}
			}
		}
	}
	for c := range gateCollectors {
		w.add(c, dawn, &pb.CollectorUp{})
		w.table(c, dawn, "boot", len(w.networks), true)
	}
	for p := range gatePeers { // the other groups hear the regional prefixes, and lose them again
		for g := range gateGroups {
			if g != collectorOf(p)/gateGroup && w.rng.IntN(10) == 0 {
				first := gateCountries*gateNational + g*gateRegional
				var of []int
				for n := first; n < first+gateRegional; n++ {
					if !w.holds[p][n] {
						of = append(of, n)
					}
				}
				w.announce(p, dawn+1200+int64(p%60), of)
				w.withdraw(p, dawn+1500+int64(p%60), of)
			}
		}
	}
	return w
}

func (w *gateWorld) add(c int, t int64, body any) {
	w.records = append(w.records, record(collectorName(c), t, body))
}

// table answers a gap of a collector with the first n networks.
func (w *gateWorld) table(c int, t int64, id string, n int, complete bool) {
	w.add(c, t, &pb.GapBegin{Id: id})
	w.tabled(c, t, id, n, complete)
}

func (w *gateWorld) tabled(c int, t int64, id string, n int, complete bool) {
	peers := peersOf(c)
	chunk := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
	for _, p := range peers {
		chunk.Peers = append(chunk.Peers, gatePeer(p))
	}
	for i, x := range w.networks[:n] {
		mask := byte(0)
		for j, p := range peers {
			if w.holds[p][i] {
				mask |= 1 << j
			}
		}
		chunk.Places = append(chunk.Places, &pb.Place{Country: x.country})
		chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
			Prefix: octets(w.t, x.prefix), PlaceShares: []uint64{uint64(i), spaceOf(x.prefix)},
			Paths: []*pb.TablePath{{OriginAs: x.origin, UpstreamAs: x.upstream, Peers: []byte{mask}}},
		})
	}
	w.add(c, t, chunk)
	end := &pb.GapEnd{Id: id, Complete: complete, Families: []pb.Family{pb.Family_FAMILY_IPV4}}
	if complete {
		end.Peers = chunk.Peers
	}
	w.add(c, t, end)
}

// announce makes a peer announce networks, in a message for each origin.
func (w *gateWorld) announce(p int, t int64, of []int) {
	messages := map[uint32]*pb.RouteChanges{}
	for _, i := range of {
		n := w.networks[i]
		m := messages[n.origin]
		if m == nil {
			m = &pb.RouteChanges{Peer: gatePeer(p), OriginAs: n.origin, UpstreamAs: n.upstream, Places: []*pb.Place{{Country: n.country}}}
			messages[n.origin] = m
			w.add(collectorOf(p), t, m)
		}
		m.Announced = append(m.Announced, &pb.Route{Prefix: octets(w.t, n.prefix), PlaceShares: []uint64{0, spaceOf(n.prefix)}})
	}
}

func (w *gateWorld) withdraw(p int, t int64, of []int) {
	m := &pb.RouteChanges{Peer: gatePeer(p)}
	for _, i := range of {
		m.Withdrawn = append(m.Withdrawn, &pb.Route{Prefix: octets(w.t, w.networks[i].prefix)})
	}
	w.add(collectorOf(p), t, m)
}

// down loses a collector in one of three ways: stale, lost, or each session by itself.
func (w *gateWorld) down(c int, t int64, how uint64) {
	switch how % 3 {
	case 0:
		w.add(c, t, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_STALE})
	case 1:
		w.add(c, t, &pb.CollectorDown{Reason: pb.DownReason_DOWN_REASON_LOST})
	default:
		for _, p := range peersOf(c) {
			w.add(c, t, &pb.PeerDown{Peer: gatePeer(p)})
		}
	}
}

// up brings a collector back. Peers whose sessions ended send their tables again.
func (w *gateWorld) up(c int, t int64, how uint64) {
	if how%3 < 2 {
		w.add(c, t, &pb.CollectorUp{})
	}
	if how%3 > 0 {
		for _, p := range peersOf(c) {
			w.session(p, t, 30)
		}
	}
}

// session begins a session at t. Its table is complete after some seconds.
func (w *gateWorld) session(p int, t, seconds int64) {
	w.add(collectorOf(p), t, &pb.PeerUp{Peer: gatePeer(p)})
	var of []int
	for n, held := range w.holds[p] {
		if held {
			of = append(of, n)
		}
	}
	w.announce(p, t+seconds-1, of)
	w.add(collectorOf(p), t+seconds, &pb.RouteChanges{Peer: gatePeer(p), EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}})
}

// lose loses n collectors, groups of neighbours first. They come back 45 minutes later, or never.
func (w *gateWorld) lose(n int, how uint64) (lost map[int]bool) {
	lost = map[int]bool{}
	first := w.rng.IntN(gateGroups) * gateGroup
	for i := range n {
		c := (first + i) % gateCollectors
		lost[c] = true
		w.down(c, gateAt+int64(i), how)
		if how != 2 {
			w.up(c, gateAt+45*60+int64(i), how)
		}
	}
	return lost
}

// reset ends and begins all sessions within an hour, those of neighbours together. A table takes
// minutes.
func (w *gateWorld) reset(t int64) {
	for p := range gatePeers {
		at := t + int64(collectorOf(p)/gateGroup)*300 + w.rng.Int64N(90)
		w.add(collectorOf(p), at, &pb.PeerDown{Peer: gatePeer(p)})
		w.session(p, at+20, 360+w.rng.Int64N(120))
	}
}

// cutShort requests the tables of 11 collectors again, and their ends are missing. With how 2,
// whole tables come 20 minutes later.
func (w *gateWorld) cutShort(t int64, how uint64) {
	first := w.rng.IntN(gateGroups) * gateGroup
	for i := range 11 {
		c := (first + i) % gateCollectors
		w.add(c, t, &pb.GapBegin{Id: "cut"})
		w.tabled(c, t+90, "cut", gateCountries*gateNational*2/3, false)
		if how != 2 {
			w.table(c, t+20*60, "again", len(w.networks), true)
		}
	}
}

// korea withdraws all of KP from the feeds that are not lost, within half a minute.
func (w *gateWorld) korea(lost map[int]bool) {
	first := (gateCountries - 1) * gateNational
	var of []int
	for n := first; n < first+gateNational; n++ {
		of = append(of, n)
	}
	for p := range gatePeers {
		if !lost[collectorOf(p)] {
			w.withdraw(p, gateAt+int64(p%30), of)
		}
		for _, n := range of {
			w.holds[p][n] = false
		}
	}
}

// gateRun is a run of a gateWorld.
type gateRun struct {
	f *feed
}

func (w *gateWorld) run(gate bool) *gateRun {
	w.t.Helper()
	cfg := DefaultConfig()
	cfg.Dataset, cfg.Panel.Gate = "test", gate
	f := newFeed(w.t, cfg)
	f.undisturbed = !gate
	records := slices.Clone(w.records)
	slices.SortStableFunc(records, func(a, b *pb.RouteRecord) int { return cmp.Compare(a.TimestampUs, b.TimestampUs) })
	for _, r := range records {
		f.apply(r)
	}
	f.until(gateAt + 80*60)
	return &gateRun{f}
}

// opened lists the records with these events, without short losses: minutes since gateAt at the end
// of the window, and the id.
func (r *gateRun) opened(events ...string) (out []string) {
	for _, o := range r.f.outs {
		if x, ok := o.Record.(*pb.OutageRecord); ok && slices.Contains(events, x.Event) && !x.Blip {
			out = append(out, fmt.Sprintf("%d %s %s", (x.DecidedAtUs/1e6-gateAt)/60, x.Id, x.Event))
		}
	}
	return out
}

// degraded lists the times at which the gate shut and opened, in minutes since gateAt.
func (r *gateRun) degraded() (out []int64) {
	for _, o := range r.f.outs {
		if x, ok := o.Record.(*pb.FeedRecord); ok && x.Collector == "detect/ipv4" {
			out = append(out, (x.TimestampUs/1e6-gateAt)/60)
		}
	}
	return out
}

// told checks that while the gate is shut, and only then, the records of the panel have no verdict
// for that reason, and that there are no records of visibility.
func (r *gateRun) told(turns []int64) error {
	shut := func(t int64) bool { // in the window that ends at t
		n := 0
		for _, turn := range turns {
			if t >= turn {
				n++
			}
		}
		return n%2 == 1
	}
	said := 0
	for _, o := range r.f.outs {
		switch x := o.Record.(type) {
		case *pb.PanelRecord:
			t := (x.TimeUs/1e6 - gateAt) / 60
			if t < 0 || x.Family != pb.Family_FAMILY_IPV4 {
				continue
			}
			if degraded := x.NoVerdict == string(bgp.NoVerdictDegraded); degraded != shut(t) || x.GetVerdicts() == degraded {
				return fmt.Errorf("the panel of minute %d says verdicts: %t, %q", t, x.GetVerdicts(), x.NoVerdict)
			}
			if slices.Contains(turns, t) {
				said++
			}
		case *pb.VisibilityRecord:
			if t := (x.WindowUs/1e6-gateAt)/60 + 1; t > 0 && shut(t) {
				return fmt.Errorf("minute %d says what is visible of %s", t, x.Entity.Code)
			}
		}
	}
	if said != len(turns) {
		return fmt.Errorf("%d panels were written when the gate turned at %v", said, turns)
	}
	return nil
}

// TestPanelGate: the loss of own feeds opens no outage, in whatever way it happens. Without the
// gate it does.
func TestPanelGate(t *testing.T) {
	t.Parallel()
	scenarios := []struct {
		name  string
		shuts int64 // minutes until the gate is shut; 0: its conditions do not hold
		do    func(w *gateWorld, seed uint64)
	}{
		{"1 of 60 collectors", 0, func(w *gateWorld, seed uint64) { w.lose(1, seed) }},
		{"5 of 60 collectors", 2, func(w *gateWorld, seed uint64) { w.lose(5, seed) }},
		{"11 of 60 collectors", 1, func(w *gateWorld, seed uint64) { w.lose(11, seed) }},
		{"all sessions reset", 3, func(w *gateWorld, _ uint64) { w.reset(gateAt) }},
		{"a RIB cut short", 1, func(w *gateWorld, seed uint64) { w.cutShort(gateAt, seed) }},
	}
	without := 0
	for _, sc := range scenarios {
		for seed := range uint64(3) {
			w := newGateWorld(t, seed)
			sc.do(w, seed)
			with := w.run(true)
			if got := with.opened("opened", "suspected", "reopened"); len(got) > 0 {
				t.Errorf("%s, seed %d: got %d events with the gate, want none: %v", sc.name, seed, len(got), got[:min(len(got), 5)])
			}
			turns := with.degraded()
			if shut := len(turns) > 0; shut != (sc.shuts > 0) || shut && turns[0] > sc.shuts {
				t.Errorf("%s, seed %d: the gate turned at %v, want shut after %d minutes", sc.name, seed, turns, sc.shuts)
			}
			if err := with.told(turns); err != nil {
				t.Errorf("%s, seed %d: %v", sc.name, seed, err)
			}
			off := w.run(false)
			n := len(off.opened("opened", "reopened"))
			if n > 0 {
				without++
			}
			t.Logf("%s, seed %d: the gate turned at %v; without it %d events", sc.name, seed, turns, n)
			if got := off.degraded(); got != nil {
				t.Errorf("%s, seed %d: the gate turned at %v where it is off", sc.name, seed, got)
			}
		}
	}
	if without < 6 {
		t.Errorf("without the gate events began in %d of %d runs: these losses prove nothing", without, 3*len(scenarios))
	}
}

// TestPanelGateAndOutage: an outage while own feeds are lost is found, under one id and with its
// time.
func TestPanelGateAndOutage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		within int64 // minutes from gateAt in which it must open
		do     func(w *gateWorld, seed uint64)
	}{
		{"5 collectors", 8, func(w *gateWorld, seed uint64) { w.korea(w.lose(5, seed)) }},
		{"11 collectors", 8, func(w *gateWorld, seed uint64) { w.korea(w.lose(11, seed)) }},
		{"all sessions", 17, func(w *gateWorld, _ uint64) { w.korea(nil); w.reset(gateAt) }},
	} {
		for seed := range uint64(3) {
			w := newGateWorld(t, seed)
			tt.do(w, seed)
			ids := map[string]int64{}
			var start, opened int64
			for _, o := range w.run(true).f.outs {
				if x, ok := o.Record.(*pb.OutageRecord); ok && x.Entity.Code == "KP" {
					ids[x.Id]++
					if x.Event == "opened" && opened == 0 {
						start, opened = x.StartS, x.DecidedAtUs/1e6
					}
				}
			}
			t.Logf("%s, seed %d: opened after %d s, start %d s", tt.name, seed, opened-gateAt, start-gateAt)
			if len(ids) != 1 || opened > gateAt+tt.within*60 || start < gateAt-60 || start > gateAt+60 {
				t.Errorf("%s, seed %d: opened %d s and began %d s after the loss, as %v; want one id, within %d minutes, and within 60 s", tt.name, seed, opened-gateAt, start-gateAt, ids, tt.within)
			}
		}
	}
}

// TestPanelGateWithoutLeavers: losses without leavers never shut the gate, and all records are the
// same as without a gate.
func TestPanelGateWithoutLeavers(t *testing.T) {
	t.Parallel()
	w := newGateWorld(t, 1)
	w.korea(nil)
	for p := range gatePeers { // two fifths of all known prefixes go as well
		var of []int
		for n := range 8 * gateNational {
			of = append(of, n)
		}
		w.withdraw(p, gateAt+600, of)
		w.announce(p, gateAt+3600, of)
	}
	with, off := w.run(true), w.run(false)
	if got := with.degraded(); got != nil {
		t.Errorf("the gate turned at %v", got)
	}
	if len(with.f.outs) != len(off.f.outs) || len(with.opened("opened")) == 0 {
		t.Fatalf("%d records with the gate, %d without; opened: %v", len(with.f.outs), len(off.f.outs), with.opened("opened"))
	}
	for i, o := range with.f.outs {
		a, errA := o.Record.MarshalVT()
		b, errB := off.f.outs[i].Record.MarshalVT()
		if errA != nil || errB != nil || o.Topic != off.f.outs[i].Topic || !bytes.Equal(a, b) {
			t.Fatalf("record %d of %s is another without the gate", i, cmp.Or(o.Topic, schemas.TopicOutages))
		}
	}
}
