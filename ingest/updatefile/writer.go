package updatefile

import (
	"context"
	"errors"
	"net/netip"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/tablechunk"
	"github.com/darkmap/darkmap/internal/capture"
)

// noID is the BGP identifier of a peer in an update file, which contains none.
var noID netip.Addr

// overhead is about the number of octets that a record has beside its message.
const overhead = 96

// Writer writes items of update files to a lane of a stream. It belongs to one goroutine.
type Writer struct {
	Stream *stream.Stream
	Lane   *stream.Lane

	scratch stream.Message
}

// Carries reports whether Write writes anything for an item. It does for a message, and for a
// session that came up or went down, of a router other than the collector.
func Carries(it *capture.Item) bool {
	up, down := tablechunk.Session(it)
	return !it.Local && (up || down || it.Kind == capture.Message)
}

// Write writes an item that Carries accepts, and returns about how many octets that took. It skips
// an item of a peer above the stream's limit, and returns 0.
func (w *Writer) Write(ctx context.Context, it *capture.Item) (int, error) {
	p, err := w.Stream.Peer(it.Peer, noID)
	if err != nil {
		if errors.Is(err, stream.ErrTooManyPeers) {
			return 0, nil
		}
		return 0, err
	}
	switch up, down := tablechunk.Session(it); {
	case up:
		return overhead, w.Lane.PeerUp(ctx, p, it.Timestamp)
	case down:
		return overhead, w.Lane.PeerDown(ctx, p, it.Timestamp, "as the archive says")
	}
	w.scratch = stream.Message{
		Peer: p, Timestamp: it.Timestamp, Raw: it.Message, ASOctets: it.ASOctets, AddPathIPv4: it.AddPathIPv4,
		AddPathIPv6: it.AddPathIPv6,
	}
	return overhead + len(it.Message), w.Lane.Message(ctx, &w.scratch)
}
