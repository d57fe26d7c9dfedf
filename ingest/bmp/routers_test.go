package bmp_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routertest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// observatory is a station of its own process, in front of real routers, and what its log says.
type observatory struct {
	t       *testing.T
	kafka   kafka.Config
	lab     *routertest.Lab
	config  bmp.Config
	process *kafkatest.Process
	// withdrawn is what routers really took back.
	withdrawn map[route]bool
}

// route is a prefix as a router originates it.
type route struct {
	router string
	prefix netip.Prefix
}

func (o *observatory) start() {
	o.t.Helper()
	text, err := json.Marshal(job{Config: o.config})
	if err != nil {
		o.t.Fatal(err)
	}
	o.process = kafkatest.Start(o.t, "station", o.kafka, string(text))
}

// announced and taken tell a router what to originate.
func (o *observatory) announce(r *routertest.Router, prefixes ...netip.Prefix) {
	r.Announce(prefixes...)
}

func (o *observatory) withdraw(r *routertest.Router, prefixes ...netip.Prefix) {
	for _, p := range prefixes {
		o.withdrawn[route{r.Name, p}] = true
	}
	r.Withdraw(prefixes...)
}

// table is the AS path by prefix, peers what a collector's peers hold by address.
type (
	table map[netip.Prefix][]bgp.ASN
	peers map[netip.Addr]table
)

// view is the state that bgp.updates says, computed as any reader would.
type view struct {
	t          *testing.T
	collectors map[string]peers
	last       map[string]bgp.Position
	decoder    wire.Decoder
	// changes lists them all by collector, peer and prefix: A, W, and | where the peer or the collector went down.
	changes   map[string]string
	withdrawn map[string][]netip.Prefix // by collector and peer
	ended     map[string]int            // End-of-RIB
	story     []string
}

func key(collector string, peer netip.Addr, p netip.Prefix) string {
	return fmt.Sprintf("%s %v %v", collector, peer, p)
}

func (o *observatory) read() *view {
	o.t.Helper()
	v := &view{o.t, map[string]peers{}, map[string]bgp.Position{}, wire.Decoder{}, map[string]string{}, map[string][]netip.Prefix{}, map[string]int{}, nil}
	for _, rec := range kafkatest.Read(o.t, o.kafka, schemas.TopicUpdates) {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(rec.Value); err != nil {
			o.t.Fatal(err)
		}
		if u.GetClock() == nil {
			v.apply(u)
		}
	}
	return v
}

func (v *view) apply(u *pb.UpdateRecord) {
	v.t.Helper()
	pos := codec.ParsePosition(u.GetPosition())
	c := pos.Collector
	if last := v.last[c]; last.Collector != "" && !pos.After(last) {
		v.t.Errorf("%v stands behind %v", pos, last)
	}
	v.last[c] = pos
	if u.GetTick() == nil {
		v.story = append(v.story, fmt.Sprintf("%v %v", pos, u))
	}
	for _, p := range []*pb.Peer{u.GetPeerUp().GetPeer(), u.GetPeerDown().GetPeer(), u.GetBgpMessage().GetPeer()} {
		if p != nil && p.GetTable() != pb.Table_TABLE_PRE {
			v.t.Errorf("%s speaks of a table that it was not asked for: %v", c, u)
		}
	}
	switch b := u.GetBody().(type) {
	case *pb.UpdateRecord_CollectorDown:
		for p := range v.collectors[c] {
			v.drop(c, p)
		}
	case *pb.UpdateRecord_PeerUp:
		v.drop(c, v.peer(b.PeerUp.GetPeer()))
		if v.collectors[c] == nil {
			v.collectors[c] = peers{}
		}
		v.collectors[c][v.peer(b.PeerUp.GetPeer())] = table{}
	case *pb.UpdateRecord_PeerDown:
		v.drop(c, v.peer(b.PeerDown.GetPeer()))
	case *pb.UpdateRecord_BgpMessage:
		v.message(c, b.BgpMessage)
	}
}

func (v *view) peer(p *pb.Peer) netip.Addr {
	v.t.Helper()
	peer, err := codec.ParsePeer(p)
	if err != nil {
		v.t.Fatal(err)
	}
	return peer.Address
}

// drop forgets a peer's routes.
func (v *view) drop(c string, p netip.Addr) {
	for prefix := range v.collectors[c][p] {
		v.changes[key(c, p, prefix)] += "|"
	}
	delete(v.collectors[c], p)
}

func (v *view) message(c string, m *pb.BGPMessage) {
	v.t.Helper()
	p := v.peer(m.GetPeer())
	held, up := v.collectors[c][p]
	if !up {
		v.t.Errorf("%s: a message of peer %v, which is not up", c, p)
		return
	}
	_, body, err := wire.SplitMessage(m.GetRaw())
	if err != nil {
		v.t.Fatal(err)
	}
	u, err := v.decoder.DecodeUpdate(body, wire.Options{ASOctets: uint8(m.GetAsOctets()), AddPathIPv4: m.GetAddPathIpv4(), AddPathIPv6: m.GetAddPathIpv6()})
	if err != nil || u.Malformed != nil {
		v.t.Fatalf("%s, peer %v: %v, %v in %x", c, p, err, u, m.GetRaw())
	}
	for _, n := range u.Withdrawn {
		delete(held, n.Prefix)
		v.changes[key(c, p, n.Prefix)] += "W"
		v.withdrawn[fmt.Sprintf("%s %v", c, p)] = append(v.withdrawn[fmt.Sprintf("%s %v", c, p)], n.Prefix)
	}
	for _, n := range u.Announced {
		path := []bgp.ASN{}
		for _, s := range u.Attributes.Path {
			path = append(path, s.ASNs...)
		}
		held[n.Prefix] = path
		v.changes[key(c, p, n.Prefix)] += "A"
	}
	v.ended[fmt.Sprintf("%s %v", c, p)] += len(u.EndOfRIB)
}

