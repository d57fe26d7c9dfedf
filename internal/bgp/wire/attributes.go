package wire

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Type codes of path attributes (IANA, BGP Path Attributes).
const (
	typeOrigin          = 1
	typeASPath          = 2
	typeNextHop         = 3
	typeMED             = 4
	typeLocalPref       = 5
	typeAtomicAggregate = 6
	typeAggregator      = 7
	typeCommunities     = 8
	typeOriginatorID    = 9
	typeClusterList     = 10
	typeMPReach         = 14
	typeMPUnreach       = 15
	typeExtCommunities  = 16
	typeAS4Path         = 17
	typeAS4Aggregator   = 18
	typeIPv6ExtComm     = 25
	typeLargeCommunity  = 32
	typeOTC             = 35
)

// Attribute flags (RFC 4271 §4.3).
const (
	flagOptional   = 0x80
	flagTransitive = 0x40
	flagExtended   = 0x10
)

// wantFlags holds the Optional and Transitive bits that a type code must have. 1 means that the
// decoder does not check them.
var wantFlags = [36]uint8{
	0: 1, typeOrigin: flagTransitive, typeASPath: flagTransitive, typeNextHop: flagTransitive,
	typeMED:       flagOptional,
	typeLocalPref: flagTransitive, typeAtomicAggregate: flagTransitive,
	typeAggregator:  flagOptional | flagTransitive,
	typeCommunities: flagOptional | flagTransitive, typeOriginatorID: flagOptional,
	typeClusterList: flagOptional,
	11:              1, 12: 1, 13: 1, typeMPReach: flagOptional, typeMPUnreach: flagOptional,
	typeExtCommunities: flagOptional | flagTransitive, typeAS4Path: flagOptional | flagTransitive,
	typeAS4Aggregator: flagOptional | flagTransitive,
	19:                1, 20: 1, 21: 1, 22: 1, 23: 1, 24: 1, typeIPv6ExtComm: flagOptional | flagTransitive,
	26: 1, 27: 1, 28: 1, 29: 1, 30: 1, 31: 1, typeLargeCommunity: flagOptional | flagTransitive,
	33: 1, 34: 1, typeOTC: flagOptional | flagTransitive,
}

// attributeList is the result of walk: the attributes it has met, and the values that are decoded
// together at the end.
type attributeList struct {
	seen                           uint64 // bit n: type code n, up to 63
	asPath, as4Path, as4Aggregator []byte
	count                          int
	emptyUnreach                   bgp.Family // family of an MP_UNREACH_NLRI without a route
	aggregatorASN                  bgp.ASN    // AS number in AGGREGATOR itself
	noRoute                        bool       // AS_PATH contains AS 0
}

func (l *attributeList) has(code uint8) bool { return l.seen&(1<<code) != 0 }

// walk reads the list of attributes once (RFC 4271 §4.3, RFC 7606 §3 and §4). The error is
// ErrBadNLRI.
func (d *Decoder) walk(b []byte, o Options, rib bool) error {
	for len(b) > 0 {
		if len(b) < 3 {
			d.malformed(0, "the list ends within an attribute", TreatAsWithdraw)
			return nil
		}
		flags, code, n, header := b[0], b[1], int(b[2]), 3
		if flags&flagExtended != 0 {
			if len(b) < 4 {
				d.malformed(code, "the list ends within an attribute", TreatAsWithdraw)
				return nil
			}
			n, header = int(binary.BigEndian.Uint16(b[2:])), 4
		}
		if n > len(b)-header {
			d.malformed(code, "longer than the list of attributes", TreatAsWithdraw)
			return nil
		}
		value := b[header : header+n : header+n]
		b = b[header+n:]
		d.list.count++
		if code < 64 {
			bit := uint64(1) << code
			if d.list.seen&bit != 0 && code != typeMPReach && code != typeMPUnreach {
				d.malformed(code, "appears more than once", AttributeDiscard)
				continue
			}
			d.list.seen |= bit
		}
		if int(code) < len(wantFlags) {
			if want := wantFlags[code]; want != 1 && flags&(flagOptional|flagTransitive) != want {
				d.badFlags(code)
			}
		}
		if err := d.attribute(code, value, o, rib); err != nil {
			return err
		}
	}
	return nil
}

