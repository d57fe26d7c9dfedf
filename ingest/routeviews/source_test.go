package routeviews_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/ingest/routeviews"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	testPeer  = netip.MustParseAddr("203.0.113.1")
	testPeer2 = netip.MustParseAddr("203.0.113.2")
)

// path returns an UPDATE of 198.51.100.0/24 with a path of ASes.
func path(t *testing.T, asns ...uint32) []byte {
	t.Helper()
	v := []byte{2, byte(len(asns))}
	for _, a := range asns {
		v = binary.BigEndian.AppendUint32(v, a)
	}
	attributes := append([]byte{0x40, 1, 1, 0, 0x40, 2, byte(len(v))}, v...)
	attributes = append(attributes, 0x40, 3, 4, 203, 0, 113, 1)
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attributes)))
	body = append(append(body, attributes...), 24, 198, 51, 100)
	m := binary.BigEndian.AppendUint16(bytes.Repeat([]byte{0xff}, 16), uint16(19+len(body)))
	return append(append(m, 2), body...)
}

// start runs a member in this process; stop ends it and returns Run's error.
func start(t *testing.T, cfg kafka.Config, c routeviews.Config, instance string) (m *member, stop func() error) {
	t.Helper()
	m, err := newMember(t.Context(), cfg, c, instance)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.run(ctx) }() // ends with ctx
	stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	t.Cleanup(func() { _ = stop() }) // tests that need the error call stop themselves
	return m, stop
}

