package routeviewstest

import (
	"encoding/binary"
	"slices"
)

// Prepend returns an UPDATE with asn, which fits 2 octets, in front of its AS_PATH (of AS numbers
// of width octets), as a speaker prepends it when it passes the route on. A message without AS_PATH
// stays unchanged. The message must be well-formed.
func Prepend(update []byte, width int, asn uint16) []byte {
	n := 2 + int(binary.BigEndian.Uint16(update[19:]))
	at := 19 + n
	total := int(binary.BigEndian.Uint16(update[at:]))
	attributes, nlri := update[at+2:at+2+total], update[at+2+total:]
	out := slices.Clone(update[:at+2])
	for b := attributes; len(b) > 0; {
		header, length := 3, int(b[2])
		if b[0]&0x10 != 0 {
			header, length = 4, int(binary.BigEndian.Uint16(b[2:]))
		}
		flags, value := b[0], b[header:header+length]
		if b[1] == 2 {
			value = prepend(value, width, asn)
		}
		if len(value) > 255 {
			flags |= 0x10
		}
		out = append(out, flags, b[1])
		if flags&0x10 != 0 {
			out = append(out, byte(len(value)>>8))
		}
		out = append(append(out, byte(len(value))), value...)
		b = b[header+length:]
	}
	binary.BigEndian.PutUint16(out[at:], uint16(len(out)-at-2))
	out = append(out, nlri...)
	binary.BigEndian.PutUint16(out[16:], uint16(len(out)))
	return out
}

func prepend(path []byte, width int, asn uint16) []byte {
	first := make([]byte, width)
	binary.BigEndian.PutUint16(first[width-2:], asn)
	if len(path) == 0 || path[0] != 2 || path[1] == 255 {
		return slices.Concat([]byte{2, 1}, first, path)
	}
	return slices.Concat([]byte{2, path[1] + 1}, first, path[2:])
}
