package bootstrap_test

import (
	"context"
	"fmt"
	"math/bits"
	"net/netip"
	"sync"
	"testing"

	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/ingest/archive/archivetest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// state applies bgp.updates to detect's own tables, as detect does. It replaces the broker.
type state struct {
	mu       sync.Mutex
	decoder  wire.Decoder
	tables   [2]*rib.Table
	slots    map[bgp.PeerKey]*[2]int
	gaps     map[string]string     // by collector: the open gap
	complete map[bgp.PeerKey]bool  // peers with a complete table
	ends     map[string]*pb.GapEnd // by collector: the last one
	kinds    map[string]int        // records by collector and kind of lane
	bytes    int
	err      error
}

func newState() *state {
	return &state{
		tables: [2]*rib.Table{rib.New(bgp.IPv4), rib.New(bgp.IPv6)}, slots: map[bgp.PeerKey]*[2]int{}, gaps: map[string]string{},
		complete: map[bgp.PeerKey]bool{}, ends: map[string]*pb.GapEnd{}, kinds: map[string]int{},
	}
}

func (s *state) ProduceAll(context.Context, []byte) error { return nil }

func (s *state) Produce(_ context.Context, _ string, value []byte) error {
	var rec pb.UpdateRecord
	if err := rec.UnmarshalVT(value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += len(value)
	kind, id := bgp.ParseLane(rec.GetPosition().GetLane())
	name := rec.GetPosition().GetCollector()
	s.kinds[name+" "+string(kind)]++
	switch b := rec.GetBody().(type) {
	case *pb.UpdateRecord_GapBegin:
		s.gaps[name] = b.GapBegin.GetId()
		for k, x := range s.slots {
			if k.Collector == name {
				s.complete[k] = false
				s.tables[0].BeginGap(x[0])
				s.tables[1].BeginGap(x[1])
			}
		}
	case *pb.UpdateRecord_GapEnd:
		if s.gaps[name] == b.GapEnd.GetId() {
			s.end(name, b.GapEnd)
		}
	case *pb.UpdateRecord_TableChunk:
		if s.gaps[name] == b.TableChunk.GetId() {
			return s.chunk(name, b.TableChunk)
		}
	case *pb.UpdateRecord_BgpMessage:
		if kind != bgp.LaneKindFill || s.gaps[name] == id {
			return s.message(name, b.BgpMessage, kind == bgp.LaneKindFill)
		}
	case *pb.UpdateRecord_PeerDown:
		p, err := codec.ParsePeer(b.PeerDown.GetPeer())
		if err != nil {
			return err
		}
		for i, slot := range s.slot(name, p) {
			if kind == bgp.LaneKindFill {
				s.tables[i].FillDown(slot)
			}
		}
	}
	return nil
}

func (s *state) slot(name string, p bgp.Peer) [2]int {
	k := bgp.PeerKey{Collector: name, Peer: p}
	x := s.slots[k]
	if x == nil {
		x = new([2]int)
		for i, t := range s.tables {
			x[i], _ = t.AddSlot()
			if s.gaps[name] != "" {
				t.BeginGap(x[i])
			}
		}
		s.slots[k] = x
	}
	return *x
}

func (s *state) end(name string, in *pb.GapEnd) {
	delete(s.gaps, name)
	s.ends[name] = in
	named := map[bgp.Peer]bool{}
	for _, p := range in.GetPeers() {
		k, err := codec.ParsePeer(p)
		if err != nil {
			s.err = err
		}
		named[k] = true
	}
	for k, x := range s.slots {
		if k.Collector != name {
			continue
		}
		o := rib.Unknown
		switch {
		case in.GetComplete() && in.GetFilled():
			o = rib.Filled
		case in.GetComplete() && named[k.Peer]:
			o = rib.Tabled
		}
		s.complete[k] = o != rib.Unknown
		s.tables[0].EndGap(o, x[0])
		s.tables[1].EndGap(o, x[1])
	}
}

func (s *state) chunk(name string, in *pb.TableChunk) error {
	i := int(in.GetFamily()) - int(bgp.IPv4)
	slots := make([]int, len(in.GetPeers()))
	for j, p := range in.GetPeers() {
		k, err := codec.ParsePeer(p)
		if err != nil {
			return err
		}
		slots[j] = s.slot(name, k)[i]
	}
	for _, tp := range in.GetPrefixes() {
		_, key, ok := rib.ParseKey(tp.GetPrefix())
		if !ok {
			return fmt.Errorf("prefix %x", tp.GetPrefix())
		}
		row, _ := s.tables[i].TableRow(key)
		for _, path := range tp.GetPaths() {
			mask := make([]uint64, s.tables[i].Words())
			for n, b := range path.GetPeers() {
				for x := b; x != 0; x &= x - 1 {
					slot := slots[8*n+bits.TrailingZeros8(x)]
					mask[slot>>6] |= 1 << (slot & 63)
				}
			}
			s.tables[i].Tabulate(mask, row, bgp.ASN(path.GetOriginAs()), bgp.ASN(path.GetUpstreamAs()))
		}
	}
	return nil
}

func (s *state) message(name string, m *pb.BGPMessage, fill bool) error {
	p, err := codec.ParsePeer(m.GetPeer())
	if err != nil {
		return err
	}
	u, err := s.decoder.DecodeUpdate(m.GetRaw()[wire.HeaderLength:], wire.Options{ASOctets: uint8(m.GetAsOctets())})
	if err != nil {
		return err
	}
	slots := s.slot(name, p)
	for _, n := range u.Withdrawn {
		i, k := key(n.Prefix)
		if fill {
			s.tables[i].FillWithdraw(slots[i], k, 0, true)
		} else {
			s.tables[i].Withdraw(slots[i], k, 0, true)
		}
	}
	for _, n := range u.Announced {
		i, k := key(n.Prefix)
		path := u.Attributes.Path
		if fill {
			s.tables[i].FillAnnounce(slots[i], k, 0, path.Origin(), path.Upstream())
		} else {
			s.tables[i].Announce(slots[i], k, 0, path.Origin(), path.Upstream())
		}
	}
	return nil
}

func key(p netip.Prefix) (int, rib.Key) {
	f, k, _ := rib.KeyOf(p)
	return int(f) - int(bgp.IPv4), k
}

// compare checks that every peer's table has the state of w after changes, by collector, in order.
func (s *state) compare(t *testing.T, w *archivetest.World, changes [][]archivetest.Change) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		t.Fatal(s.err)
	}
	wrong := 0
	for c, name := range w.Collectors {
		// computed separately: each peer's last change of each prefix
		version := make([][]int8, w.Peers)
		for p := range version {
			version[p] = make([]int8, w.Prefixes)
			for i := range version[p] {
				version[p][i] = 1
			}
		}
		for _, ch := range changes[c] {
			version[ch.Peer][ch.Prefix] = int8(ch.Version)
		}
		for i := range w.Prefixes {
			f, k := key(w.Prefix(i))
			row, ok := s.tables[f].Row(k)
			for p := range w.Peers {
				want := "absent"
				if v := version[p][i]; v != 0 {
					o, u := w.Route(c, p, i, int(v))
					want = fmt.Sprintf("%d %d", o, u)
				}
				if got := s.route(f, row, ok, bgp.PeerKey{Collector: name, Peer: w.Peer(c, p)}); got != want {
					if wrong++; wrong < 10 {
						t.Errorf("%s peer %d, %v (version %d): got %s, want %s", name, p, w.Prefix(i), version[p][i], got, want)
					}
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d routes are wrong", wrong, w.Prefixes*w.Peers*len(w.Collectors))
	}
}

func (s *state) route(f int, row rib.Row, ok bool, k bgp.PeerKey) string {
	x := s.slots[k]
	if !ok || x == nil || s.tables[f].Held(row)[x[f]>>6]&(1<<(x[f]&63)) == 0 {
		return "absent"
	}
	got := "held from nowhere"
	s.tables[f].EachPair(row, func(o, u bgp.ASN, slots []uint64) {
		if slots[x[f]>>6]&(1<<(x[f]&63)) != 0 {
			got = fmt.Sprintf("%d %d", o, u)
		}
	})
	return got
}
