package dump

import (
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// form writes selected lines. Each method appends lines to dst.
type form interface {
	// message writes the withdrawals, the announcements and the End-of-RIBs of an UPDATE.
	message(dst []byte, it *capture.Item, u *wire.Update) []byte
	// entry writes a route of a table; hop is its next hop.
	entry(dst []byte, it *capture.Item, e *capture.RIBEntry, u *wire.Update, hop netip.Addr) []byte
	// state writes an item of kind State, PeerUp or PeerDown.
	state(dst []byte, it *capture.Item) []byte
}

// walk decodes items and passes the selected routes to a form. It does not decode records that
// their time, peer or table prefix excludes, so it does not find faults in them.
type walk struct {
	Tally

	decoder   wire.Decoder
	selection *Selection // nil selects all
	multicast bool       // decode multicast as unicast
	endOfRIB  bool       // the form has lines for End-of-RIBs
}

// append appends the lines of it to dst. The error reports that it.Message or the attributes of an
// entry cannot be decoded; the entries before that one are appended.
func (w *walk) append(dst []byte, it *capture.Item, f form) ([]byte, error) {
	switch it.Kind {
	case capture.Message:
		return w.message(dst, it, f)
	case capture.RIB:
		return w.rib(dst, it, f)
	case capture.State:
		return w.state(dst, it, f, TypeState), nil
	case capture.PeerUp:
		return w.state(dst, it, f, TypePeerUp), nil
	case capture.PeerDown:
		return w.state(dst, it, f, TypePeerDown), nil
	case capture.Note:
		w.skipped(it)
	case capture.CollectorUp, capture.CollectorDown:
	}
	return dst, nil
}

func (w *walk) message(dst []byte, it *capture.Item, f form) ([]byte, error) {
	if !w.selection.record(it) {
		return dst, nil
	}
	u, err := decodeMessage(&w.decoder, it, w.multicast)
	if u == nil || err != nil {
		return dst, err
	}
	w.note(u)
	if !w.endOfRIB {
		u.EndOfRIB = nil
	}
	w.selection.update(u)
	return f.message(dst, it, u), nil
}

func (w *walk) rib(dst []byte, it *capture.Item, f form) ([]byte, error) {
	s := w.selection
	if !s.record(it) || !s.kind(TypeRIB) || !s.prefix(it.Prefix) {
		return dst, nil
	}
	for i := range it.Entries {
		e := &it.Entries[i]
		if !s.peer(e.Peer) {
			continue
		}
		u, hop, err := decodeEntry(&w.decoder, e)
		if err != nil {
			return dst, fmt.Errorf("entry %d: %w", i+1, err)
		}
		w.note(u)
		if s.attributes(&u.Attributes) && s.take(1) == 1 {
			dst = f.entry(dst, it, e, u, hop)
		}
	}
	return dst, nil
}

func (w *walk) state(dst []byte, it *capture.Item, f form, t Type) []byte {
	if w.selection.record(it) && w.selection.state(t) {
		dst = f.state(dst, it)
	}
	return dst
}
