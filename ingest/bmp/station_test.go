package bmp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/bmp"
	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/waittest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// fixture is a station on loopback whose set keeps the written records.
type fixture struct {
	*streamtest.Set
	tb      testing.TB
	station *bmp.Station
	log     *lines
	stop    func()
}

// lines is a log that tests can read.
type lines struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.out.String(), text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

func settings() bmp.Config {
	cfg := bmp.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Routers = []bmp.Router{{Address: "127.0.0.1", Name: "edge1"}, {Address: "127.0.1.0/24"}}
	return cfg
}

func start(tb testing.TB, cfg bmp.Config) *fixture {
	tb.Helper()
	f := &fixture{Set: streamtest.New(tb, stream.DefaultConfig(), nil), tb: tb, log: &lines{}}
	f.station, f.stop = run(tb, cfg, f.Set.Set, slog.New(slog.NewTextHandler(f.log, nil)))
	return f
}

// run starts a station and waits until it listens; stop ends it and may be called again.
func run(tb testing.TB, cfg bmp.Config, set *stream.Set, log *slog.Logger) (st *bmp.Station, stop func()) {
	tb.Helper()
	st, err := bmp.New(cfg, bmp.Deps{Log: log, Streams: set, Drain: 5 * time.Second})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- st.Run(ctx) }() // ends with stop
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(stop)
	waittest.Until(tb, 20*time.Second, "the station listens", func() bool { return st.Addr() != nil || len(cfg.Routers) == 0 })
	return st, stop
}

// wait waits for n records of a collector and returns their kinds.
func (f *fixture) wait(collector string, n int) []string {
	f.tb.Helper()
	var got []string
	waittest.Until(f.tb, 20*time.Second, fmt.Sprintf("%d records of %s", n, collector), func() bool {
		got = streamtest.Bodies(f.Updates.Updates(f.tb), collector, "live")
		return len(got) >= n
	})
	return got
}

func (f *fixture) dial(from string) *bmptest.Router {
	f.tb.Helper()
	return bmptest.Dial(f.tb, f.station.Addr(), from)
}

var opening = []string{"EpochBegin", "CollectorDown", "CollectorUp"}

