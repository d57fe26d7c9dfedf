package bmp_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"testing"

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

// TestRouters runs three real routers with six sessions, of both families. Whatever happens to
// sessions, routers and the station, the log contains every change in order, no withdrawal that a
// router did not send, and in the end the routers' own tables.
func TestRouters(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free for the moment
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tap := routertest.NewTap(t, port)
	lab := routertest.Start(t, tap.Port, routertest.FRR, routertest.GoBGP, routertest.FRR)
	tap.Watch(lab)
	cfg := kafkatest.New(t, 1)
	bc := bmp.DefaultConfig()
	bc.Listen = fmt.Sprintf(":%d", port)
	for _, r := range lab.Routers {
		bc.Routers = append(bc.Routers, bmp.Router{Address: tap.Address(r).String(), Name: r.Name})
	}
	text, err := json.Marshal(job{Config: bc})
	if err != nil {
		t.Fatal(err)
	}
	var p *kafkatest.Process
	script := routertest.Script{
		Lab:   lab,
		Start: func() { p = kafkatest.Start(t, "station", cfg, string(text)) },
		Kill:  func() { p.Kill() },
		Stop:  func() { p.Stop() },
		Read:  func() *routertest.View { return readUpdates(t, cfg) },
		Tap:   tap,
	}
	script.Run()
}

// readUpdates computes the state from bgp.updates, as any reader does.
func readUpdates(t *testing.T, cfg kafka.Config) *routertest.View {
	t.Helper()
	v := routertest.NewView()
	var d wire.Decoder
	for _, rec := range kafkatest.Read(t, cfg, schemas.TopicUpdates) {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(rec.Value); err != nil {
			t.Fatal(err)
		}
		if u.GetClock() != nil {
			continue
		}
		pos := codec.ParsePosition(u.GetPosition())
		v.At(pos)
		switch b := u.GetBody().(type) {
		case *pb.UpdateRecord_CollectorDown:
			v.CollectorDown(pos.Collector)
		case *pb.UpdateRecord_PeerUp:
			v.PeerUp(pos.Collector, peerAddress(t, b.PeerUp.GetPeer()))
		case *pb.UpdateRecord_PeerDown:
			v.PeerDown(pos.Collector, peerAddress(t, b.PeerDown.GetPeer()))
		case *pb.UpdateRecord_BgpMessage:
			change(t, v, &d, pos.Collector, b.BgpMessage)
		}
	}
	return v
}

func peerAddress(t *testing.T, p *pb.Peer) netip.Addr {
	t.Helper()
	peer, err := codec.ParsePeer(p)
	if err != nil {
		t.Fatal(err)
	}
	if peer.Table != bgp.TablePre {
		t.Errorf("peer %v: a table that was not asked for", peer)
	}
	return peer.Address
}

func change(t *testing.T, v *routertest.View, d *wire.Decoder, collector string, m *pb.BGPMessage) {
	t.Helper()
	_, body, err := wire.SplitMessage(m.GetRaw())
	if err != nil {
		t.Fatal(err)
	}
	u, err := d.DecodeUpdate(body, wire.Options{ASOctets: uint8(m.GetAsOctets()), AddPathIPv4: m.GetAddPathIpv4(), AddPathIPv6: m.GetAddPathIpv6()})
	if err != nil || u.Malformed != nil {
		t.Fatalf("%s: %v, %v in %x", collector, err, u, m.GetRaw())
	}
	path := []bgp.ASN{}
	for _, s := range u.Attributes.Path {
		path = append(path, s.ASNs...)
	}
	v.Change(collector, peerAddress(t, m.GetPeer()), prefixes(u.Withdrawn), prefixes(u.Announced), path)
}

func prefixes(list []wire.NLRI) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, n := range list {
		out[i] = n.Prefix
	}
	return out
}
