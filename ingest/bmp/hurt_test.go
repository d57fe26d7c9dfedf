package bmp_test

import (
	"bytes"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var route24 = netip.MustParsePrefix("198.51.100.0/24")

// hear runs a session with messages after its Initiation, to its end.
func hear(t *testing.T, cfg bmp.Config, messages ...[]byte) *streamtest.Set {
	t.Helper()
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	st, err := bmp.New(cfg, bmp.Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Drain: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Hear(t.Context(), append(bmptest.Initiation("x"), bytes.Join(messages, nil)...)); err != nil {
		t.Fatal(err)
	}
	return set
}

// session returns the records of a session between its begin and its end, and the number of dead
// letters.
func session(t *testing.T, set *streamtest.Set) (bodies []string, dead int) {
	t.Helper()
	all := streamtest.Bodies(set.Updates.Updates(t), "bmp/edge1", "live")
	return all[len(opening) : len(all)-1], len(set.Dead())
}

// TestMalformedPeerDown checks that a Peer Down with an unreadable reason takes the peer down, and
// is a dead letter.
func TestMalformedPeerDown(t *testing.T) {
	t.Parallel()
	p := bmptest.Neighbour(1)
	for _, tt := range []struct {
		name string
		down []byte
		dead int
		why  string
	}{
		{"sound", bmptest.PeerDown(p, 4), 0, "remote system closed without notification"},
		{"no reason", bmptest.OfPeer(wire.BMPPeerDown, p, nil), 1, "no reason given"},
		{"no NOTIFICATION", bmptest.PeerDown(p, 1), 1, "local system closed"},
		{"half a NOTIFICATION", bmptest.PeerDown(p, 3, 1, 2, 3), 1, "remote system closed"},
		{"a KEEPALIVE", bmptest.PeerDown(p, 3, wire.AppendMessage(nil, wire.MessageKeepalive, nil)...), 1, "remote system closed"},
		{"no event", bmptest.PeerDown(p, 2), 1, "local system closed, FSM event 0"},
	} {
		set := hear(t, settings(), bmptest.PeerUp(p), bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN)), tt.down)
		got, dead := session(t, set)
		if diff := cmp.Diff([]string{"PeerUp", "BgpMessage", "PeerDown"}, got); diff != "" || dead != tt.dead {
			t.Errorf("%s: %d dead letters, want %d; records (-want +got):\n%s", tt.name, dead, tt.dead, diff)
		}
		feeds := set.Feeds.Feeds(t)
		if got := feeds[len(feeds)-2].GetReason(); got != tt.why {
			t.Errorf("%s: got reason %q, want %q", tt.name, got, tt.why)
		}
	}
}

// TestMalformedPeerUp checks that an unreadable Peer Up still counts, and is a dead letter. The
// peer's later messages are passed on.
func TestMalformedPeerUp(t *testing.T) {
	t.Parallel()
	p := bmptest.Neighbour(1)
	up := bmptest.PeerUp(p)
	// after sound OPENs
	stray := bmptest.Message(wire.BMPPeerUp, append(up[wire.BMPHeaderLength:len(up):len(up)], 0, 0, 0))
	cut := bmptest.Message(wire.BMPPeerUp, up[wire.BMPHeaderLength:len(up)-1])
	route := bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN))
	for name, bad := range map[string][]byte{"stray octets": stray, "cut": cut} {
		set := hear(t, settings(), up, route, bmptest.PeerDown(p, 4), bad, route, bad, route)
		got, dead := session(t, set)
		want := []string{"PeerUp", "BgpMessage", "PeerDown", "PeerUp", "BgpMessage", "PeerUp", "BgpMessage"}
		if diff := cmp.Diff(want, got); diff != "" || dead != 2 {
			t.Errorf("%s: %d dead letters, want 2; records (-want +got):\n%s", name, dead, diff)
		}
	}
}

