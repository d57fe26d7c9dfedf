package routeviews_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const collectorASN = 6447

// world is RouteViews' cluster and darkmap's, which may be the same.
type world struct {
	t    *testing.T
	cfg  kafka.Config
	rv   []string // RouteViews' brokers
	cl   *kgo.Client
	adm  *kadm.Client
	want map[string][][]byte // by topic and offset: the UPDATE as the peer sent it; nil: none
}

func newWorld(t *testing.T, cfg kafka.Config) *world {
	t.Helper()
	return newWorlds(t, cfg, cfg.Brokers)
}

func newWorlds(t *testing.T, cfg kafka.Config, rv []string) *world {
	t.Helper()
	w := &world{t: t, cfg: cfg, rv: rv, want: map[string][][]byte{}}
	w.connect()
	return w
}

// connect creates a client. A client that knew a deleted topic would continue to request it.
func (w *world) connect() {
	w.t.Helper()
	var err error
	if w.cl, err = kafka.NewClient(kafka.Config{Brokers: w.rv}, kafkatest.Log(), kgo.MetadataMinAge(50*time.Millisecond), kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.cl.Close)
	w.adm = kadm.NewClient(w.cl)
}

// topic returns the name of a topic of the test.
func (w *world) topic(collector string, asn bgp.ASN) string {
	return fmt.Sprintf("routeviews.%s-%s.%d.bmp_raw", dataset(w.cfg), collector, asn)
}

// create creates topics of one partition.
func (w *world) create(topics ...string) {
	w.t.Helper()
	resp, err := w.adm.CreateTopics(w.t.Context(), 1, 1, nil, topics...)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// put appends to a topic: BMP messages, each with its expected UPDATE.
func (w *world) put(topic string, timestamp int64, bmp, update []byte) {
	w.t.Helper()
	h := routeviewstest.Header{Collector: "test", Group: "test", Router: netip.MustParseAddr("192.0.2.9"), Timestamp: timestamp}
	w.want[topic] = append(w.want[topic], update)
	w.cl.Produce(w.t.Context(), &kgo.Record{Topic: topic, Value: h.Wrap(bmp)}, func(_ *kgo.Record, err error) {
		if err != nil {
			w.t.Error(err)
		}
	})
}

func (w *world) flush() {
	w.t.Helper()
	if err := w.cl.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// until waits until f is true, at most for limit, and returns how long that took.
func (w *world) until(what string, limit time.Duration, f func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		if time.Since(began) > limit {
			w.t.Fatalf("after %v: not %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(began)
}

// committed reports whether the group has committed an offset for each topic; all: up to its end.
func (w *world) committed(all bool) bool {
	w.t.Helper()
	offsets, err := w.adm.FetchOffsets(w.t.Context(), follow(w.cfg).Group)
	if errors.Is(err, kerr.GroupIDNotFound) || kerr.IsRetriable(err) {
		return false
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for topic, list := range w.want {
		o, ok := offsets.Lookup(topic, 0)
		if !ok || o.At < 0 || all && o.At < int64(len(list)) {
			return false
		}
	}
	return true
}

// updates returns the records of bgp.updates without repeated ones, as readers do.
func (w *world) updates() (recs []*pb.UpdateRecord, twice int) {
	w.t.Helper()
	last := map[bgp.LaneKey]bgp.Position{}
	for _, r := range kafkatest.Read(w.t, w.cfg, schemas.TopicUpdates) {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(r.Value); err != nil {
			w.t.Fatal(err)
		}
		p := codec.ParsePosition(u.GetPosition())
		if old, ok := last[p.Of()]; ok && !p.After(old) {
			twice++
			continue
		}
		last[p.Of()] = p
		recs = append(recs, u)
	}
	return recs, twice
}

// check compares bgp.updates with the messages in the topics: each message once, in order, at its
// position.
func (w *world) check() (messages, twice int) {
	w.t.Helper()
	recs, twice := w.updates()
	got := map[string][]*pb.UpdateRecord{}
	for _, r := range recs {
		if r.GetBgpMessage() != nil {
			got[r.GetPosition().GetLane()] = append(got[r.GetPosition().GetLane()], r)
		}
	}
	for topic, list := range w.want {
		lane := got[string(bgp.RouteViewsLane(topic, 0))]
		for offset, raw := range list {
			if raw == nil {
				continue
			}
			if len(lane) == 0 {
				w.t.Fatalf("%s: offset %d and what follows is missing", topic, offset)
			}
			r := lane[0]
			lane = lane[1:]
			if want := uint64(offset)<<16 + 1; r.GetPosition().GetSequence() != want || r.GetPosition().GetEpoch() != got[string(bgp.RouteViewsLane(topic, 0))][0].GetPosition().GetEpoch() {
				w.t.Fatalf("%s: got position %v, want sequence %d of one epoch", topic, r.GetPosition(), want)
			}
			if !bytes.Equal(r.GetBgpMessage().GetRaw(), raw) {
				w.t.Fatalf("%s: offset %d: got %x, want %x", topic, offset, r.GetBgpMessage().GetRaw(), raw)
			}
			messages++
		}
		if len(lane) > 0 {
			w.t.Fatalf("%s: %d messages too many", topic, len(lane))
		}
	}
	return messages, twice
}

// feeds returns the records of bgp.feeds.
func (w *world) feeds() []*pb.FeedRecord {
	w.t.Helper()
	var out []*pb.FeedRecord
	for _, r := range kafkatest.Read(w.t, w.cfg, schemas.TopicFeeds) {
		f := &pb.FeedRecord{}
		if err := f.UnmarshalVT(r.Value); err != nil {
			w.t.Fatal(err)
		}
		out = append(out, f)
	}
	return out
}

// owners returns the instance that last brought each collector up.
func (w *world) owners() map[string]string {
	w.t.Helper()
	out, epoch := map[string]string{}, map[string]uint64{}
	for _, f := range w.feeds() {
		if f.GetEvent() == pb.FeedEvent_FEED_EVENT_UP && f.GetPeer() == nil && f.GetPosition().GetEpoch() >= epoch[f.GetCollector()] {
			out[f.GetCollector()], epoch[f.GetCollector()] = f.GetInstance(), f.GetPosition().GetEpoch()
		}
	}
	return out
}

// captured is a message of the shared captures.
type captured struct {
	at     int64
	peer   routeviewstest.Peer
	update []byte
}

// realMessages reads UPDATEs of route-views2, 2013-01-01.
func realMessages(t *testing.T, limit int) []captured {
	t.Helper()
	var out []captured
	for i := range 4 {
		f, err := os.Open(datatest.Path(t, "mrt", fmt.Sprintf("routeviews2-20130101-arch%d.mrt.gz", i)))
		if err != nil {
			t.Fatal(err)
		}
		in, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r := wire.NewMRTReader(in)
		for limit == 0 || len(out) < limit {
			rec, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if rec.Class() != wire.MRTMessageRecord {
				continue
			}
			m, err := rec.Message()
			if err != nil {
				t.Fatal(err)
			}
			if kind, _, err := wire.SplitMessage(m.Message); err != nil || kind != wire.MessageUpdate {
				continue
			}
			p := routeviewstest.Peer{Address: m.PeerAddress, ASN: uint32(m.PeerASN), TwoOctet: m.ASOctets == 2}
			out = append(out, captured{rec.Timestamp, p, slices.Clone(m.Message)})
		}
		_ = f.Close() // it was read only
	}
	return out
}

// width returns the width of the peer's AS numbers.
func width(p routeviewstest.Peer) int {
	if p.TwoOctet {
		return 2
	}
	return 4
}
