package rislive_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/rislivetest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// change is the effect of one message on one pair of peer and prefix. Without a prefix the peer's
// session comes or goes.
type change struct {
	peer   bgp.Peer
	prefix netip.Prefix
	path   string // "" withdraws
	up     bool
}

func (c change) String() string {
	if !c.prefix.IsValid() {
		return fmt.Sprintf("%v up %v", c.peer.Address, c.up)
	}
	return fmt.Sprintf("%v %v %s", c.peer.Address, c.prefix, c.path)
}

// decode lists the changes of a BGP message.
func decode(t testing.TB, d *wire.Decoder, p bgp.Peer, raw []byte, octets uint8) (out []change) {
	t.Helper()
	typ, body, err := wire.SplitMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	switch typ {
	case wire.MessageUpdate:
	case wire.MessageNotification:
		return []change{{peer: p}}
	default:
		return nil
	}
	u, err := d.DecodeUpdate(body, wire.Options{ASOctets: octets})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range u.Withdrawn {
		out = append(out, change{peer: p, prefix: n.Prefix})
	}
	path := u.Attributes.Path.String()
	for _, n := range u.Announced {
		out = append(out, change{peer: p, prefix: n.Prefix, path: "path " + path})
	}
	return out
}

// scheduled returns the changes of a schedule by collector, in order, and the number of their
// records.
func scheduled(t testing.TB, s *rislivetest.Schedule) (map[string][]change, int) {
	t.Helper()
	var d wire.Decoder
	out, n := map[string][]change{}, 0
	for i := range s.Events {
		e := &s.Events[i]
		all := []change{{peer: e.Peer, up: e.State == bgp.Established}}
		switch {
		case e.Message != nil:
			all = decode(t, &d, e.Peer, e.Message, e.ASOctets)
			if e.Message[18] == byte(wire.MessageUpdate) || e.Message[18] == byte(wire.MessageNotification) {
				n++
			}
		case e.State == bgp.Established, e.State == bgp.Idle:
			n++
		default:
			continue
		}
		c := "ris/" + e.Host
		out[c] = append(out[c], all...)
	}
	return out, n
}

// changesOf returns the changes of a record.
func changesOf(t testing.TB, d *wire.Decoder, rec *pb.UpdateRecord) []change {
	t.Helper()
	switch b := rec.GetBody().(type) {
	case *pb.UpdateRecord_BgpMessage:
		return decode(t, d, peerOf(t, b.BgpMessage.GetPeer()), b.BgpMessage.GetRaw(), uint8(b.BgpMessage.GetAsOctets()))
	case *pb.UpdateRecord_PeerUp:
		return []change{{peer: peerOf(t, b.PeerUp.GetPeer()), up: true}}
	case *pb.UpdateRecord_PeerDown:
		return []change{{peer: peerOf(t, b.PeerDown.GetPeer())}}
	}
	return nil
}