// agree waits until the log says what the routers' own tables say.
func (o *observatory) agree(what string) *view {
	o.t.Helper()
	o.lab.Wait()
	var v *view
	begun := time.Now()
	o.t.Cleanup(func() {
		if o.t.Failed() && v != nil {
			o.t.Logf("%s", strings.Join(v.story, "\n"))
		}
	})
	routertest.Eventually(o.t, 20*time.Second, func() error {
		v = o.read()
		for _, r := range o.lab.Routers {
			if !r.Running() {
				continue
			}
			for n, want := range r.Tables() {
				got := v.collectors["bmp/"+r.Name][n.Address]
				if n.Router.Running() && got == nil {
					return fmt.Errorf("%s: %s: peer %v is not up", what, r.Name, n.Address)
				}
				if diff := cmp.Diff(map[netip.Prefix][]bgp.ASN(want), map[netip.Prefix][]bgp.ASN(got), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" && len(want)+len(got) > 0 {
					return fmt.Errorf("%s: %s, peer %v (-own +log):\n%s", what, r.Name, n.Address, diff)
				}
			}
		}
		return nil
	})
	o.t.Logf("%s: the log agrees after %v", what, time.Since(begun).Round(time.Millisecond))
	return v
}

// TestRouters: three real routers with six sessions, of both families. Whatever happens to sessions, routers and the station, the log
// says every change in order, no withdrawal but what was taken back, and in the end what the routers' own tables say.
func TestRouters(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free for a moment
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lab := routertest.Start(t, port, routertest.FRR, routertest.GoBGP, routertest.FRR)
	o := &observatory{t: t, kafka: kafkatest.New(t, 1), lab: lab, config: bmp.DefaultConfig(), withdrawn: map[route]bool{}}
	o.config.Listen = fmt.Sprintf(":%d", port)
	for _, r := range lab.Routers {
		o.config.Routers = append(o.config.Routers, bmp.Router{Address: r.Address.String(), Name: r.Name})
	}
	a, b, c := lab.Routers[0], lab.Routers[1], lab.Routers[2]
	for i, r := range lab.Routers {
		o.announce(r, nets(i, 0, 5)...)
	}
	lab.Wait() // sessions and tables that are there before the station
	o.start()
	o.agree("start")
	o.flip(a, b, c)
	a.Clear(a.Neighbours()[0]) // with b, IPv4
	c.Clear(c.Neighbours()[1]) // with a, IPv6
	lab.Wait()
	o.agree("sessions cleared")
	for _, r := range lab.Routers {
		r.Kill()
		o.agree(r.Name + " killed")
		r.Start()
		o.agree(r.Name + " started")
	}
	o.process.Kill()
	o.withdraw(b, nets(1, 0, 2)...)
	o.announce(c, nets(2, 5, 8)...)
	lab.Wait()
	o.start()
	o.agree("station killed and started")
	o.process.Stop()
	o.withdraw(a, nets(0, 3, 5)...)
	lab.Wait()
	o.start()
	o.onlyWithdrawn(o.agree("station stopped and started"))
}

// nets are prefixes from to to of a router, of both families.
func nets(router, from, to int) []netip.Prefix {
	var all []netip.Prefix
	for i := from; i < to; i++ {
		all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 51, byte(100 + router), byte(16 * i)}), 28),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(router), byte(i)}), 48))
	}
	return all
}

// flip announces and withdraws prefixes of each router, one change at a time: the log has each of them at each neighbour.
func (o *observatory) flip(routers ...*routertest.Router) {
	o.t.Helper()
	const flips = 3
	var v *view
	for range flips {
		for i, r := range routers {
			o.announce(r, nets(i, 10, 11)...)
		}
		o.agree("announced")
		for i, r := range routers {
			o.withdraw(r, nets(i, 10, 11)...)
		}
		v = o.agree("withdrawn")
	}
	for i, r := range routers {
		for _, n := range r.Neighbours() {
			prefix := nets(i, 10, 11)[n.Family-1]
			mine := slices.IndexFunc(n.Router.Neighbours(), func(m routertest.Neighbour) bool { return m.Router == r && m.Family == n.Family })
			k := key("bmp/"+n.Router.Name, n.Router.Neighbours()[mine].Address, prefix)
			if got := v.changes[k]; got != strings.Repeat("AW", flips) {
				o.t.Errorf("%s: changes %q, want %q", k, got, strings.Repeat("AW", flips))
			}
		}
	}
}

// onlyWithdrawn: a withdrawal in the log is of what the router took back.
func (o *observatory) onlyWithdrawn(v *view) {
	o.t.Helper()
	total := 0
	for _, r := range o.lab.Routers {
		for _, n := range r.Neighbours() {
			for _, p := range v.withdrawn[fmt.Sprintf("bmp/%s %v", r.Name, n.Address)] {
				total++
				if !o.withdrawn[route{n.Router.Name, p}] {
					o.t.Errorf("%s: %v withdrawn by %s, which did not take it back: %q", r.Name, p, n.Router.Name, v.changes[key("bmp/"+r.Name, n.Address, p)])
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(v.ended)) {
		o.t.Logf("End-of-RIB: %s %d", k, v.ended[k])
	}
	o.t.Logf("%d withdrawals, all of what was taken back", total)
}