// badFlags applies the remedy of RFC 7606 §3 c. AS4_PATH and AS4_AGGREGATOR are discarded (RFC 6793
// §6).
func (d *Decoder) badFlags(code uint8) {
	remedy := TreatAsWithdraw
	if code == typeAS4Path || code == typeAS4Aggregator {
		remedy = AttributeDiscard
	}
	d.malformed(code, "wrong flags", remedy)
}

// attribute decodes the value of one attribute, or records its octets for a later step.
func (d *Decoder) attribute(code uint8, v []byte, o Options, rib bool) error {
	a := &d.update.Attributes
	switch code {
	case typeASPath:
		d.list.asPath = v
	case typeAS4Path:
		d.list.as4Path = v
	case typeAggregator:
		a.RawAggregator = v
	case typeAS4Aggregator:
		d.list.as4Aggregator = v
	case typeMPReach:
		return d.reach(v, o, rib)
	case typeMPUnreach:
		return d.unreach(v, o)
	case typeOrigin:
		if len(v) != 1 || v[0] > 2 {
			d.malformed(code, "not one of 0, 1 and 2", TreatAsWithdraw)
			break
		}
		a.Origin, a.HasOrigin = v[0], true
	case typeNextHop:
		if d.length(code, v, 4, 4) {
			a.NextHop = netip.AddrFrom4([4]byte(v))
		}
	case typeMED:
		if d.length(code, v, 4, 4) {
			a.MED, a.HasMED = binary.BigEndian.Uint32(v), true
		}
	case typeLocalPref:
		if d.length(code, v, 4, 4) {
			a.LocalPref, a.HasLocalPref = binary.BigEndian.Uint32(v), true
		}
	case typeAtomicAggregate:
		a.AtomicAggregate = true
		if len(v) != 0 {
			a.AtomicAggregate = false
			d.malformed(code, "not empty", AttributeDiscard)
		}
	default:
		d.lists(code, v)
	}
	return nil
}

// lists decodes attributes that hold a list of fixed-size values.
func (d *Decoder) lists(code uint8, v []byte) {
	a := &d.update.Attributes
	switch code {
	case typeCommunities:
		if d.length(code, v, 4, 1<<16) {
			for ; len(v) >= 4; v = v[4:] {
				a.Communities = append(a.Communities, binary.BigEndian.Uint32(v))
			}
		}
	case typeLargeCommunity:
		if d.length(code, v, 12, 1<<16) {
			for ; len(v) >= 12; v = v[12:] {
				a.LargeCommunities = append(a.LargeCommunities,
					[3]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:]), binary.BigEndian.Uint32(v[8:])})
			}
		}
	case typeOriginatorID, typeOTC: // RFC 9234 §5 requires the same for OTC
		d.length(code, v, 4, 4)
	case typeClusterList:
		d.length(code, v, 4, 1<<16)
	case typeExtCommunities:
		d.length(code, v, 8, 1<<16)
	case typeIPv6ExtComm:
		d.length(code, v, 20, 1<<16)
	}
}

// length checks that the length of v is a non-zero multiple of unit and at most limit octets. It
// records a fault otherwise.
func (d *Decoder) length(code uint8, v []byte, unit, limit int) bool {
	if len(v) == 0 || len(v)%unit != 0 || len(v) > limit {
		d.malformed(code, "bad length", TreatAsWithdraw)
		return false
	}
	return true
}

