package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/detect/panel"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Config){
		"panel.min_voters: got 2":                                   func(c *Config) { c.Panel.MinVoters = 2 },
		"beacons[0]: got 192.0.2.0/25, want a prefix of /8 to /24":  func(c *Config) { c.Beacons = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/25")} },
		"feeds.back_within: got 2m, want at most collector_timeout": func(c *Config) { c.Feeds.BackWithin = 2 * time.Minute },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

// TestInvalidRecords: invalid records return an error and change nothing.
func TestInvalidRecords(t *testing.T) {
	t.Parallel()
	bad := &pb.Peer{Address: []byte{1, 2, 3}, Asn: 1}
	f := newFeed(t, small())
	for _, body := range []any{
		&pb.RouteChanges{Peer: bad}, &pb.PeerUp{Peer: bad}, &pb.PeerDown{}, &pb.GapBegin{Peers: []*pb.Peer{bad}},
		&pb.GapBegin{Families: []pb.Family{9}},
	} {
		r := record("file/x", dawn, body)
		if err := f.detector.Apply(r, r.TimestampUs); !errors.Is(err, codec.ErrInvalid) {
			t.Errorf("%T: got %v, want codec.ErrInvalid", body, err)
		}
	}
	if len(f.detector.family(bgp.IPv4).peers) != 0 {
		t.Error("a refused record made a session")
	}
}

// TestIgnored: beacons, prefixes outside the limits and tables after policy make no rows.
func TestIgnored(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Beacons = []netip.Prefix{netip.MustParsePrefix("203.0.112.0/22")}
	f := newFeed(t, cfg)
	w := newWorld(t)
	for _, p := range []string{"84.205.64.0/24", "2001:7fb:fe01::/48", "203.0.113.0/24", "10.0.0.0/25", "10.0.0.0/7", "2001:db8::/64", "::/0"} {
		f.apply(record("file/x", dawn, &pb.RouteChanges{Peer: w.peer(0, 0), OriginAs: 64500, Announced: []*pb.Route{{Prefix: octets(t, netip.MustParsePrefix(p).Masked().String())}}}))
	}
	post := w.peer(0, 1)
	post.Table = pb.Table_TABLE_POST
	f.apply(record("file/x", dawn, &pb.RouteChanges{Peer: post, OriginAs: 64500, Announced: []*pb.Route{{Prefix: octets(t, "198.51.100.0/24")}}}))
	for _, fam := range f.detector.families {
		if n := fam.rib.Len(); n != 0 {
			t.Errorf("%v: %d prefixes, want none", fam.family, n)
		}
	}
}

// TestSessionCap: if there are too many new sessions, those with the lower keys stay, in any order.
func TestSessionCap(t *testing.T) {
	t.Parallel()
	for _, reverse := range []bool{false, true} {
		f := newFeed(t, small())
		var recs []*pb.RouteRecord
		for i := range MaxSessions + 50 {
			peer := codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), ASN: bgp.ASN(i + 1)}, netip.Addr{})
			recs = append(recs, record("file/x", dawn, &pb.RouteChanges{Peer: peer, OriginAs: 64500, Announced: []*pb.Route{{Prefix: octets(t, "198.51.100.0/24")}}}))
		}
		if reverse {
			slices.Reverse(recs)
		}
		for _, r := range recs {
			f.apply(r)
		}
		f.close()
		fam := f.detector.family(bgp.IPv4)
		var statuses []panel.Status
		statuses = append(statuses, fam.panel.Statuses(f.window)...)
		if len(statuses) != MaxSessions || statuses[len(statuses)-1].Session.Key.ASN != MaxSessions || fam.refused != 50 {
			t.Errorf("reverse %v: %d sessions, %d turned away", reverse, len(statuses), fam.refused)
		}
		if peers, prefixes := f.detector.Refused(); peers != 50 || prefixes != 0 {
			t.Errorf("reverse %v: got %d peers and %d prefixes refused, want 50 and 0", reverse, peers, prefixes)
		}
		f.apply(recs[len(recs)/2]) // the refused session may go on or stay silent, without effect
		f.close()
	}
}

// TestSessionCapPrefersTables: if peers that no table names have all slots, peers that a table
// names get slots, including those that were refused before.
func TestSessionCapPrefersTables(t *testing.T) {
	t.Parallel()
	f := newFeed(t, small())
	peer := func(i int) *pb.Peer {
		return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), ASN: bgp.ASN(i + 1)}, netip.Addr{})
	}
	prefix := octets(t, "198.51.100.0/24")
	f.apply(record("file/x", dawn, &pb.GapBegin{Id: "t"}))
	for i := range MaxSessions + 50 {
		f.apply(record("file/x", dawn, &pb.RouteChanges{Peer: peer(i), OriginAs: 64500, Announced: []*pb.Route{{Prefix: prefix}}}))
	}
	f.close()
	at := dawn + 60
	table := &pb.TableChunk{Id: "t", Family: pb.Family_FAMILY_IPV4, Prefixes: []*pb.TablePrefix{{Prefix: prefix, Paths: []*pb.TablePath{{OriginAs: 64500, Peers: []byte{0xff}}}}}}
	for i := range 8 { // two that have a slot, six of the refused
		table.Peers = append(table.Peers, peer(MaxSessions-2+i))
	}
	f.apply(record("file/x", at, table))
	f.apply(record("file/x", at, &pb.GapEnd{Id: "t", Complete: true, Peers: table.GetPeers()}))
	f.close()
	fam := f.detector.family(bgp.IPv4)
	var asns []bgp.ASN
	for _, p := range fam.panel.Statuses(f.window) {
		asns = append(asns, p.Session.Key.ASN)
	}
	if len(asns) != MaxSessions || asns[len(asns)-1] != MaxSessions+6 || slices.Contains(asns, MaxSessions-2) {
		t.Errorf("%d sessions, the last of AS%d: want the eight that have tables, and the lowest of the others", len(asns), asns[len(asns)-1])
	}
}

