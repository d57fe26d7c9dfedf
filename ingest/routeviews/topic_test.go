package routeviews

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/routeviewstest"
)

func TestCollectorOf(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]string{
		"routeviews.amsix.64496.bmp_raw":             "routeviews/route-views.amsix",
		"routeviews.route-views2.64496.bmp_raw":      "routeviews/route-views2",
		"routeviews.route-views.linx.64496.bmp_raw":  "routeviews/route-views.linx",
		"routeviews.some-new-place.64496.bmp_raw":    "routeviews/some-new-place",
		"routeviews.64496.bmp_raw":                   "",
		"routeviews.amsix.64496.bmp_parsed":          "",
		"openbmp.bmp_raw":                            "",
		"routeviews.a collector.64496.bmp_raw":       "",
		"routeviews..64496.bmp_raw":                  "",
		"other.routeviews.amsix.64496.bmp_raw":       "",
		"routeviews.route-views3.4200000000.bmp_raw": "routeviews/route-views3",
	} {
		got, err := collectorOf(topic)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", topic, got, err, want)
		}
		if key := groupKey(topic); want != "" && key != want || want == "" && key != topic {
			t.Errorf("%s is handed out by %s", topic, key)
		}
	}
}

// nowhere is a producer that drops everything.
type nowhere struct{}

func (nowhere) Produce(context.Context, string, []byte) error { return nil }
func (nowhere) ProduceAll(context.Context, []byte) error      { return nil }

// BenchmarkRecord measures one record of a topic, from its octets to the producer.
func BenchmarkRecord(b *testing.B) {
	set, err := stream.NewSet(stream.DefaultConfig(), stream.Deps{Log: kafkatest.Log(), Now: time.Now, Instance: "a", Updates: nowhere{}, Feeds: nowhere{}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(DefaultConfig(), Deps{Log: kafkatest.Log(), Streams: set, Instance: "a", Installation: "test", Drain: 5 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	st, err := set.Open(b.Context(), "routeviews/x", stream.Options{Source: "routeviews", Clock: stream.Delayed, Archived: true})
	if err != nil {
		b.Fatal(err)
	}
	p := &partition{topic: "t", c: &collector{name: "routeviews/x", stream: st}, lane: st.Source(bgp.RouteViewsLane("t", 0)), peers: map[bgp.Peer]*stream.Peer{}}
	peer := routeviewstest.Peer{Address: netip.MustParseAddr("203.0.113.1"), ASN: 64496}
	body := []byte{
		0, 0, 0, 28, 0x40, 1, 1, 0, 0x40, 2, 14, 2, 3, 0, 0, 25, 47, 0, 0, 251, 240, 0, 0, 251, 241, 0x40, 3, 4, 203, 0, 113, 1, 24, 198, 51, 100,
	}
	update := []byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, byte(19 + len(body)), 2}
	now := time.Now().UnixMicro()
	rec := &kgo.Record{Topic: "t", Value: routeviewstest.Header{Collector: "collector", Group: "x", Timestamp: now}.Wrap(peer.Monitor(now, append(update, body...)))}
	b.SetBytes(int64(len(rec.Value)))
	for b.Loop() {
		if err := s.advance(b.Context(), p, rec); err != nil {
			b.Fatal(err)
		}
		rec.Offset++
	}
}