// reach decodes MP_REACH_NLRI (RFC 4760 §3, RFC 2545, RFC 8950). In a RIB entry, a first octet
// other than 0 marks the short form (RFC 6396 §4.3.4): it is the length of the next hop.
func (d *Decoder) reach(v []byte, o Options, rib bool) error {
	u := &d.update
	if rib && len(v) > 0 && v[0] != 0 {
		if n := int(v[0]); n > len(v)-1 || !d.nextHop(v[1:1+n], bgp.AFIIPv6) {
			d.malformed(typeMPReach, "bad length of the next hop", AttributeDiscard)
		}
		return nil
	}
	if len(v) < 5 {
		return fmt.Errorf("decoding MP_REACH_NLRI of %d octets: %w", len(v), ErrBadNLRI)
	}
	family := AFISAFI{AFI: bgp.AFI(binary.BigEndian.Uint16(v)), SAFI: bgp.SAFI(v[2])}
	n := int(v[3])
	if n > len(v)-5 {
		return fmt.Errorf("decoding MP_REACH_NLRI: next hop of %d octets in %d: %w", n, len(v), ErrBadNLRI)
	}
	if !d.wanted(family, o) {
		return nil
	}
	if !d.nextHop(v[4:4+n], family.AFI) {
		if !rib {
			return fmt.Errorf("decoding MP_REACH_NLRI: next hop of %d octets: %w", n, ErrBadNLRI)
		}
		d.malformed(typeMPReach, "bad length of the next hop", AttributeDiscard)
	}
	// The octet before the NLRI is reserved. It once counted SNPAs, which RFC 4760 §3 removed.
	var err error
	if u.Announced, err = appendFamily(u.Announced, v[5+n:], family, o); err != nil {
		return fmt.Errorf("decoding MP_REACH_NLRI: %w", err)
	}
	return nil
}

// nextHop decodes the next hop of MP_REACH_NLRI. If it has a global and a link-local address (RFC
// 2545 §3), nextHop takes the global one.
func (d *Decoder) nextHop(b []byte, afi bgp.AFI) bool {
	u := &d.update
	var hop netip.Addr
	switch {
	case len(b) == 16 || len(b) == 32:
		hop = netip.AddrFrom16([16]byte(b))
	case len(b) == 4 && afi == bgp.AFIIPv4:
		hop = netip.AddrFrom4([4]byte(b))
	default:
		return false
	}
	if !u.Attributes.MPNextHop.IsValid() || afi == bgp.AFIIPv6 {
		u.Attributes.MPNextHop = hop
	}
	if afi == bgp.AFIIPv4 {
		u.mpNextHopIPv4 = hop
	}
	return true
}

// unreach decodes MP_UNREACH_NLRI (RFC 4760 §4).
func (d *Decoder) unreach(v []byte, o Options) error {
	if len(v) < 3 {
		return fmt.Errorf("decoding MP_UNREACH_NLRI of %d octets: %w", len(v), ErrBadNLRI)
	}
	u := &d.update
	family := AFISAFI{AFI: bgp.AFI(binary.BigEndian.Uint16(v)), SAFI: bgp.SAFI(v[2])}
	if !d.wanted(family, o) {
		return nil
	}
	var err error
	if u.Withdrawn, err = appendFamily(u.Withdrawn, v[3:], family, o); err != nil {
		return fmt.Errorf("decoding MP_UNREACH_NLRI: %w", err)
	}
	if f, unicast := family.Unicast(); unicast && len(v) == 3 {
		d.list.emptyUnreach = f
	}
	return nil
}

// wanted reports whether the decoder reads prefixes of the family. It records a family that is not
// IPv4 or IPv6 unicast.
func (d *Decoder) wanted(f AFISAFI, o Options) bool {
	if f.unicast() {
		return true
	}
	d.update.Other = append(d.update.Other, f)
	return o.Multicast && f.SAFI == safiMulticast && (f.AFI == bgp.AFIIPv4 || f.AFI == bgp.AFIIPv6)
}

func (f AFISAFI) unicast() bool {
	return f.SAFI == bgp.SAFIUnicast && (f.AFI == bgp.AFIIPv4 || f.AFI == bgp.AFIIPv6)
}
