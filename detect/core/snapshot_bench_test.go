package core

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// BenchmarkSnapshot writes and reads a detector with 600,000 prefixes of 40 peers, two pairs each,
// after an hour of changes of a part of them.
func BenchmarkSnapshot(b *testing.B) {
	f := benchWorld(b)
	for range 60 {
		f.close()
	}
	f.outs = nil
	began := cpu(b)
	raw := snapshotOf(b, f.detector)
	wrote := cpu(b) - began
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	began = cpu(b)
	packed := enc.EncodeAll(raw, nil)
	b.Logf("written once in %d ms, compressed (zstd 1) in %d ms: %.1f octets a prefix, %.1f compressed", wrote/1e6, (cpu(b)-began)/1e6, float64(len(raw))/benchPrefixes, float64(len(packed))/benchPrefixes)
	b.Run("write", func(b *testing.B) {
		began := cpu(b)
		for b.Loop() {
			snapshotOf(b, f.detector)
		}
		b.ReportMetric(float64(cpu(b)-began)/float64(b.N)/1e6, "cpu-ms/op")
	})
	b.Run("read", func(b *testing.B) {
		began := cpu(b)
		for b.Loop() {
			d, err := New(f.detector.cfg)
			if err != nil {
				b.Fatal(err)
			}
			if err := d.Restore(bytes.NewReader(raw)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpu(b)-began)/float64(b.N)/1e6, "cpu-ms/op")
	})
}
