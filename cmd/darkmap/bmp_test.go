package main

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/dnstest"
	"github.com/darkmap/darkmap/internal/routertest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var hold = flag.Duration("bmp.hold", 0, "how long TestUpBMP waits at its end until a webhook was told of each of 200 prefixes that all routers take back, and as long until they are back; 10m is enough")

// TestUpBMP watches real routers through every stage, while sessions, routers and darkmap itself
// break. bgp.routes has every change in order, and withdraws only prefixes that a router took back.
// At the end it equals the routers' own tables. Outages are only of prefixes that were taken back.
func TestUpBMP(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := ln.Addr().(*net.TCPAddr).Port
	tap := routertest.NewTap(t, port)
	_ = ln.Close() // nothing was accepted
	lab := routertest.Start(t, tap.Port, routertest.FRR, routertest.GoBGP, routertest.FRR)
	tap.Watch(lab)
	var routers []string
	for _, r := range lab.Routers {
		routers = append(routers, fmt.Sprintf("{address: %v, name: %s}", tap.Address(r), r.Name))
	}
	names, told := dnstest.Start(t), newHook(t)
	names.Set(t, "www.example.net. 60 IN A "+hostAddress().String())
	settings := append(watching(told, names.Addr), "ingest.rislive.enabled=false", "ingest.archives=false", fmt.Sprintf("ingest.bmp.listen=:%d", port),
		"ingest.bmp.routers=["+strings.Join(routers, ", ")+"]",
		"detect.panel.min_voters=3", "detect.panel.min_collectors=1", "detect.panel.decide_interval=1m", "detect.panel.transfer_timeout=30s",
		"detect.panel.full_feed_in_permille=100", "detect.panel.full_feed_out_permille=50")
	if *hold > 0 {
		settings = append(settings, "detect.outage.open_after=2m", "detect.outage.close_after=2m")
	}
	o := newObservatory(t, settings...)
	script := routertest.Script{
		Lab:   lab,
		Tap:   tap,
		Start: func() { o.start(); o.eventually("it runs", func() bool { return o.feeds() != nil }) },
		Kill:  o.kill,
		Stop: func() {
			if err := o.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			_ = o.cmd.Wait() // its output is checked below
			o.cmd = nil
		},
		Read: func() *routertest.View { return o.routes() },
	}
	if *hold > 0 {
		for _, r := range lab.Routers {
			r.Announce(customers...)
		}
	}
	script.Run()
	o.showWithdrawn(&script)
	o.showMembers()
	if *hold > 0 {
		o.tellOfCustomers(&script, told, *hold)
	}
	gone := regexp.MustCompile(`[0-9a-f.:]+/[0-9]+`)
	for line := range strings.Lines(o.outages()) {
		t.Logf("outage: %s", strings.TrimSpace(line))
		if p := gone.FindString(line); p != "" && !script.Withdrawn[netip.MustParsePrefix(p)] {
			t.Errorf("an outage of what was never taken back: %s", line)
		}
	}
	rows := o.feeds()
	for _, r := range lab.Routers {
		if row := rows["bmp/"+r.Name]; row.PeersUp != 4 || row.State != "up" {
			t.Errorf("darkmap feeds: %s: %+v", r.Name, row)
		}
	}
}

// routes returns the state of the routes according to bgp.routes.
func (o *observatory) routes() *routertest.View {
	o.t.Helper()
	v := routertest.NewView()
	o.records(schemas.TopicRoutes, func(rec *kgo.Record) error {
		u := &pb.RouteRecord{}
		if err := u.UnmarshalVT(rec.Value); err != nil || u.GetClock() != nil {
			return err
		}
		pos := codec.ParsePosition(u.GetPosition())
		v.At(pos)
		c := pos.Collector
		switch b := u.GetBody().(type) {
		case *pb.RouteRecord_CollectorDown:
			v.CollectorDown(c)
		case *pb.RouteRecord_PeerUp:
			v.PeerUp(c, o.peer(b.PeerUp.GetPeer()))
		case *pb.RouteRecord_PeerDown:
			v.PeerDown(c, o.peer(b.PeerDown.GetPeer()))
		case *pb.RouteRecord_Changes:
			path := []bgp.ASN{}
			for _, s := range b.Changes.GetAsPath() {
				for _, asn := range s.GetAsns() {
					path = append(path, bgp.ASN(asn))
				}
			}
			v.Change(c, o.peer(b.Changes.GetPeer()), o.prefixes(b.Changes.GetWithdrawn()), o.prefixes(b.Changes.GetAnnounced()), path)
		}
		return nil
	})
	return v
}

func (o *observatory) peer(p *pb.Peer) netip.Addr {
	o.t.Helper()
	peer, err := codec.ParsePeer(p)
	if err != nil {
		o.t.Fatal(err)
	}
	return peer.Address
}

func (o *observatory) prefixes(list []*pb.Route) []netip.Prefix {
	o.t.Helper()
	var out []netip.Prefix
	for _, r := range list {
		p, err := codec.ParsePrefix(r.GetPrefix())
		if err != nil {
			o.t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
