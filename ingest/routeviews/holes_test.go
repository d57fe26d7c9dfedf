package routeviews

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestHoles makes the cluster delete unread records while it is followed, and create a topic again.
func TestHoles(t *testing.T) {
	t.Parallel()
	set, s := followed(t)
	at := time.Now().Add(-time.Second).UnixMicro()
	poll := func(offsets ...int64) {
		t.Helper()
		times := make([]int64, len(offsets))
		for i := range times {
			at++
			times[i] = at
		}
		s.poll(t, offsets, times)
	}
	first := at
	poll(10, 11)
	poll(12)
	poll(20, 21) // 13 to 19 were deleted
	poll(0)      // the topic was created again
	type seen struct {
		Body     string
		Sequence uint64
		Since    int64
	}
	var got []seen
	var epochs []uint64
	for _, r := range set.Updates.Updates(t) {
		x := seen{Body: streamtest.Bodies([]*pb.UpdateRecord{r}, "routeviews/x", "")[0], Since: r.GetGapBegin().GetSinceUs()}
		if r.GetBgpMessage() != nil {
			x.Sequence = r.GetPosition().GetSequence()
			epochs = append(epochs, r.GetPosition().GetEpoch())
		}
		got = append(got, x)
	}
	want := []seen{
		{"EpochBegin", 0, 0},
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
	if epochs[4] != 7 || epochs[5] <= 7 {
		t.Errorf("got epochs %v, want the last after 7", epochs)
	}
}

// TestFarAhead checks that the gap for a hole begins at the collector's last message, also if a
// timestamp is years in the future.
func TestFarAhead(t *testing.T) {
	t.Parallel()
	set, s := followed(t)
	at := time.Now().Add(-time.Minute).UnixMicro()
	ahead := time.Now().AddDate(5, 0, 0).UnixMicro()
	s.poll(t, []int64{10, 11}, []int64{at, ahead})
	s.poll(t, []int64{20}, []int64{at + 1})
	var got []int64
	for _, r := range set.Updates.Updates(t) {
		if g := r.GetGapBegin(); g != nil {
			got = append(got, g.GetSinceUs()-at)
		}
	}
	if diff := cmp.Diff([]int64{0}, got); diff != "" {
		t.Errorf("where gaps begin, us from the last message that can be (-want +got):\n%s", diff)
	}
	metadata, err := json.Marshal(memory{At: at, Clock: ahead, Since: ahead, Open: true})
	if err != nil {
		t.Fatal(err)
	}
	if m := recall(string(metadata)); m.Clock >= ahead || m.Since >= ahead || m.At != at || !m.Open {
		t.Errorf("recalled %+v", m)
	}
}

// rig is a Source that follows one topic without a cluster.
type rig struct{ *Source }

// followed returns a rig for topicX. The next offset is 10.
func followed(t *testing.T) (*streamtest.Set, rig) {
	t.Helper()
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	s, err := New(DefaultConfig(), Deps{Log: kafkatest.Log(), Streams: set.Set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	st, err := set.Open(t.Context(), "routeviews/x", stream.Options{Source: "routeviews", Clock: stream.Delayed, Archived: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{name: "routeviews/x", stream: st, parts: 1}
	p := &partition{topic: topicX, c: c, lane: st.Source(bgp.RouteViewsLane(topicX, 0)), epoch: 7, next: 10, peers: map[bgp.Peer]*stream.Peer{}}
	s.parts[topicX] = map[int32]*partition{0: p}
	return set, rig{s}
}

// poll processes a message at each of the offsets.
func (s rig) poll(t *testing.T, offsets, times []int64) {
	t.Helper()
	peer := routeviewstest.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
	update := append(bytes.Repeat([]byte{0xff}, 16), 0, 23, 2, 0, 0, 0, 0)
	fp := kgo.FetchPartition{}
	for i, o := range offsets {
		value := routeviewstest.Header{Timestamp: times[i]}.Wrap(peer.Monitor(times[i], update))
		fp.Records = append(fp.Records, &kgo.Record{Topic: topicX, Offset: o, Value: value})
	}
	if err := s.take(t.Context(), kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topicX, Partitions: []kgo.FetchPartition{fp}}}}}); err != nil {
		t.Fatal(err)
	}
}

// TestTablesRequested checks that a collector begins with a gap without a beginning if its tables
// were requested while it had no owner, or its owner went before it learned of the request.
func TestTablesRequested(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tt := range map[string]struct {
		wanted time.Time // zero: never
		memory memory
		want   []int64 // since when gaps are, us
	}{
		"not wanted":                  {time.Time{}, memory{At: now.UnixMicro(), Clock: now.UnixMicro()}, nil},
		"wanted after the last owner": {now, memory{At: now.Add(-time.Hour).UnixMicro(), Clock: now.Add(-time.Hour).UnixMicro()}, []int64{0}},
		"wanted as the owner went":    {now.Add(-5 * time.Second), memory{At: now.UnixMicro(), Clock: now.UnixMicro()}, []int64{0}},
		"the owner has heard it":      {now.Add(-time.Hour), memory{At: now.UnixMicro(), Clock: now.UnixMicro()}, nil},
		"beside an open gap":          {now, memory{At: now.UnixMicro(), Clock: now.UnixMicro(), Open: true, Since: 5}, []int64{0}},
		"an open gap alone":           {time.Time{}, memory{At: now.UnixMicro(), Clock: now.UnixMicro(), Open: true, Since: 5}, []int64{5}},
	} {
		set := streamtest.New(t, stream.DefaultConfig(), nil)
		s, err := New(DefaultConfig(), Deps{Log: kafkatest.Log(), Streams: set.Set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if !tt.wanted.IsZero() && set.RequestTables("routeviews/x", tt.wanted) != nil {
			t.Fatal("a stream is open")
		}
		p := &partition{topic: topicX, peers: map[bgp.Peer]*stream.Peer{}}
		if err := s.open(t.Context(), "routeviews/x", []*startOffset{{p: p, at: 7, end: 7, known: true, memory: tt.memory}}); err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range set.Updates.Updates(t) {
			if g := r.GetGapBegin(); g != nil {
				got = append(got, g.GetSinceUs())
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: since when gaps are (-want +got):\n%s", name, diff)
		}
	}
}
