package wire

import (
	"encoding/binary"
	"slices"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Stripped is the result of StripFirstAS.
type Stripped uint8

// Results of StripFirstAS.
const (
	// StripNone: the message has no AS_PATH, or no readable one. It is unchanged.
	StripNone Stripped = iota
	// StripAbsent: the path begins with another AS. The message is unchanged.
	StripAbsent
	// StripKept: the path begins with one of the ASes, but that AS is the whole path, or it is the
	// peer's own. The message is unchanged.
	StripKept
	// StripPeer: the first AS was removed. The path begins with the peer's AS now.
	StripPeer
	// StripServer: the first AS was removed. The path begins with an AS other than the peer's now,
	// because the peer is a route server that does not add its own.
	StripServer
)

// String returns the name for metrics.
func (s Stripped) String() string {
	return [...]string{"none", "absent", "kept", "peer", "server"}[s]
}

// StripFirstAS removes the first AS of an UPDATE's path if own contains it. A collector that passes
// routes on as a BGP speaker inserts its AS there. peer is the AS that sent the route to the
// collector. If own contains peer too, its AS must appear twice. message is whole, with its marker.
// asOctets is as in Options.
//
// StripFirstAS writes a changed message to dst[:0] and returns it. If nothing changes, it returns
// message itself. It changes AS_PATH and AS4_PATH so that the path that a Decoder merges from them
// (RFC 6793 §4.2.3) loses its first AS. All other octets except the lengths stay the same. width is
// the width with which it read AS_PATH, 0 for StripNone; decode the result with it.
func StripFirstAS(
	dst, message []byte, asOctets uint8, own []bgp.ASN, peer bgp.ASN,
) (out []byte, width uint8, what Stripped) {
	typ, body, err := SplitMessage(message)
	if err != nil || typ != MessageUpdate {
		return message, 0, StripNone
	}
	withdrawn, attributes, nlri, err := splitUpdate(body)
	if err != nil {
		return message, 0, StripNone
	}
	var p paths
	if !p.find(attributes) || !p.choose(asOctets) {
		return message, 0, StripNone
	}
	first, next, more := firstAS(p.path, int(p.width))
	switch {
	case !slices.Contains(own, first) || p.replaced(first):
		return message, p.width, StripAbsent
	case !more || slices.Contains(own, peer) && next != peer:
		return message, p.width, StripKept
	}
	what = StripServer
	if next == peer || next == asTrans && p.width == 2 && peer > 1<<16-1 {
		what = StripPeer
	}
	out = dst[:0]
	out = append(out, message[:HeaderLength]...)
	out = append(out, body[:2+len(withdrawn)]...)
	at := len(out)
	out = p.rewrite(append(out, 0, 0), attributes, first)
	binary.BigEndian.PutUint16(out[at:], uint16(len(out)-at-2))
	out = append(out, nlri...)
	binary.BigEndian.PutUint16(out[16:], uint16(len(out)))
	return out, p.width, what
}

// paths holds the values of AS_PATH and AS4_PATH. as4 is nil if AS4_PATH does not count.
type paths struct {
	path, as4 []byte
	width     uint8
}

// find finds the first AS_PATH and AS4_PATH, as a Decoder does. It reports whether the list is
// readable and has a non-empty AS_PATH.
func (p *paths) find(b []byte) bool {
	for len(b) > 0 {
		code, header, n, ok := attributeHeader(b)
		if !ok {
			return false
		}
		v := b[header : header+n]
		switch {
		case code == typeASPath && p.path == nil:
			p.path = v
		case code == typeAS4Path && p.as4 == nil:
			p.as4 = v
		}
		b = b[header+n:]
	}
	return len(p.path) > 0
}

// attributeHeader parses the header of the attribute at the start of b, which is not empty (RFC
// 4271 §4.3).
func attributeHeader(b []byte) (code uint8, header, n int, ok bool) {
	if len(b) < 3 {
		return 0, 0, 0, false
	}
	header, n = 3, int(b[2])
	if b[0]&flagExtended != 0 {
		if len(b) < 4 {
			return 0, 0, 0, false
		}
		header, n = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	return b[1], header, n, n <= len(b)-header
}

// choose determines the width and whether AS4_PATH counts. It reports whether AS_PATH is readable.
func (p *paths) choose(asOctets uint8) bool {
	p.width = asOctets
	if asOctets != 2 && asOctets != 4 {
		p.width = 4
		if !pathFits(p.path, 4) {
			p.width = 2
		}
	}
	if p.width == 4 || !pathFits(p.as4, 4) || len(p.as4) == 0 {
		p.as4 = nil
	}
	return pathFits(p.path, int(p.width))
}

// replaced reports whether AS4_PATH replaces the whole AS_PATH and does not begin with first.
func (p *paths) replaced(first bgp.ASN) bool {
	if p.as4 == nil || pathHops(p.path, 2) != pathHops(p.as4, 4) {
		return false
	}
	as4, _, _ := firstAS(p.as4, 4)
	return as4 != first
}

// rewrite appends the attributes to out and omits the first AS of the paths.
func (p *paths) rewrite(out, b []byte, first bgp.ASN) []byte {
	as4 := p.as4 != nil && pathHops(p.path, 2) <= pathHops(p.as4, 4)
	if as4 {
		f, _, _ := firstAS(p.as4, 4)
		as4 = f == first
	}
	doneAS, doneAS4 := false, !as4
	for len(b) > 0 {
		code, header, n, _ := attributeHeader(b)
		v, width := b[header:header+n], 0
		switch {
		case code == typeASPath && !doneAS:
			width, doneAS = int(p.width), true
		case code == typeAS4Path && !doneAS4:
			width, doneAS4 = 4, true
		}
		if width == 0 {
			out = append(out, b[:header+n]...)
		} else {
			out = appendStripped(append(out, b[0], b[1]), header, v, width)
		}
		b = b[header+n:]
	}
	return out
}

// appendStripped appends the length of an attribute, in as many octets as before, and the path v
// without its first AS.
func appendStripped(out []byte, header int, v []byte, width int) []byte {
	cut := width
	if v[1] == 1 {
		cut += 2
	}
	n := len(v) - cut
	if header == 4 {
		out = append(out, byte(n>>8))
	}
	out = append(out, byte(n))
	if v[1] > 1 {
		out = append(out, v[0], v[1]-1)
	}
	return append(out, v[2+width:]...)
}

// firstAS returns the first two ASes of a sound path. Each is 0 if the path has no such AS in an
// AS_SEQUENCE. more reports whether the path has anything beside the first AS.
func firstAS(path []byte, width int) (first, next bgp.ASN, more bool) {
	if len(path) == 0 || bgp.SegmentType(path[0]) != bgp.ASSequence {
		return 0, 0, len(path) > 0
	}
	n := int(path[1])
	first = asnAt(path[2:], width)
	rest := path[2+n*width:]
	switch {
	case n > 1:
		next = asnAt(path[2+width:], width)
	case len(rest) > 0 && bgp.SegmentType(rest[0]) == bgp.ASSequence:
		next = asnAt(rest[2:], width)
	}
	return first, next, n > 1 || len(rest) > 0
}

func asnAt(b []byte, width int) bgp.ASN {
	if width == 4 {
		return bgp.ASN(binary.BigEndian.Uint32(b))
	}
	return bgp.ASN(binary.BigEndian.Uint16(b))
}

// pathHops computes pathLength for the octets of a sound path.
func pathHops(b []byte, width int) int {
	n := 0
	for len(b) > 0 {
		switch bgp.SegmentType(b[0]) {
		case bgp.ASSequence:
			n += int(b[1])
		case bgp.ASSet:
			n++
		case bgp.ASConfedSequence, bgp.ASConfedSet:
		}
		b = b[2+int(b[1])*width:]
	}
	return n
}
