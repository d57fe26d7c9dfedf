package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Capability codes that DecodeOpen reads (IANA, Capability Codes).
const (
	capabilityMultiprotocol   = 1
	capabilityRouteRefresh    = 2
	capabilityExtendedMessage = 6
	capabilityGracefulRestart = 64
	capabilityFourOctetASN    = 65
	capabilityAddPath         = 69
)

// AddPathMode is the direction in which a speaker supports ADD-PATH (RFC 7911 §4).
type AddPathMode uint8

// The modes.
const (
	AddPathReceive AddPathMode = 1
	AddPathSend    AddPathMode = 2
	AddPathBoth    AddPathMode = 3
)

// AddPathFamily is one family of the ADD-PATH capability.
type AddPathFamily struct {
	Family AFISAFI
	Mode   AddPathMode
}

// Open is an OPEN message (RFC 4271 §4.2) with the capabilities (RFC 5492) that darkmap uses.
type Open struct {
	Version  uint8
	ASN      bgp.ASN // from the 4-octet AS capability if present (RFC 6793)
	HoldTime uint16  // seconds
	BGPID    netip.Addr
	// Families lists the families of the multiprotocol capability (RFC 4760 §8). Empty means IPv4
	// unicast alone.
	Families []AFISAFI
	AddPath  []AddPathFamily
	// FourOctetASN, ExtendedMessage (RFC 8654), RouteRefresh and GracefulRestart report whether the
	// OPEN announces the capability.
	FourOctetASN, ExtendedMessage, RouteRefresh, GracefulRestart bool
}

// DecodeOpen parses the body of an OPEN, without the 19-octet header. It supports extended
// parameter lengths (RFC 9072) and skips unknown parameters and capabilities. The error is
// ErrTruncated or ErrBadLength. The result does not refer to body.
func DecodeOpen(body []byte) (*Open, error) {
	if len(body) < 10 {
		return nil, fmt.Errorf("decoding an OPEN of %d octets: %w", len(body), ErrTruncated)
	}
	o := &Open{
		Version: body[0], ASN: bgp.ASN(binary.BigEndian.Uint16(body[1:])),
		HoldTime: binary.BigEndian.Uint16(body[3:]), BGPID: netip.AddrFrom4([4]byte(body[5:])),
	}
	n, b, header := int(body[9]), body[10:], 2
	if n == 255 && len(b) >= 3 && b[0] == 255 {
		n, b, header = int(binary.BigEndian.Uint16(b[1:])), b[3:], 3
	}
	if n != len(b) {
		return nil, fmt.Errorf("decoding an OPEN: %d octets of parameters, %d there: %w", n, len(b), ErrBadLength)
	}
	for len(b) > 0 {
		if len(b) < header {
			return nil, fmt.Errorf("decoding an OPEN's parameters: %w", ErrTruncated)
		}
		kind, n := b[0], int(b[1])
		if header == 3 {
			n = int(binary.BigEndian.Uint16(b[1:]))
		}
		if n > len(b)-header {
			return nil, fmt.Errorf("decoding an OPEN's parameter %d: %w", kind, ErrBadLength)
		}
		if kind == 2 {
			if err := o.capabilities(b[header : header+n]); err != nil {
				return nil, err
			}
		}
		b = b[header+n:]
	}
	return o, nil
}

// capabilities parses the value of one capabilities parameter (RFC 5492 §4).
func (o *Open) capabilities(b []byte) error {
	for len(b) > 0 {
		if len(b) < 2 || int(b[1]) > len(b)-2 {
			return fmt.Errorf("decoding an OPEN's capabilities: %w", ErrBadLength)
		}
		code, v := b[0], b[2:2+int(b[1])]
		b = b[2+len(v):]
		switch code {
		case capabilityMultiprotocol:
			if len(v) == 4 {
				o.Families = append(o.Families, AFISAFI{AFI: bgp.AFI(binary.BigEndian.Uint16(v)), SAFI: bgp.SAFI(v[3])})
			}
		case capabilityFourOctetASN:
			if len(v) == 4 {
				o.ASN, o.FourOctetASN = bgp.ASN(binary.BigEndian.Uint32(v)), true
			}
		case capabilityAddPath:
			for ; len(v) >= 4; v = v[4:] {
				f := AFISAFI{AFI: bgp.AFI(binary.BigEndian.Uint16(v)), SAFI: bgp.SAFI(v[2])}
				o.AddPath = append(o.AddPath, AddPathFamily{Family: f, Mode: AddPathMode(v[3])})
			}
		case capabilityExtendedMessage:
			o.ExtendedMessage = true
		case capabilityRouteRefresh:
			o.RouteRefresh = true
		case capabilityGracefulRestart:
			o.GracefulRestart = true
		}
	}
	return nil
}

// AddPathNegotiated reports whether NLRI of the unicast family carry path identifiers from sender
// to receiver (RFC 7911 §4). The sender must be able to send them and the receiver to receive them.
// If a capability lists a family twice, the last entry counts.
func AddPathNegotiated(sender, receiver *Open, family bgp.Family) bool {
	return sender.addPathMode(family)&AddPathSend != 0 && receiver.addPathMode(family)&AddPathReceive != 0
}

func (o *Open) addPathMode(family bgp.Family) AddPathMode {
	var mode AddPathMode
	for _, f := range o.AddPath {
		if f.Family == (AFISAFI{AFI: bgp.AFI(family), SAFI: bgp.SAFIUnicast}) && f.Mode <= AddPathBoth {
			mode = f.Mode
		}
	}
	return mode
}