// TestTableOfOneFamily: after a table of IPv4 alone, IPv6 is learned from updates.
func TestTableOfOneFamily(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	k := octets(t, "2001:db8::/32")
	w.everybody(dawn+60, func(c, p int, at int64) {
		w.add(c, at, &pb.RouteChanges{Peer: w.peer(c, p), OriginAs: 64500, UpstreamAs: 64510, Announced: []*pb.Route{{Prefix: k}}})
	})
	w.everybody(dawn+600, func(c, p int, at int64) {
		w.add(c, at, &pb.RouteChanges{Peer: w.peer(c, p), Withdrawn: []*pb.Route{{Prefix: k}}})
	})
	f := w.run(dawn + 3600)
	if got := told(f, single); len(got) != 1 || got[0] != "2001:db8::/32 outage open 10-open" {
		t.Errorf("got %v, want the IPv6 prefix", got)
	}
	if got := f.detector.family(bgp.IPv4).panel.Knowledge(); got != bgp.TablesComplete {
		t.Errorf("IPv4: %v, want complete", got)
	}
}

// TestIncompleteTable: a table that was cut short is not whole, and its missing prefixes are not
// withdrawn.
func TestIncompleteTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	for c := range w.collectors { // a second table, cut after nothing
		w.add(c, dawn+hours, &pb.GapBegin{Id: "again"})
		w.add(c, dawn+hours+30, &pb.GapEnd{Id: "again"})
	}
	f := w.run(dawn + 3*hours)
	if got := told(f, single, country, as); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
	if _, ok := (view{f.detector.family(bgp.IPv4)}).Panel(bgp.IPv4); ok {
		t.Error("verdicts without tables")
	}
}

// TestHole: after a hole between files, the table of a session that came up before it is unknown.
func TestHole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	up := dawn + hours
	w.add(0, up, &pb.PeerUp{Peer: w.peer(0, 0)})
	w.announce(0, 0, up+10, w.networks...)
	w.add(0, up+120, &pb.GapBegin{Id: "hole/1"})
	w.add(0, up+300, &pb.GapEnd{Id: "hole/1"})
	w.announce(0, 0, up+400, w.networks[:3]...)
	f := w.run(up + hours)
	for _, p := range f.detector.family(bgp.IPv4).panel.Statuses(f.window) {
		if c0 := p.Session.Key.Collector == collectorName(0); p.Votes == c0 {
			t.Errorf("%v: votes %v (%s)", p.Session.Key, p.Votes, p.Reason)
		}
	}
	if got := told(f, single, country, as); got != nil {
		t.Errorf("got %v, want nothing", got)
	}
}

// TestRecords checks the records of an outage, of the panel, and of visibility.
func TestRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tables()
	w.gone(dawn+2*hours, w.in("KP")...)
	f := w.run(dawn + 4*hours)
	count := map[string]int{}
	panels, world := 0, uint64(0)
	for _, o := range f.outs {
		count[o.Topic]++
		switch r := o.Record.(type) {
		case *pb.PanelRecord:
			panels++
			if r.Voters != 32 || r.Collectors != 8 || r.MinVoters != 3 || len(r.Peers) != 32 || r.Table != pb.TableKnowledge_TABLE_KNOWLEDGE_COMPLETE || r.Peers[0].Prefixes == 0 {
				t.Errorf("panel: %v", r)
			}
		case *pb.VisibilityRecord:
			if r.Entity.Code == "world" {
				world = r.Space
			}
			if want := fmt.Sprintf("ipv4/%v/%s", bgp.EntityType(r.Entity.Type), r.Entity.Code); string(o.Key) != want {
				t.Errorf("key %s, want %s", o.Key, want)
			}
			if r.Entity.Code == "KP" && r.Entity.Name != "North Korea" {
				t.Errorf("name %q, want North Korea", r.Entity.Name)
			}
			if r.Entity.Code == "KP" && (r.GetUsualSpace() != 4<<8 || r.GetUsualPrefixes() != 4) {
				t.Errorf("usual: %v", r)
			}
		case *pb.OutageRecord:
			if string(o.Key) != r.Id || len(r.Json) == 0 || r.Family != pb.Family_FAMILY_IPV4 || r.DecidedAtUs%60e6 != 0 {
				t.Errorf("outage: %v", r)
			}
		}
	}
	if panels != 17 { // the first one and 16 quarter hours
		t.Errorf("%d panels, want 17", panels)
	}
	if world != 40<<16 {
		t.Errorf("world: %d addresses at last, want those of 40 /16s", world)
	}
	for _, r := range f.final() {
		var o bgp.Outage
		if err := json.Unmarshal(r.Json, &o); err != nil {
			t.Fatal(err)
		}
		if r.Entity.Code == "KP" && (o.Baseline != bgp.Size{Prefixes: 4, Space: 400}) {
			t.Errorf("baseline %+v, want the usual of the visibility records", o.Baseline)
		}
	}
	for _, topic := range []string{schemas.TopicOutages, schemas.TopicPanel, schemas.TopicVisibility, schemas.TopicPrefixes} {
		if count[topic] == 0 {
			t.Errorf("nothing for %s", topic)
		}
	}
}
