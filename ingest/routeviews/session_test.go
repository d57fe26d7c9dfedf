package routeviews

import (
	"fmt"
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
	"github.com/darkmap/darkmap/internal/routeviewstest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const topicX = "routeviews.x.64496.bmp_raw"

// hear processes BMP messages, one per record, from the next offset on. A nil message is a record
// without a value.
func (s rig) hear(t *testing.T, topic string, messages ...[]byte) {
	t.Helper()
	fp := kgo.FetchPartition{}
	for i, m := range messages {
		var value []byte
		if m != nil {
			value = routeviewstest.Header{Timestamp: time.Now().UnixMicro()}.Wrap(m)
		}
		fp.Records = append(fp.Records, &kgo.Record{Topic: topic, Offset: s.parts[topic][0].next + int64(i), Value: value})
	}
	if err := s.take(t.Context(), kgo.Fetches{{Topics: []kgo.FetchTopic{{Topic: topic, Partitions: []kgo.FetchPartition{fp}}}}}); err != nil {
		t.Fatal(err)
	}
}

// heard returns the resulting records, without the begin of the stream.
func heard(t *testing.T, set *streamtest.Set) []string {
	t.Helper()
	return streamtest.Bodies(set.Updates.Updates(t), "routeviews/x", "")[1:]
}

// TestMalformed checks that a Peer Down with an unreadable reason, and a Peer Up with unreadable
// OPENs, count, and are dead letters.
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

// TestCaughtUp checks that a collector is up once all waiting records were read, also if none of
// them is a route: statistics, records without a value.
func TestCaughtUp(t *testing.T) {
	t.Parallel()
	set := streamtest.New(t, stream.DefaultConfig(), nil)
	s, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	const topicY = "routeviews.x.64497.bmp_raw"
	now := time.Now().UnixMicro()
	var starts []*startOffset
	for _, topic := range []string{topicX, topicY} {
		p := &partition{topic: topic, next: 7, peers: map[bgp.Peer]*stream.Peer{}}
		s.parts[topic] = map[int32]*partition{0: p}
		starts = append(starts, &startOffset{p: p, at: 7, end: 9, known: true, memory: memory{At: now, Clock: now, Epoch: 7}})
	}
	if err := s.open(t.Context(), "routeviews/x", starts); err != nil {
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

// TestRouterEnds checks that peers are down when their router's session has ended, by a Termination
// or because another one began. If an earlier owner may have known more peers, one gap begins.
func TestRouterEnds(t *testing.T) {
	t.Parallel()
	p, q, r := bmptest.Neighbour(1), bmptest.Neighbour(2), bmptest.Neighbour(3)
	up, route := bmptest.PeerUp, func(p bmptest.Peer) []byte { return bmptest.Monitoring(p, bmptest.Announce(bmptest.Route(1), p.ASN)) }
	init, end := bmptest.Initiation("r"), bmptest.Termination()
	for _, tt := range []struct {
		name     string
		unheard  bool
		messages [][]byte
		want     []string
	}{
		{"Termination", false, [][]byte{end}, []string{"down 1", "down 2"}},
		{"Termination, handed over", true, [][]byte{end, up(p), end}, []string{"down 1", "down 2", "gap", "up 1", "down 1"}},
		{"reboot", false, [][]byte{init, up(p), route(p)}, []string{"down 2", "up 1", "route 1"}},
		{"reboot, handed over", true, [][]byte{init, up(p), route(p)}, []string{"down 2", "gap", "up 1", "route 1"}},
		{"reboot, a new peer first", false, [][]byte{init, up(r), route(r), up(p)}, []string{"up 3", "route 3", "down 2", "up 1"}},
		{"reboot, a peer is down", false, [][]byte{init, bmptest.PeerDown(q, 4), up(p), up(q)}, []string{"down 2", "up 1", "up 2"}},
		{"Initiation in a session", false, [][]byte{init, route(p), up(p)}, []string{"route 1", "up 1"}},
		{"Initiation in a session, handed over", true, [][]byte{init, route(r), up(r)}, []string{"route 3", "up 3"}},
		{"Initiation in a session, an unheard peer comes up", true, [][]byte{init, up(r), route(p), up(p)}, []string{"up 3", "route 1", "up 1"}},
		{"reboot, handed over, nobody is known", true, [][]byte{bmptest.PeerDown(p, 4), bmptest.PeerDown(q, 4), init, up(p), up(q)}, []string{"down 1", "down 2", "gap", "up 1", "up 2"}},
		{"Peer Up in a session", true, [][]byte{up(p)}, []string{"up 1"}},
	} {
		set, s := followed(t)
		s.hear(t, topicX, up(p), up(q))
		s.parts[topicX][0].unheard = tt.unheard
		s.hear(t, topicX, tt.messages...)
		if diff := cmp.Diff(tt.want, said(t, set)[3:]); diff != "" {
			t.Errorf("%s: records (-want +got):\n%s", tt.name, diff)
		}
	}
}

// said returns the records with the last octet of the peer's address.
func said(t *testing.T, set *streamtest.Set) []string {
	t.Helper()
	var out []string
	for _, r := range set.Updates.Updates(t) {
		of := func(what string, p *pb.Peer) string { return fmt.Sprintf("%s %d", what, p.GetAddress()[3]) }
		switch b := r.GetBody().(type) {
		case *pb.UpdateRecord_PeerUp:
			out = append(out, of("up", b.PeerUp.GetPeer()))
		case *pb.UpdateRecord_PeerDown:
			out = append(out, of("down", b.PeerDown.GetPeer()))
		case *pb.UpdateRecord_BgpMessage:
			out = append(out, of("route", b.BgpMessage.GetPeer()))
		case *pb.UpdateRecord_GapBegin:
			out = append(out, "gap")
		default:
			out = append(out, "other")
		}
	}
	return out
}

// TestHandedOver checks that the next owner does not know the router's peers of the owner before.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at   int64
		want []string
	}{{7, []string{"CollectorUp", "GapBegin"}}, {0, []string{"CollectorUp"}}} {
		set := streamtest.New(t, stream.DefaultConfig(), nil)
		s, err := New(DefaultConfig(), Deps{Log: slog.New(slog.DiscardHandler), Streams: set.Set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UnixMicro()
		p := &partition{topic: topicX, next: tt.at, peers: map[bgp.Peer]*stream.Peer{}}
		s.parts[topicX] = map[int32]*partition{0: p}
		if err := s.open(t.Context(), "routeviews/x", []*startOffset{{p: p, at: tt.at, end: tt.at, known: true, memory: memory{At: now, Clock: now, Epoch: 7}}}); err != nil {
			t.Fatal(err)
		}
		s.fresh = nil // there is no cluster to commit to
		rig{s}.hear(t, topicX, bmptest.Termination(), bmptest.Termination())
		if diff := cmp.Diff(tt.want, heard(t, set)); diff != "" {
			t.Errorf("from offset %d on: records (-want +got):\n%s", tt.at, diff)
		}
	}
}