// TestLostUpdate checks that an UPDATE with an unreadable header is passed on unreadable. One with
// further octets after it is passed on, and is a dead letter, too.
func TestLostUpdate(t *testing.T) {
	t.Parallel()
	p := bmptest.Neighbour(1)
	update := bmptest.Announce(route24, p.ASN)
	route := bmptest.Monitoring(p, update)
	noMarker := append(make([]byte, 16), update[16:]...)
	for _, tt := range []struct {
		name string
		body []byte
		dead int
	}{{"no octet", nil, 0}, {"12 octets", update[:12], 0}, {"no marker", noMarker, 0}, {"octets behind", append(slices.Clone(update), 1, 2, 3), 1}} {
		got, dead := session(t, hear(t, settings(), bmptest.PeerUp(p), route, bmptest.Monitoring(p, tt.body), route))
		if diff := cmp.Diff([]string{"PeerUp", "BgpMessage", "BgpMessage", "BgpMessage"}, got); diff != "" || dead != tt.dead {
			t.Errorf("%s: %d dead letters, want %d; records (-want +got):\n%s", tt.name, dead, tt.dead, diff)
		}
	}
}

// TestLinkLocal checks that two neighbours with the same link-local address are distinguished by
// their AS.
func TestLinkLocal(t *testing.T) {
	t.Parallel()
	a := bmptest.Peer{Address: netip.MustParseAddr("fe80::1"), ASN: 64500, BGPID: [4]byte{1, 1, 1, 1}}
	b := bmptest.Peer{Address: a.Address, ASN: 64501, BGPID: [4]byte{2, 2, 2, 2}}
	route := func(p bmptest.Peer) []byte { return bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN)) }
	set := hear(t, settings(), bmptest.PeerUp(a), bmptest.PeerUp(b), route(a), route(b), bmptest.PeerDown(a, 4), route(b))
	got, dead := session(t, set)
	if diff := cmp.Diff([]string{"PeerUp", "PeerUp", "BgpMessage", "BgpMessage", "PeerDown", "BgpMessage"}, got); diff != "" || dead != 0 {
		t.Errorf("%d dead letters, want none; records (-want +got):\n%s", dead, diff)
	}
}

// TestOwnAS checks that the router's AS is also removed from the paths of a neighbour whose OPENs
// the router has lost (FRR 8.4), once another neighbour's OPEN contains it.
func TestOwnAS(t *testing.T) {
	t.Parallel()
	const own = 64510
	p, q := bmptest.Neighbour(1), bmptest.Neighbour(2)
	up := func(p bmptest.Peer, sent, received []byte) []byte {
		return bmptest.OfPeer(wire.BMPPeerUp, p, slices.Concat(make([]byte, 20), sent, received))
	}
	forgotten := wire.AppendMessage(nil, wire.MessageOpen, nil)
	route := bmptest.Monitoring(p, bmptest.Announce(route24, own, p.ASN))
	for _, tt := range []struct {
		name     string
		messages [][]byte
		want     []byte
	}{
		{"nobody says it", [][]byte{up(p, forgotten, forgotten), route}, bmptest.Announce(route24, own, p.ASN)},
		{"another says it", [][]byte{up(p, forgotten, forgotten), up(q, bmptest.Open(own), bmptest.Open(q.ASN)), route}, bmptest.Announce(route24, p.ASN)},
		{"another said it", [][]byte{up(q, bmptest.Open(own), bmptest.Open(q.ASN)), up(p, forgotten, forgotten), route}, bmptest.Announce(route24, p.ASN)},
	} {
		recs := hear(t, settings(), tt.messages...).Updates.Updates(t)
		if got := recs[len(recs)-2].GetBgpMessage().GetRaw(); !bytes.Equal(got, tt.want) {
			t.Errorf("%s: got %x, want %x", tt.name, got, tt.want)
		}
	}
}

