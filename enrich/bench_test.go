package enrich

import (
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datatest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// archiveRecords returns up to limit records of an archive in the form of the file ingest, and the
// number of their route changes.
func archiveRecords(tb testing.TB, name string, limit int) (values [][]byte, changes int) {
	tb.Helper()
	f, err := os.Open(datatest.Path(tb, "mrt", name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	r := wire.NewMRTReader(z)
	var d wire.Decoder
	for len(values) < limit {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		if rec.Class() != wire.MRTMessageRecord {
			continue
		}
		m, err := rec.Message()
		if err != nil {
			tb.Fatal(err)
		}
		kind, body, err := wire.SplitMessage(m.Message)
		if err != nil || kind != wire.MessageUpdate {
			continue
		}
		u, err := d.DecodeUpdate(body, wire.Options{ASOctets: m.ASOctets})
		if err != nil {
			tb.Fatal(err)
		}
		changes += len(u.Announced) + len(u.Withdrawn)
		value, err := (&pb.UpdateRecord{
			Position:    &pb.Position{Collector: "file/bench", Lane: "file/0123456789abcdef", Sequence: uint64(len(values) + 1)},
			TimestampUs: 1419264900000001, ReceivedAtUs: 1419264900000002,
			Body: &pb.UpdateRecord_BgpMessage{BgpMessage: &pb.BGPMessage{
				Peer: codec.Peer(bgp.Peer{Address: m.PeerAddress, ASN: m.PeerASN}, netip.Addr{}), Raw: m.Message, AsOctets: uint32(m.ASOctets),
			}},
		}).MarshalVT()
		if err != nil {
			tb.Fatal(err)
		}
		values = append(values, value)
	}
	return values, changes
}

// worldSources returns sources of a whole table: origins of 2014, names, and countries of 2022.
func worldSources(tb testing.TB) *Sources {
	tb.Helper()
	s, err := OpenSources(Config{
		Geo: geo.Config{Files: []geo.File{{Path: datatest.Path(tb, "enrich", "ipfire-20221029.prefix-asn-cc.tsv.gz")}}},
		ASN: asn.Config{Files: []string{datatest.Path(tb, "enrich", "ipasn_20140513.dat.gz"), datatest.Path(tb, "enrich", "pyasn-asnames.json.gz")}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkTransform(b *testing.B) {
	s := worldSources(b)
	for _, name := range []string{"updates.et-header.2015.gz", "routeviews2-20130101-arch0.mrt.gz"} {
		values, changes := archiveRecords(b, name, 20_000)
		b.Run(strings.TrimSuffix(name, ".gz"), func(b *testing.B) {
			e := NewEnricher(s)
			var out [][]byte
			b.ReportAllocs()
			rounds := 0
			for b.Loop() {
				rounds++
				for _, v := range values {
					var err error
					if out, err = e.Transform(out[:0], v); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*changes), "ns/change")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rounds*len(values)), "ns/record")
			b.ReportMetric(float64(changes)/float64(len(values)), "changes/record")
		})
	}
	single := [][]byte{encode(b, record(message(wire.MessageUpdate, updateBody(nil, pathAttributes(64500, 4837, 131279), nlri("175.45.176.0/24")))))}
	b.Run("single", func(b *testing.B) {
		e := NewEnricher(s)
		var out [][]byte
		b.ReportAllocs()
		for b.Loop() {
			out, _ = e.Transform(out[:0], single[0])
		}
	})
}
