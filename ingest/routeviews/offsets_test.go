package routeviews

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/internal/bgp"
)

// forgetful replaces a cluster that has offsets 10 to 20 of each topic, and does not know one of
// them for a while.
type forgetful struct {
	topic string
	until time.Time
	whole bool // the answer is for the whole topic, as if its list does not name it
	left  kadm.OffsetResponses
	asked int
}

func (f *forgetful) FetchOffsets(context.Context, string) (kadm.OffsetResponses, error) {
	return f.left, nil
}

func (f *forgetful) ListStartOffsets(_ context.Context, topics ...string) (kadm.ListedOffsets, error) {
	f.asked++
	return f.list(10, topics), nil
}

func (f *forgetful) ListEndOffsets(_ context.Context, topics ...string) (kadm.ListedOffsets, error) {
	return f.list(20, topics), nil
}

func (f *forgetful) list(offset int64, topics []string) kadm.ListedOffsets {
	out := kadm.ListedOffsets{}
	for _, topic := range topics {
		o := kadm.ListedOffset{Topic: topic, Offset: offset}
		if topic == f.topic && time.Now().Before(f.until) {
			o.Offset, o.Err = -1, kerr.UnknownTopicOrPartition
			if f.whole {
				o.Partition = -1
			}
		}
		out[topic] = map[int32]kadm.ListedOffset{o.Partition: o}
	}
	return out
}

// TestUnknownTopic checks that a topic that the cluster does not know is requested again for some
// seconds, and is then followed from its committed offset. The others are followed in any case.
func TestUnknownTopic(t *testing.T) {
	t.Parallel()
	const fresh, other = "routeviews.x.64496.bmp_raw", "routeviews.y.64496.bmp_raw"
	type found struct {
		At      int64
		Unknown bool
	}
	committed := kadm.OffsetResponses{fresh: {0: {Offset: kadm.Offset{At: 15, Metadata: `{"epoch":7}`}}}}
	for _, tt := range []struct {
		name   string
		hidden time.Duration
		whole  bool
		left   kadm.OffsetResponses
		again  bool
		want   found // of the fresh topic
	}{
		{name: "known", want: found{At: 10}},
		{name: "for a moment", hidden: 300 * time.Millisecond, again: true, want: found{At: 10}},
		{name: "for a moment, whole", hidden: 2 * time.Second, whole: true, again: true, want: found{At: 10}},
		{name: "deleted", hidden: time.Hour, whole: true, again: true, want: found{At: 0, Unknown: true}},
		{name: "a broker's fault", hidden: time.Hour, left: committed, again: true, want: found{At: 15, Unknown: true}},
	} {
		synctest.Test(t, func(t *testing.T) {
			set := streamtest.New(t, stream.DefaultConfig(), nil)
			s, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			f := &forgetful{topic: fresh, until: began.Add(tt.hidden), whole: tt.whole, left: tt.left}
			starts, err := s.startOffsets(t.Context(), f, map[string]map[int32]kgo.Offset{fresh: {0: {}}, other: {0: {}}})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]found{}
			for _, start := range starts {
				got[start.p.topic] = found{start.at, start.unknown}
			}
			if diff := cmp.Diff(map[string]found{fresh: tt.want, other: {At: 10}}, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tt.name, diff)
			}
			if took := time.Since(began); f.asked > 1 != tt.again || took > 2*unknownFor {
				t.Errorf("%s: asked %d times in %v", tt.name, f.asked, took)
			}
		})
	}
}

// TestForeignCommit checks that offsets committed by a tool (kafka-consumer-groups --reset-offsets)
// have no metadata of darkmap: positions start a later epoch, and a gap without a beginning begins.
func TestForeignCommit(t *testing.T) {
	t.Parallel()
	_, s := followed(t)
	p := &partition{topic: topicX, epoch: 7, next: 100}
	position := func(p *partition, offset int64) bgp.Position {
		return bgp.Position{Collector: "routeviews/x", Lane: bgp.RouteViewsLane(topicX, 0), Epoch: p.epoch, Sequence: uint64(offset)<<16 + 1}
	}
	last := position(p, p.next-1)
	// beside it, one that darkmap committed
	other := &startOffset{p: &partition{topic: "routeviews.x.64497.bmp_raw"}, known: true, memory: recall(p.remember())}
	for _, tt := range []struct {
		name   string
		commit kadm.Offset
		at     int64
		gap    bool
	}{
		{"ours", kadm.Offset{At: 100, Metadata: p.remember()}, 100, false},
		{"reset to latest", kadm.Offset{At: 900}, 900, true},
		{"reset to earliest", kadm.Offset{At: 0}, 50, true},
		{"reset into the future", kadm.Offset{At: 1000, Metadata: "by hand"}, 900, true},
	} {
		start := s.startOffset(&partition{topic: topicX, peers: map[bgp.Peer]*stream.Peer{}}, 50, 900, tt.commit)
		both := []*startOffset{start, other}
		since, why, gap := s.missing(both, true, true, false, newestMemory(both))
		if start.at != tt.at || gap != tt.gap || since != 0 || !position(start.p, start.at).After(last) {
			t.Errorf("%s: begins at %d, want %d; position %v, want one after %v; gap %t since %d (%s), want %t",
				tt.name, start.at, tt.at, position(start.p, start.at), last, gap, since, why, tt.gap)
		}
	}
}