// TestShort checks that a message too short for its type is a dead letter, and the session
// continues.
func TestShort(t *testing.T) {
	t.Parallel()
	p := bmptest.Neighbour(1)
	for n := range 42 {
		set := hear(t, settings(), bmptest.PeerUp(p), bmptest.Message(wire.BMPStatistics, make([]byte, n)), bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN)))
		got, dead := session(t, set)
		if diff := cmp.Diff([]string{"PeerUp", "BgpMessage"}, got); diff != "" || dead != 1 {
			t.Fatalf("%d octets: %d dead letters, want 1; records (-want +got):\n%s", n, dead, diff)
		}
	}
}

// TestDynamicPeers checks that neighbours that come and go with new addresses replace those that
// are down.
func TestDynamicPeers(t *testing.T) {
	t.Parallel()
	cfg := settings()
	cfg.MaxPeers = 4
	route := func(p bmptest.Peer) []byte { return bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN)) }
	lasting := bmptest.Neighbour(100)
	messages := [][]byte{bmptest.PeerUp(lasting)}
	want := []string{"PeerUp"}
	for i := range byte(6) {
		p := bmptest.Neighbour(i + 1)
		post := p
		post.Flags = bmptest.FlagPost
		messages = append(messages, bmptest.PeerUp(p), route(p), route(post), bmptest.PeerDown(p, 4), route(p), route(lasting))
		want = append(want, "PeerUp", "BgpMessage", "PeerUp", "BgpMessage", "PeerDown", "PeerDown", "BgpMessage")
	}
	got, dead := session(t, hear(t, cfg, messages...))
	if diff := cmp.Diff(want, got); diff != "" || dead != 6 { // the routes of those that are down
		t.Errorf("%d dead letters, want 6; records (-want +got):\n%s", dead, diff)
	}
	messages, want = nil, nil
	for i := range byte(6) { // all at once
		messages, want = append(messages, bmptest.PeerUp(bmptest.Neighbour(i+1))), append(want, "PeerUp")
	}
	got, dead = session(t, hear(t, cfg, messages...))
	if diff := cmp.Diff(want[:4], got); diff != "" || dead != 2 {
		t.Errorf("%d dead letters, want 2; records (-want +got):\n%s", dead, diff)
	}
}

// TestUpAgain checks that a Peer Up of a neighbour that is up voids all of its tables, and is
// written for each that is up.
func TestUpAgain(t *testing.T) {
	t.Parallel()
	pre := bmptest.Neighbour(1)
	post, again := pre, pre
	post.Flags, again.BGPID = bmptest.FlagPost, [4]byte{192, 0, 2, 99}
	route := func(p bmptest.Peer) []byte { return bmptest.Monitoring(p, bmptest.Announce(route24, p.ASN)) }
	for _, tt := range []struct {
		name   string
		tables []string
		want   []string
	}{
		{"all", nil, []string{"up PRE", "up POST", "POST", "up PRE", "up POST", "POST", "up POST", "up PRE", "POST", "down POST", "down PRE"}},
		{"post alone", []string{"post"}, []string{"up POST", "POST", "up POST", "POST", "up POST", "POST", "down POST"}},
	} {
		cfg := settings()
		cfg.Routers[0].Tables = tt.tables
		set := hear(t, cfg, bmptest.PeerUp(pre), route(post), bmptest.PeerUp(pre), route(post), bmptest.PeerUp(again), route(post), bmptest.PeerDown(again, 4))
		var got []string
		for _, r := range set.Updates.Updates(t) {
			switch {
			case r.GetPeerUp() != nil:
				got = append(got, "up "+table(r.GetPeerUp().GetPeer()))
			case r.GetPeerDown() != nil:
				got = append(got, "down "+table(r.GetPeerDown().GetPeer()))
			case r.GetBgpMessage() != nil:
				got = append(got, table(r.GetBgpMessage().GetPeer()))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", tt.name, diff)
		}
	}
}

func table(p *pb.Peer) string { return strings.TrimPrefix(p.GetTable().String(), "TABLE_") }
