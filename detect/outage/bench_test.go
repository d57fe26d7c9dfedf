package outage

import (
	"testing"

	"github.com/darkmap/darkmap/internal/bgp"
)

// BenchmarkClose closes minutes of an Internet of 80,000 ASes. In each minute 5,000 of them change
// a little, while 1,000 prefixes are lost.
func BenchmarkClose(b *testing.B) {
	w := newWorld(b, noon, DefaultConfig())
	samples := make([]Sample, 80000)
	for i := range samples {
		samples[i] = Sample{
			Key: asKey(bgp.ASN(i + 1)), Space: 100 * 256, Prefixes: 100, KnownSpace: 100 * 256, KnownPrefixes: 100, SharePermille: 1000,
		}
	}
	w.engine.Close(w.now, samples)
	for _, p := range networks(1000) {
		k := prefixKey(p)
		w.known[k] = networks(1)
		w.setDown(k, 1)
	}
	w.minutes(10)
	changed := samples[:5000]
	n := 0
	for b.Loop() {
		for i := range changed {
			changed[i].Space = uint64(100-n%8) * 256
			changed[i].Prefixes = 100 - n%8
		}
		n++
		w.engine.Close(w.now, changed)
		w.now += minute
	}
}
