package openbmp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/openbmptest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestHoles lets the cluster drop what was not read yet while it is followed, and begin a topic anew.
func TestHoles(t *testing.T) {
	t.Parallel()
	const topic = "routeviews.x.64496.bmp_raw"
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	s, err := New(DefaultConfig(), Deps{Log: kafkatest.Log(), Streams: set.Set, Instance: "a", Installation: "test"})
	if err != nil {
		t.Fatal(err)
	}
	st, err := set.Open(t.Context(), "routeviews/x", stream.Options{Source: "routeviews", Clock: stream.Delayed, Archived: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{name: "routeviews/x", stream: st, parts: 1}
	p := &partition{topic: topic, c: c, lane: st.Source(laneName(topic, 0)), session: 7, next: 10, peers: map[bgp.Peer]*stream.Peer{}}
	s.parts[topic] = map[int32]*partition{0: p}
	peer := openbmptest.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
	update := append(bytes.Repeat([]byte{0xff}, 16), 0, 23, 2, 0, 0, 0, 0)
	at := time.Now().Add(-time.Second).UnixMicro()
	poll := func(offsets ...int64) {
		t.Helper()
		fp := kgo.FetchPartition{}
		for _, o := range offsets {
			at++
			value := openbmptest.Header{Timestamp: at}.Wrap(peer.Monitor(at, update))
			fp.Records = append(fp.Records, &kgo.Record{Topic: topic, Offset: o, Value: value})
		}
		if err := s.take(t.Context(), kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{fp}}}}}); err != nil {
			t.Fatal(err)
		}
	}
	first := at
	poll(10, 11)
	poll(12)
	poll(20, 21) // 13 to 19 were dropped
	poll(0)      // the topic began anew
	type seen struct {
		Body     string
		Sequence uint64
		Since    int64
	}
	var got []seen
	var sessions []uint64
	for _, r := range set.Updates.Updates(t) {
		x := seen{Body: streamtest.Bodies([]*pb.UpdateRecord{r}, "routeviews/x", "")[0], Since: r.GetGapBegin().GetSinceUs()}
		if r.GetBgpMessage() != nil {
			x.Sequence = r.GetPosition().GetSequence()
			sessions = append(sessions, r.GetPosition().GetSession())
		}
		got = append(got, x)
	}
	want := []seen{
		{"SessionBegin", 0, 0},
		{"BgpMessage", 10<<16 + 1, 0},
		{"BgpMessage", 11<<16 + 1, 0},
		{"BgpMessage", 12<<16 + 1, 0},
		{"GapBegin", 0, first + 3},
		{"BgpMessage", 20<<16 + 1, 0},
		{"BgpMessage", 21<<16 + 1, 0},
		{"GapBegin", 0, first + 5},
		{"BgpMessage", 1, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if sessions[4] != 7 || sessions[5] <= 7 {
		t.Errorf("got sessions %v, want the last after 7", sessions)
	}
}
