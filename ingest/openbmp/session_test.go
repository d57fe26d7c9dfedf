package openbmp

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/openbmptest"
)

const topicX = "routeviews.x.64496.bmp_raw"

// hear takes BMP messages, one a record, from the offset on that is to come; a nil one is a record without a value.
func (s rig) hear(t *testing.T, topic string, messages ...[]byte) {
	t.Helper()
	fp := kgo.FetchPartition{}
	for i, m := range messages {
		var value []byte
		if m != nil {
			value = openbmptest.Header{Timestamp: time.Now().UnixMicro()}.Wrap(m)
		}
		fp.Records = append(fp.Records, &kgo.Record{Topic: topic, Offset: s.parts[topic][0].next + int64(i), Value: value})
	}
	if err := s.take(t.Context(), kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{fp}}}}}); err != nil {
		t.Fatal(err)
	}
}

// heard is what became of all that was heard, but for the stream's begin.
func heard(t *testing.T, set *streamtest.Set) []string {
	t.Helper()
	return streamtest.Bodies(set.Updates.Updates(t), "routeviews/x", "")[1:]
}

// TestMalformed: a Peer Down whose reason cannot be read, and a Peer Up whose OPENs cannot, count all the same, and are dead letters.
func TestMalformed(t *testing.T) {
	t.Parallel()
	set, s := followed(t)
	p := bmptest.Neighbour(1)
	up := bmptest.PeerUp(p)
	cut := bmptest.Message(wire.BMPPeerUp, up[wire.BMPHeaderLength:len(up)-1])
	route := bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(1), p.ASN))
	s.hear(t, topicX, up, route, bmptest.PeerDown(p, 1), cut, route)
	if diff := cmp.Diff([]string{"PeerUp", "BgpMessage", "PeerDown", "PeerUp", "BgpMessage"}, heard(t, set)); diff != "" || len(set.Dead()) != 2 {
		t.Errorf("%d dead letters, want 2; records (-want +got):\n%s", len(set.Dead()), diff)
	}
}

// TestCaughtUp: a collector is up once all that waited was read, also where none of it is a route: statistics, records without a value.
func TestCaughtUp(t *testing.T) {
	t.Parallel()
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	s, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Instance: "a", Installation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	const topicY = "routeviews.x.64497.bmp_raw"
	now := time.Now().UnixMicro()
	var places []*place
	for _, topic := range []string{topicX, topicY} {
		p := &partition{topic: topic, next: 7, peers: map[bgp.Peer]*stream.Peer{}}
		s.parts[topic] = map[int32]*partition{0: p}
		places = append(places, &place{p: p, at: 7, end: 9, known: true, memory: memory{At: now, Clock: now, Session: 7}})
	}
	if err := s.open(t.Context(), "routeviews/x", places); err != nil {
		t.Fatal(err)
	}
	s.fresh = nil // there is no cluster to commit to
	statistics := bmptest.Statistics(bmptest.Neighbour(1))
	for _, step := range []struct {
		topic string
		want  []string
	}{{topicX, nil}, {topicY, []string{"CollectorUp"}}} {
		rig{s}.hear(t, step.topic, statistics, nil)
		if diff := cmp.Diff(step.want, heard(t, set), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("after %s: records (-want +got):\n%s", step.topic, diff)
		}
	}
}
