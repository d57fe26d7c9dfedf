package routeviews_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestApache streams real messages out of a real Kafka.
func TestApache(t *testing.T) { //nolint:paralleltest // its environment is the children's
	t.Setenv("DARKMAP_TEST_REFRESH", refresh.String())
	cfg := kafkatest.Apache(t)
	t.Run("killed", func(t *testing.T) { testKilled(t, kafkatest.Dataset(t, cfg, 3), *maxMessages, *kills) })             //nolint:paralleltest // in turn
	t.Run("two members", func(t *testing.T) { testTwoMembers(t, kafkatest.Dataset(t, cfg, 3), min(*maxMessages, 4000)) }) //nolint:paralleltest // in turn
	t.Run("a late topic", func(t *testing.T) {
		testLateTopic(t, kafkatest.Dataset(t, cfg, 3), max(*refresh, time.Second)+20*time.Second)
	}) //nolint:paralleltest // in turn
}

// TestEmbedded does the same on the embedded broker.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		testKilled(t, kafkatest.Open(t, 3), 2000, 2)
	})
	t.Run("a late topic", func(t *testing.T) {
		t.Parallel()
		testLateTopic(t, kafkatest.Open(t, 3), 20*time.Second)
	})
}

// load creates the topics of the messages' peers, over four collectors. It returns the topic of a
// message.
func (w *world) load(msgs []captured) (topicOf func(captured) string) {
	w.t.Helper()
	place := map[uint32]string{}
	for _, m := range msgs {
		if _, ok := place[m.peer.ASN]; !ok {
			place[m.peer.ASN] = w.topic(fmt.Sprintf("rv%d", len(place)%4), bgp.ASN(m.peer.ASN))
			w.create(place[m.peer.ASN])
			w.want[place[m.peer.ASN]] = nil
		}
	}
	return func(m captured) string { return place[m.peer.ASN] }
}

// stream writes messages to their topics: the Peer Up before a peer's first one, and the
// collector's AS before each path.
func (w *world) stream(msgs []captured, topicOf func(captured) string, up map[routeviewstest.Peer]bool) {
	w.t.Helper()
	now := time.Now().UnixMicro()
	for _, m := range msgs {
		if !up[m.peer] {
			up[m.peer] = true
			w.put(topicOf(m), now, m.peer.Up(now), nil)
		}
		w.put(topicOf(m), now, m.peer.Monitor(now, routeviewstest.Prepend(m.update, width(m.peer), collectorASN)), m.update)
	}
	w.flush()
}

// testKilled kills the member repeatedly while messages come.
func testKilled(t *testing.T, cfg kafka.Config, limit, kills int) {
	t.Helper()
	msgs := realMessages(t, limit)
	w := newWorld(t, cfg)
	topicOf := w.load(msgs)
	began := time.Now()
	p := kafkatest.Start(t, "routeviews", cfg, "a")
	t.Logf("%d topics followed and their places committed after %v", len(w.want), w.until("followed", time.Minute, func() bool { return w.committed(false) }).Round(time.Millisecond))
	up := map[routeviewstest.Peer]bool{}
	for part := range slices.Chunk(msgs, len(msgs)/(kills+1)+1) {
		w.stream(part, topicOf, up)
		time.Sleep(time.Duration(rand.IntN(700)) * time.Millisecond)
		if kills > 0 {
			kills--
			p.Kill()
			p = kafkatest.Start(t, "routeviews", cfg, "a")
		}
	}
	w.until("committed to the ends", 3*time.Minute, func() bool { return w.committed(true) })
	p.Stop()
	n, twice := w.check()
	t.Logf("%d messages, each once by its position, %d records written twice and dropped, %v in all", n, twice, time.Since(began).Round(time.Millisecond))
	gaps := 0
	for _, f := range w.feeds() {
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP && f.GetBeginUs() != 0 {
			t.Errorf("%s: a gap since %d: %s", f.GetCollector(), f.GetBeginUs(), f.GetReason())
		}
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_GAP {
			gaps++
		}
	}
	t.Logf("%d gaps, all without a beginning: this test does not answer the first", gaps)
}

// testTwoMembers starts a second member, and kills the first.
func testTwoMembers(t *testing.T, cfg kafka.Config, limit int) {
	t.Helper()
	msgs := realMessages(t, limit)
	w := newWorld(t, cfg)
	topicOf := w.load(msgs)
	collectors := map[string]bool{}
	for topic := range w.want {
		collectors[collectorOfTopic(topic)] = true
	}
	a := kafkatest.Start(t, "routeviews", cfg, "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	up, third := map[routeviewstest.Peer]bool{}, len(msgs)/3
	w.stream(msgs[:third], topicOf, up)
	b := kafkatest.Start(t, "routeviews", cfg, "b")
	took := w.until("shared", time.Minute, func() bool {
		has := map[string]int{}
		for _, instance := range w.owners() {
			has[instance]++
		}
		return has["a"] == len(collectors)/2 && has["b"] == len(collectors)-len(collectors)/2
	})
	t.Logf("two members have two collectors each %v after the second began", took.Round(time.Millisecond))
	w.stream(msgs[third:2*third], topicOf, up)
	a.Kill()
	w.stream(msgs[2*third:], topicOf, up)
	took = w.until("taken over", time.Minute, func() bool {
		for _, instance := range w.owners() {
			if instance != "b" {
				return false
			}
		}
		return true
	})
	t.Logf("the second member has all collectors %v after the first was killed", took.Round(time.Millisecond))
	w.until("committed to the ends", time.Minute, func() bool { return w.committed(true) })
	b.Stop()
	n, twice := w.check()
	t.Logf("%d messages, each once by its position, %d records written twice and dropped", n, twice)
}

func collectorOfTopic(topic string) string {
	for i := len("routeviews."); i < len(topic); i++ {
		if topic[i] == '.' {
			return topic[:i]
		}
	}
	return topic
}

// testLateTopic measures the time until a topic that appears later is followed.
func testLateTopic(t *testing.T, cfg kafka.Config, limit time.Duration) {
	t.Helper()
	w := newWorld(t, cfg)
	peer := routeviewstest.Peer{Address: testPeer, ASN: 64496}
	late := routeviewstest.Peer{Address: testPeer2, ASN: 64497}
	first, second := w.topic("x", 64496), w.topic("x", 64497)
	w.create(first)
	now := time.Now().UnixMicro()
	w.want[first] = nil
	p := kafkatest.Start(t, "routeviews", cfg, "a")
	w.until("followed", time.Minute, func() bool { return w.committed(false) })
	w.put(first, now, peer.Up(now), nil)
	w.put(first, now, peer.Monitor(now, path(t, collectorASN, 64496, 64500)), path(t, 64496, 64500))
	w.flush()
	w.until("committed to the first topic's end", time.Minute, func() bool { return w.committed(true) })
	w.create(second)
	w.put(second, now, late.Up(now), nil)
	w.put(second, now, late.Monitor(now, path(t, collectorASN, 64497, 64500)), path(t, 64497, 64500))
	w.flush()
	took := w.until("noticed", limit, func() bool {
		recs, _ := w.updates()
		return slices.ContainsFunc(recs, func(r *pb.UpdateRecord) bool {
			return r.GetPosition().GetLane() == string(bgp.RouteViewsLane(second, 0))
		})
	})
	t.Logf("a topic that appeared was read %v later, at %s between looks", took.Round(time.Millisecond), os.Getenv("DARKMAP_TEST_REFRESH"))
	w.until("committed to the ends", time.Minute, func() bool { return w.committed(true) })
	p.Stop()
	w.check()
}
