package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/darkmap/darkmap/internal/bgp"
)

// RefreshKind is the message subtype of a ROUTE-REFRESH (RFC 7313 §3.2).
type RefreshKind uint8

// The kinds.
const (
	// RefreshRequest asks for the receiver's routes (RFC 2918).
	RefreshRequest RefreshKind = 0
	// RefreshBegins (BoRR): the sender sends all routes of the family again.
	RefreshBegins RefreshKind = 1
	// RefreshEnds (EoRR): the sender has sent them.
	RefreshEnds RefreshKind = 2
)

// DecodeRefresh parses the body of a ROUTE-REFRESH, without the 19-octet header. The error is
// ErrBadLength.
func DecodeRefresh(body []byte) (RefreshKind, AFISAFI, error) {
	if len(body) < 4 {
		return 0, AFISAFI{}, fmt.Errorf("decoding a ROUTE-REFRESH of %d octets: %w", len(body), ErrBadLength)
	}
	return RefreshKind(body[2]), AFISAFI{
		AFI: bgp.AFI(binary.BigEndian.Uint16(body)), SAFI: bgp.SAFI(body[3]),
	}, nil
}

// Unicast returns f as a family of unicast routes. ok is false for other families.
func (f AFISAFI) Unicast() (family bgp.Family, ok bool) {
	return bgp.Family(f.AFI), f.unicast() // AFI 1 and 2 are the numbers of the families
}