func peerOf(t testing.TB, p *pb.Peer) bgp.Peer {
	t.Helper()
	key, err := codec.ParsePeer(p)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// said returns the changes of the live lanes by collector, in order.
func said(t testing.TB, recs []*pb.UpdateRecord) map[string][]change {
	t.Helper()
	var d wire.Decoder
	out := map[string][]change{}
	for _, rec := range recs {
		if rec.GetPosition().GetLane() == "live" {
			c := rec.GetPosition().GetCollector()
			out[c] = append(out[c], changesOf(t, &d, rec)...)
		}
	}
	return out
}

// compare reports the first difference of each collector.
func compare(t testing.TB, want, got map[string][]change) {
	t.Helper()
	for _, c := range slices.Sorted(maps.Keys(want)) {
		w, g := want[c], got[c]
		for i := range min(len(w), len(g)) {
			if w[i] != g[i] {
				t.Errorf("%s, change %d of %d: got %v, want %v", c, i, len(w), g[i], w[i])
				break
			}
		}
		if len(w) != len(g) {
			t.Errorf("%s: got %d changes, want %d", c, len(g), len(w))
		}
	}
}

// table is the model's state of one collector.
type table struct {
	routes  map[bgp.Peer]map[netip.Prefix]string
	open    string // id of the open gap
	touched map[bgp.Peer]map[netip.Prefix]bool
	whole   map[bgp.Peer]bool // all pairs of the peer are touched
}

func newTable() *table { return &table{routes: map[bgp.Peer]map[netip.Prefix]string{}} }

// apply is the rule of the architecture: a fill changes only pairs that no live message has touched
// since the gap began.
func (tb *table) apply(c change, live bool) {
	if !c.prefix.IsValid() {
		if c.up {
			if live && tb.open != "" {
				tb.whole[c.peer] = true
			}
			return
		}
		for p := range tb.routes[c.peer] {
			if live || !tb.isTouched(c.peer, p) {
				delete(tb.routes[c.peer], p)
			}
		}
		if live && tb.open != "" {
			tb.whole[c.peer] = true
		}
		return
	}
	switch {
	case !live && tb.isTouched(c.peer, c.prefix):
		return
	case live && tb.open != "":
		if tb.touched[c.peer] == nil {
			tb.touched[c.peer] = map[netip.Prefix]bool{}
		}
		tb.touched[c.peer][c.prefix] = true
	}
	if tb.routes[c.peer] == nil {
		tb.routes[c.peer] = map[netip.Prefix]string{}
	}
	if c.path == "" {
		delete(tb.routes[c.peer], c.prefix)
	} else {
		tb.routes[c.peer][c.prefix] = c.path
	}
}

func (tb *table) isTouched(p bgp.Peer, prefix netip.Prefix) bool {
	return tb.whole[p] || tb.touched[p][prefix]
}

// lines lists the routes, in order.
func (tb *table) lines() []string {
	var out []string
	for p, routes := range tb.routes {
		for prefix, path := range routes {
			out = append(out, fmt.Sprintf("%v %v %s", p.Address, prefix, path))
		}
	}
	slices.Sort(out)
	return out
}

// stateOf applies bgp.updates.
func stateOf(t testing.TB, recs []*pb.UpdateRecord) map[string]*table {
	t.Helper()
	var d wire.Decoder
	out := map[string]*table{}
	for _, rec := range recs {
		p := rec.GetPosition()
		if p.GetCollector() == "" {
			continue
		}
		tb := out[p.GetCollector()]
		if tb == nil {
			tb = newTable()
			out[p.GetCollector()] = tb
		}
		switch b := rec.GetBody().(type) {
		case *pb.UpdateRecord_GapBegin:
			// A gap that replaces another starts with no touched pairs: its fill repeats the
			// messages received between the two.
			tb.touched, tb.whole = map[bgp.Peer]map[netip.Prefix]bool{}, map[bgp.Peer]bool{}
			tb.open = b.GapBegin.GetId()
		case *pb.UpdateRecord_GapEnd:
			if tb.open == b.GapEnd.GetId() {
				tb.open, tb.touched, tb.whole = "", nil, nil
			}
		default:
			fill := bgp.Lane(p.GetLane()).Kind() == bgp.LaneKindFill
			for _, c := range changesOf(t, &d, rec) {
				tb.apply(c, !fill)
			}
		}
	}
	return out
}

// compareStates reports some of the differences.
func compareStates(t testing.TB, want map[string][]change, got map[string]*table) {
	t.Helper()
	for _, c := range slices.Sorted(maps.Keys(want)) {
		ref := newTable()
		for _, ch := range want[c] {
			ref.apply(ch, true)
		}
		if got[c] == nil {
			t.Errorf("%s: nothing was written", c)
			continue
		}
		if got[c].open != "" {
			t.Errorf("%s: gap %s is still open", c, got[c].open)
		}
		w, g := ref.lines(), got[c].lines()
		if slices.Equal(w, g) {
			continue
		}
		var b bytes.Buffer
		n := 0
		for _, l := range w {
			if _, ok := slices.BinarySearch(g, l); !ok {
				if n++; n <= 5 {
					fmt.Fprintf(&b, "- %s\n", l)
				}
			}
		}
		for _, l := range g {
			if _, ok := slices.BinarySearch(w, l); !ok {
				if n++; n <= 10 {
					fmt.Fprintf(&b, "+ %s\n", l)
				}
			}
		}
		t.Errorf("%s: %d of %d routes differ (-want +got):\n%s", c, n, len(w), &b)
	}
}
