package dump

import (
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// Count formats no lines: the selection counts them.
type Count struct{ walk }

// NewCount returns a Count. With multicast it counts lines as bgpdump prints them, else as JSON.
func NewCount(multicast bool, s *Selection) *Count {
	return &Count{walk{selection: s, multicast: multicast, endOfRIB: !multicast}}
}

// Append appends nothing to dst. The error reports that it.Message or the attributes of an entry
// cannot be decoded.
func (f *Count) Append(dst []byte, it *capture.Item) ([]byte, error) {
	return f.append(dst, it, nothing{})
}

// nothing is a form without lines.
type nothing struct{}

func (nothing) message(dst []byte, _ *capture.Item, _ *wire.Update) []byte { return dst }

func (nothing) entry(dst []byte, _ *capture.Item, _ *capture.RIBEntry, _ *wire.Update, _ netip.Addr) []byte {
	return dst
}

func (nothing) state(dst []byte, _ *capture.Item) []byte { return dst }
