package openbmp

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/bmp/bmptest"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/openbmptest"
)

const topicX = "routeviews.x.64496.bmp_raw"

// hear takes BMP messages, one a record, from the offset on that is to come.
func (s rig) hear(t *testing.T, topic string, messages ...[]byte) {
	t.Helper()
	fp := kgo.FetchPartition{}
	for i, m := range messages {
		value := openbmptest.Header{Timestamp: time.Now().UnixMicro()}.Wrap(m)
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