// TestSession plays the possible contents of a topic.
func TestSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kafkatest.Open(t, 2))
	topic := w.topic("x", 64496)
	w.create(topic)
	w.want[topic] = nil
	_, stop := start(t, w.cfg, follow(w.cfg), "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	p := routeviewstest.Peer{Address: testPeer, ASN: 64496, BGPID: netip.MustParseAddr("192.0.2.1"), AddPath: true}
	now := time.Now().UnixMicro()
	old := now - time.Hour.Microseconds()
	plain, stripped := path(t, collectorASN, 64496, 64500), path(t, 64496, 64500)
	w.put(topic, now, p.Up(old), nil)
	w.put(topic, now, p.Monitor(now, plain), stripped)
	w.put(topic, now, p.Monitor(old, path(t, 64496, 64501)), path(t, 64496, 64501))
	w.put(topic, now, []byte{3, 0, 0, 0, 99, 0}, nil)
	w.put(topic, now, append(p.Monitor(now, plain), p.Down(now)...), stripped)
	w.put(topic, now, p.Up(now), nil)
	w.put(topic, now, routeviewstest.Termination(), nil)
	w.flush()
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.check()
	recs, _ := w.updates()
	type seen struct {
		Body     string
		Sequence uint64
		At       int64
		AddPath  bool
	}
	var got []seen
	for _, r := range recs {
		if r.GetPosition().GetLane() == string(bgp.RouteViewsLane(topic, 0)) {
			got = append(got, seen{strings.Join(streamtest.Bodies([]*pb.UpdateRecord{r}, r.GetPosition().GetCollector(), ""), ""), r.GetPosition().GetSequence(), r.GetTimestampUs(), r.GetBgpMessage().GetAddPathIpv4()})
		}
	}
	want := []seen{
		{"PeerUp", 1, now, false},
		{"BgpMessage", 1<<16 + 1, now, true},
		{"BgpMessage", 2<<16 + 1, now, true},
		{"BgpMessage", 4<<16 + 1, now, true},
		{"PeerDown", 4<<16 + 2, now, false},
		{"PeerUp", 5<<16 + 1, now, false},
		{"PeerDown", 6<<16 + 1, now, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	name := "routeviews/" + dataset(w.cfg) + "-x"
	if diff := cmp.Diff([]string{"EpochBegin", "GapBegin", "CollectorUp"}, streamtest.Bodies(recs, name, "live")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestResume restarts a member in the middle of a session. The facts of the Peer Up stay known, and
// no gap begins.
func TestResume(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kafkatest.Open(t, 2))
	topic := w.topic("x", 64496)
	w.create(topic)
	w.want[topic] = nil
	m, stop := start(t, w.cfg, follow(w.cfg), "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	p := routeviewstest.Peer{Address: testPeer, ASN: 64496, AddPath: true}
	now := time.Now().UnixMicro()
	w.put(topic, now, p.Up(now), nil)
	w.put(topic, now, p.Monitor(now, path(t, collectorASN, 64496)), path(t, 64496))
	w.flush()
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	answer(t, m)
	// so that the next commit records that the gap is answered
	w.put(topic, now, p.Monitor(now, path(t, collectorASN, 64496)), path(t, 64496))
	w.flush()
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.put(topic, now, p.Monitor(now, path(t, collectorASN, 64496, 64500)), path(t, 64496, 64500))
	w.flush()
	_, stop = start(t, w.cfg, follow(w.cfg), "a")
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.check()
	recs, _ := w.updates()
	name := "routeviews/" + dataset(w.cfg) + "-x"
	if diff := cmp.Diff([]string{"EpochBegin", "GapBegin", "CollectorUp", "GapBegin", "EpochBegin", "CollectorUp"}, streamtest.Bodies(recs, name, "live")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, r := range recs {
		if b := r.GetBgpMessage(); b != nil && !b.GetAddPathIpv4() {
			t.Errorf("%v is without path identifiers", r.GetPosition())
		}
	}
}

// answer ends the gap of a member's only collector, as an archive's table does. The test has no
// handle of that gap, so answer begins another that replaces it, and ends that one.
func answer(t *testing.T, m *member) {
	t.Helper()
	for _, s := range m.set.Streams() {
		g, err := s.BeginGap(t.Context(), 0, "again")
		if err != nil {
			t.Fatal(err)
		}
		if err := g.End(t.Context(), g.TableLane(), stream.Outcome{Complete: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDropped makes the cluster delete unread records, and create a topic again.
func TestDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, kafkatest.Open(t, 2))
	topic := w.topic("x", 64496)
	w.create(topic)
	w.want[topic] = nil
	_, stop := start(t, w.cfg, follow(w.cfg), "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	p := routeviewstest.Peer{Address: testPeer, ASN: 64496}
	now := time.Now().UnixMicro()
	put := func(n int) {
		for range n {
			w.put(topic, now, p.Monitor(now, path(t, collectorASN, 64496)), path(t, 64496))
		}
		w.flush()
	}
	put(3)
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	put(4)
	var cut kadm.Offsets
	cut.AddOffset(topic, 0, 5, -1)
	if _, err := w.adm.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	_, stop = start(t, w.cfg, follow(w.cfg), "a")
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.adm.DeleteTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	w.connect()
	w.create(topic)
	w.want[topic] = nil
	put(2)
	c := follow(w.cfg)
	c.Start = "start"
	_, stop = start(t, w.cfg, c, "a")
	w.until("read anew", time.Minute, func() bool {
		recs, _ := w.updates()
		n := 0
		for _, r := range recs {
			if r.GetBgpMessage() != nil {
				n++
			}
		}
		return n == 3+2+2
	})
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range w.feeds() {
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP {
			got = append(got, f.GetReason())
		}
	}
	want := []string{
		"never followed before",
		topic + " partition 0 begins at offset 5, 3 was to come",
		"never followed before", // the topic's commits are deleted with it
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestReady checks that the error describes the missing condition.
func TestReady(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.Open(t, 2)
	c := follow(cfg)
	c.Brokers = []string{"127.0.0.1:1"}
	m, stop := start(t, cfg, c, "a")
	w := newWorld(t, cfg)
	w.until("told", 10*time.Second, func() bool {
		err := m.source.Ready()
		return err != nil && err.Error() == "routeviews: 127.0.0.1:1 refuses the connection"
	})
	if err := stop(); err != nil {
		t.Errorf("got %v: an unreachable cluster is no reason to fail", err)
	}
	m, _ = start(t, cfg, follow(cfg), "b")
	w.until("told", 10*time.Second, func() bool {
		err := m.source.Ready()
		return err != nil && strings.Contains(err.Error(), "waiting for topics that fit")
	})
	w.create(w.topic("x", 64496))
	w.until("ready", 20*time.Second, func() bool { return m.source.Ready() == nil })
}

func TestConfig(t *testing.T) {
	t.Parallel()
	c := routeviews.DefaultConfig()
	if err := config.Validate(&c); err != nil {
		t.Error(err)
	}
	bad := routeviews.Config{Enabled: true, Topics: "(", Start: "middle"}
	err := config.Validate(&bad)
	for _, name := range []string{"brokers", "topics", "start", "refresh_interval", "commit_interval", "suspend_timeout", "timestamp_slack"} {
		if err == nil || !strings.Contains(err.Error(), name+": ") {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
	if _, err := routeviews.New(c, routeviews.Deps{Log: kafkatest.Log(), Instance: "a"}); err == nil {
		t.Error("a group without a name of its own was accepted")
	}
}
