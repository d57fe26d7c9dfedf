package routeviews_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
)

// TestSilence stops RouteViews' cluster for a while: the collector's clock stops, and it continues
// without a gap.
func TestSilence(t *testing.T) {
	t.Parallel()
	bc := kafka.BrokerConfig{Dir: t.TempDir(), Open: true}
	broker, err := kafka.StartBroker(t.Context(), bc)
	if err != nil {
		t.Fatal(err)
	}
	addrs := broker.Addrs()
	_, port, err := net.SplitHostPort(addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	if bc.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	w := newWorlds(t, kafkatest.New(t, 2), addrs)
	topic := w.topic("x", 64496)
	w.create(topic)
	w.want[topic] = nil
	c := follow(w.cfg)
	c.Brokers, c.SuspendTimeout = addrs, time.Second
	m, stop := start(t, w.cfg, c, "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	p := routeviewstest.Peer{Address: testPeer, ASN: 64496}
	say := func() {
		now := time.Now().UnixMicro()
		w.put(topic, now, p.Monitor(now, path(t, collectorASN, 64496)), path(t, 64496))
		w.flush()
	}
	say()
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		for _, s := range m.set.Streams() {
			return s.Status().GetState()
		}
		return "none"
	}
	w.until("suspended", 20*time.Second, func() bool { return state() == "suspended" })
	if err := m.source.Ready(); err == nil || !strings.HasPrefix(err.Error(), "routeviews: "+addrs[0]+" ") || !strings.Contains(err.Error(), " (last answer: ") {
		t.Errorf("got %v", err)
	}
	if broker, err = kafka.StartBroker(t.Context(), bc); err != nil {
		t.Fatal(err)
	}
	defer broker.Close() //nolint:errcheck // the test is over
	// the first gap is not answered
	w.until("up again", 30*time.Second, func() bool { return state() == "bootstrapping" })
	say()
	w.until("committed to the end", time.Minute, func() bool { return w.committed(true) })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	w.check()
	recs, _ := w.updates()
	want := []string{"EpochBegin", "GapBegin", "CollectorUp", "CollectorUp"}
	if diff := cmp.Diff(want, streamtest.Bodies(recs, "routeviews/"+dataset(w.cfg)+"-x", "live")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
