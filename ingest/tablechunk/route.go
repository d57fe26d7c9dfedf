package tablechunk

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// ErrNoRoute says that AS 0 is in a route's path: it is no route (RFC 7607), in a table as in an UPDATE.
var ErrNoRoute = errors.New("no route")

// Route reads where a route of a table leads: its origin AS and the neighbour of that. A path without an AS is the peer's own.
// The error is ErrNoRoute, or wire's: an attribute is malformed, and nothing but what is returned is known of how the peer holds the prefix.
func Route(d *wire.Decoder, e *capture.RIBEntry) (origin, upstream bgp.ASN, err error) {
	u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: e.ASOctets})
	if err != nil {
		return 0, 0, err
	}
	if u.TreatAsWithdraw {
		return 0, 0, fmt.Errorf("%w: %w", ErrNoRoute, u.Malformed)
	}
	if fault, ok := errors.AsType[*wire.AttributeError](u.Malformed); ok && fault.Remedy == wire.TreatAsWithdraw {
		err = fault
	}
	path := u.Attributes.Path
	if len(path) == 0 && err == nil {
		return e.Peer.ASN, path.Upstream(), nil
	}
	return path.Origin(), path.Upstream(), err
}

// Session says what a change of state means for the session between collector and peer; neither is no news.
func Session(it *capture.Item) (up, down bool) {
	switch it.Kind {
	case capture.PeerUp:
		return true, false
	case capture.PeerDown:
		return false, true
	case capture.State:
		up = it.NewState == bgp.Established
		return up, !up && (it.OldState == bgp.Established || it.NewState == bgp.Idle)
	default:
		return false, false
	}
}
