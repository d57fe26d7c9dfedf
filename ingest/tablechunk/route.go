package tablechunk

import (
	"errors"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// ErrNoRoute reports that AS 0 is in a route's path. Such a path is no route (RFC 7607), in a table
// as in an UPDATE.
var ErrNoRoute = errors.New("no route")

// Route returns the origin AS of a table's route, and the origin's neighbour in the path. A path
// without an AS belongs to the peer itself. The error is ErrNoRoute, or an error of package wire:
// an attribute is malformed. Only the returned values are then known of the peer's route.
func Route(d *wire.Decoder, e *capture.RIBEntry) (origin, upstream bgp.ASN, err error) {
	u, err := d.DecodeAttributes(e.Attributes, wire.Options{ASOctets: e.ASOctets})
	if err != nil {
		return 0, 0, err
	}
	if u.TreatAsWithdraw {
		return 0, 0, fmt.Errorf("%w: %w", ErrNoRoute, u.Malformed)
	}
	if fault, ok := errors.AsType[*wire.AttributeError](u.Malformed); ok &&
		fault.Remedy == wire.TreatAsWithdraw {
		err = fault
	}
	path := u.Attributes.Path
	if len(path) == 0 && err == nil {
		return e.Peer.ASN, path.Upstream(), nil
	}
	return path.Origin(), path.Upstream(), err
}

// Session returns the effect of an item on the session between collector and peer. If both results
// are false, the state did not change.
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