// TestSession checks that a router's messages are in its collector's stream, in order, from the
// begin of the epoch to the loss of the session.
func TestSession(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	r := f.dial("127.0.0.1")
	p := bmptest.Neighbour(1)
	p.Timestamp = time.Now().UnixMicro()
	six := bmptest.Peer{Address: netip.MustParseAddr("2001:db8::1"), ASN: 64500, Distinguisher: 7}
	r.Say(
		bmptest.Initiation("edge1.example.net"),
		bmptest.PeerUp(p),
		bmptest.Monitoring(p, bmptest.Announce(netip.MustParsePrefix("198.51.100.0/24"), 64497, 64498)),
		bmptest.Statistics(p),
		bmptest.Message(200, []byte("to be ignored")),
		bmptest.PeerUp(six),
		bmptest.Monitoring(six, bmptest.Announce(netip.MustParsePrefix("2001:db8:1::/48"), 64500)),
		bmptest.PeerDown(p, 4),
		bmptest.Termination(),
	)
	got := f.wait("bmp/edge1", 9)
	want := slices.Concat(opening, []string{"PeerUp", "BgpMessage", "PeerUp", "BgpMessage", "PeerDown", "CollectorDown"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
	recs := f.Updates.Updates(t)
	msg := recs[4].GetBgpMessage()
	if recs[4].GetTimestampUs() != p.Timestamp || msg.GetPeer().GetAsn() != uint32(p.ASN) || !bytes.Equal(msg.GetRaw(), bmptest.Announce(netip.MustParsePrefix("198.51.100.0/24"), 64497, 64498)) {
		t.Errorf("message %v", recs[4])
	}
	if msg := recs[6].GetBgpMessage(); msg.GetPeer().GetDistinguisher() != 7 || len(msg.GetPeer().GetAddress()) != 16 {
		t.Errorf("message %v", msg)
	}
	feeds := f.Feeds.Feeds(t)
	last := feeds[len(feeds)-1]
	if last.GetEvent() != pb.FeedEvent_FEED_EVENT_DOWN || last.GetReason() != "the router ended the session: administratively closed (edge1.example.net)" {
		t.Errorf("last feed record %v", last)
	}
}

// TestNames checks that a router of a prefix is named by its address.
func TestNames(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	f.dial("127.0.1.7").Say(bmptest.Initiation("x"))
	f.wait("bmp/127.0.1.7", 3)
}

// TestReplaced checks that the newer session of a router replaces the older, in a higher epoch and
// without a Down in between.
func TestReplaced(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	p := bmptest.Neighbour(1)
	a := f.dial("127.0.0.1")
	a.Say(bmptest.Initiation("x"), bmptest.PeerUp(p))
	f.wait("bmp/edge1", 4)
	b := f.dial("127.0.0.1")
	a.Say(bmptest.Statistics(p)) // a connection without an effective message replaces none
	b.Say(bmptest.Initiation("x"), bmptest.PeerUp(p))
	f.wait("bmp/edge1", 8)
	a.Closed()
	b.Say(bmptest.PeerDown(p, 2, 0, 18))
	f.wait("bmp/edge1", 9)
	f.stop()
	want := append(append(opening[:3:3], "PeerUp"), append(opening[:3:3], "PeerUp", "PeerDown", "CollectorDown")...)
	if diff := cmp.Diff(want, f.wait("bmp/edge1", 10)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	recs := f.Updates.Updates(t)
	if x, y := recs[0].GetPosition().GetEpoch(), recs[4].GetPosition().GetEpoch(); y <= x {
		t.Errorf("epochs %d, %d", x, y)
	}
}

// TestTables checks that each table is a peer of its own, that Peer Down is written for all, and
// that tables that are configured out are not passed on.
func TestTables(t *testing.T) {
	t.Parallel()
	cfg := settings()
	cfg.Routers[0].Tables = []string{"pre", "post", "loc"}
	f := start(t, cfg)
	pre := bmptest.Neighbour(1)
	post, out, loc := pre, pre, bmptest.Peer{Type: 3, Address: netip.IPv4Unspecified(), ASN: 64511}
	post.Flags, out.Flags = bmptest.FlagPost, bmptest.FlagOut
	route := bmptest.Announce(netip.MustParsePrefix("198.51.100.0/24"), 64497)
	r := f.dial("127.0.0.1")
	r.Say(
		// FRR's: creates no table
		bmptest.Initiation("x"), bmptest.PeerUp(pre), bmptest.Monitoring(post, bmptest.EndOfRIB()),
		bmptest.Monitoring(pre, route), bmptest.Monitoring(post, route), bmptest.Monitoring(out, route),
		bmptest.PeerUp(loc), bmptest.Monitoring(loc, route), bmptest.PeerDown(pre, 4),
		bmptest.Monitoring(post, route), // of a peer that is down
		bmptest.PeerUp(pre), bmptest.Monitoring(post, route),
	)
	f.wait("bmp/edge1", 14)
	var got []string
	for _, r := range f.Updates.Updates(t)[3:] {
		switch {
		case r.GetPeerUp() != nil:
			got = append(got, "up "+r.GetPeerUp().GetPeer().GetTable().String())
		case r.GetPeerDown() != nil:
			got = append(got, "down "+r.GetPeerDown().GetPeer().GetTable().String())
		case r.GetBgpMessage() != nil:
			got = append(got, "route "+r.GetBgpMessage().GetPeer().GetTable().String())
		}
	}
	want := []string{
		"up TABLE_PRE", "route TABLE_PRE", "up TABLE_POST", "route TABLE_POST", "up TABLE_LOC", "route TABLE_LOC",
		"down TABLE_PRE", "down TABLE_POST", "up TABLE_PRE", "up TABLE_POST", "route TABLE_POST",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if dead := f.Dead(); len(dead) != 1 || dead[0].Reason != "bmp_peer_down" {
		t.Errorf("dead letters %v", dead)
	}
}

// TestHollow checks FRR's withdrawals after a Peer Up, of routes that it lost with the session
// before. For an empty table they have no effect.
func TestHollow(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	p := bmptest.Neighbour(1)
	four, six := netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:1::/48")
	r := f.dial("127.0.0.1")
	r.Say(
		bmptest.Initiation("x"), bmptest.PeerUp(p), bmptest.Monitoring(p, bmptest.Announce(four, 64497)), bmptest.PeerDown(p, 4), bmptest.PeerUp(p),
		bmptest.Monitoring(p, bmptest.Withdraw(four)), bmptest.Monitoring(p, bmptest.Withdraw(six)),
		bmptest.Monitoring(p, bmptest.Announce(four, 64497)), bmptest.Monitoring(p, bmptest.Withdraw(six)), bmptest.Monitoring(p, bmptest.EndOfRIB()),
		bmptest.Monitoring(p, bmptest.Withdraw(four)), bmptest.Monitoring(p, bmptest.Announce(six, 64497)), bmptest.Monitoring(p, bmptest.Withdraw(six)),
		bmptest.PeerUp(p), bmptest.Monitoring(p, bmptest.EndOfRIB()), bmptest.Monitoring(p, bmptest.Withdraw(four)), bmptest.Monitoring(p, bmptest.Withdraw(four)),
		bmptest.Termination(),
	)
	want := slices.Concat(opening, []string{
		"PeerUp", "BgpMessage", "PeerDown", "PeerUp", "BgpMessage", "BgpMessage", "BgpMessage", "BgpMessage", "BgpMessage",
		"PeerUp", "BgpMessage", "CollectorDown",
	})
	if diff := cmp.Diff(want, f.wait("bmp/edge1", len(want))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if n := f.log.count("soft-reconfiguration"); n != 1 {
		t.Errorf("told %d times that the router does not keep what it receives, want once:\n%s", n, f.log)
	}
}

// TestUndecodable checks that a message that cannot be decoded is a dead letter with its position,
// and the session continues.
func TestUndecodable(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	p := bmptest.Neighbour(1)
	r := f.dial("127.0.0.1")
	init, up := bmptest.Initiation("x"), bmptest.PeerUp(p)
	bad := bmptest.Monitoring(p, wire.AppendMessage(nil, wire.MessageKeepalive, nil))
	r.Say(init, up, bad, bmptest.Monitoring(p, bmptest.EndOfRIB()))
	f.wait("bmp/edge1", 5)
	dead := f.Dead()
	if len(dead) != 1 || !bytes.Equal(dead[0].Raw, bad) || dead[0].Offset != 2 || dead[0].Collector != "bmp/edge1" || !strings.HasPrefix(dead[0].Origin, "127.0.0.1:") {
		t.Fatalf("dead letters %+v", dead)
	}
	if got := dead[0].Err.Error(); !strings.Contains(got, "octet ") || !strings.Contains(got, "keepalive instead of an UPDATE") {
		t.Errorf("error %q", got)
	}
}

// TestRefusals checks that a connection without BMP, or with too much of it, is refused with one
// line that names the remedy.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from, says, reason, why string
	}{
		{"TLS", "127.0.0.1", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "version", "looks like TLS: set ingest.bmp.tls, or turn TLS off at the router"},
		{"HTTP", "127.0.0.1", "GET / HTTP/1.1\r\n\r\n", "version", `not BMP: the connection begins with \"GET / HT\"`},
		{"version 4", "127.0.0.1", "\x04\x00\x00\x00\x06\x04", "version", "at octet 0: reading a BMP header: version 4: BMP version is not 3"},
		{"length", "127.0.0.1", "\x03\xff\xff\xff\xff\x04", "framing", "of 4294967295 octets: bad length: a message has at least 6 octets and at most 1 MiB"},
		{"half a header", "127.0.0.1", "\x03\x00\x00", "first_message", "the connection ended within its first message, after 3 octets"},
		{"half a message", "127.0.0.1", "\x03\x00\x00\x00\x20\x04\x00\x02", "first_message", "the connection ended within its first message, after 8 octets"},
		{"a stranger", "127.0.9.9", "", "unknown_address", "no router of this address is in ingest.bmp.routers"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := start(t, settings())
			c, err := dial(f.station.Addr(), tt.from)
			switch { // a refused router may notice it here, or when it writes
			case err == nil:
				_, _ = c.Write([]byte(tt.says))
				_ = c.Close()
			case !errors.Is(err, syscall.ECONNRESET):
				t.Fatal(err)
			}
			waittest.Until(t, 20*time.Second, "a refused connection in the log", func() bool { return f.log.count("connection refused") == 1 })
			if got := f.log.String(); !strings.Contains(got, "reason="+tt.reason+" ") || !strings.Contains(got, tt.why) {
				t.Errorf("got\n%s\nwant reason %s and %s", got, tt.reason, tt.why)
			}
		})
	}
}

// TestStop checks that a station that ends writes Down for every router.
func TestStop(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	for _, from := range []string{"127.0.0.1", "127.0.1.1"} {
		f.dial(from).Say(bmptest.Initiation("x"))
	}
	f.wait("bmp/edge1", 3)
	f.wait("bmp/127.0.1.1", 3)
	f.stop()
	for _, c := range []string{"bmp/edge1", "bmp/127.0.1.1"} {
		if diff := cmp.Diff(append(opening[:3:3], "CollectorDown"), f.wait(c, 4)); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
	feeds := f.Feeds.Feeds(t)
	if got := feeds[len(feeds)-1].GetReason(); got != "darkmap stops (x)" {
		t.Errorf("reason %q", got)
	}
}

// TestDrop checks that a dropped session is down, and that the router is accepted again when it
// comes back.
func TestDrop(t *testing.T) {
	t.Parallel()
	f := start(t, settings())
	r := f.dial("127.0.0.1")
	r.Say(bmptest.Initiation("x"))
	f.wait("bmp/edge1", 3)
	if f.station.Drop("bmp/other") || (*bmp.Station)(nil).Drop("bmp/edge1") || !f.station.Drop("bmp/edge1") {
		t.Error("a session was dropped that is not there, or one that is was not")
	}
	r.Closed()
	f.wait("bmp/edge1", 4)
	f.dial("127.0.0.1").Say(bmptest.Initiation("x"))
	want := append(append(opening[:3:3], "CollectorDown"), opening...)
	if diff := cmp.Diff(want, f.wait("bmp/edge1", len(want))); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// TestReady checks that the station is ready while a router has a session. Otherwise the error
// names the missing routers, and since when they are missing.
func TestReady(t *testing.T) {
	t.Parallel()
	cfg := settings()
	for i := range 5 {
		cfg.Routers = append(cfg.Routers, bmp.Router{Address: fmt.Sprintf("192.0.2.%d", i+1)})
	}
	f := start(t, cfg)
	want := "bmp: no router has connected yet: waiting for edge1 (127.0.0.1), 127.0.1.0/24, 192.0.2.1, 192.0.2.2, 192.0.2.3, and 2 more"
	r := f.dial("127.0.1.3") // a connection without messages does not count
	if err := f.station.Ready(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	r.Say(bmptest.Initiation("x"))
	waittest.Until(t, 20*time.Second, "ready", func() bool { return f.station.Ready() == nil })
	other := f.dial("127.0.0.1")
	other.Say(bmptest.Initiation("y"))
	f.wait("bmp/edge1", 3)
	r.Say(bmptest.Termination())
	f.wait("bmp/127.0.1.3", 4)
	if err := f.station.Ready(); err != nil {
		t.Errorf("%v, though edge1 is there", err)
	}
	other.Say(bmptest.Termination())
	waittest.Until(t, 20*time.Second, "not ready", func() bool { return f.station.Ready() != nil })
	gone := regexp.MustCompile(`^bmp: no router is connected: edge1 \(127\.0\.0\.1\) not since \S+ \S+ UTC, 127\.0\.1\.0/24 not since \S+ \S+ UTC, 192\.0\.2\.1 never, .* and 2 more$`)
	if err := f.station.Ready(); !gone.MatchString(err.Error()) {
		t.Errorf("got %v, want %s", err, gone)
	}
	if n := f.log.count(`level=WARN msg="bmp connection ended"`); n != 2 {
		t.Errorf("%d warnings of routers that went, want 2:\n%s", n, f.log)
	}
}

// TestNoRouters checks that without routers no port is open.
func TestNoRouters(t *testing.T) {
	t.Parallel()
	cfg := settings()
	cfg.Routers = nil
	f := start(t, cfg)
	if f.station.Addr() != nil || f.station.Ready() != nil {
		t.Errorf("address %v, ready %v", f.station.Addr(), f.station.Ready())
	}
}
