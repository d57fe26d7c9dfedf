package dump

import (
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
)

// maxNames bounds the cached names, because a capture can hold any number of collector names.
const maxNames = 1024

// collectorNames returns the collector name of a line: the user's name, else the capture's.
type collectorNames struct {
	collector string
	named     bool // by the user
	encode    func(string) []byte
	encoded   map[string][]byte // a capture has a few
}

func newCollectorNames(collector string, named bool, encode func(string) []byte) *collectorNames {
	return &collectorNames{collector: collector, named: named, encode: encode, encoded: map[string][]byte{}}
}

// of returns the encoded name of the item's collector.
func (n *collectorNames) of(it *capture.Item) []byte {
	name := it.Collector
	if n.named || name == "" {
		name = n.collector
	}
	if b, ok := n.encoded[name]; ok {
		return b
	}
	shown := name
	if ris, err := bgp.CollectorName(bgp.ProjectRIS, name); err == nil {
		shown = ris
	}
	b := n.encode(shown)
	if len(n.encoded) < maxNames {
		n.encoded[name] = b
	}
	return b
}
