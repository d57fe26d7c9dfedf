package wire

import (
	"bytes"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Whether NLRI carry path identifiers (RFC 7911) is told beside the message, and is told wrongly: MRT subtypes of RFC 8050 that a
// collector does not use, a Peer Up that was not seen. The octets decide where they can, in each field of NLRI by itself:
//
//   - The mark is absent: the field is read with path identifiers if it cannot be read without them, or holds a prefix shorter than
//     /8 (IPv6: /16) without them, and with them all is sound: it ends where a prefix ends, no prefix is as short or has host bits. Nor may
//     the identifiers be prefixes of a field of which one length is wrong: all are below 2^16, or all of several are the same.
//   - The mark is there: the field is read without path identifiers if all is sound without them. An identifier below 2^27 (IPv6:
//     2^28) never looks like that.
//   - Otherwise the mark holds. A field without it that names the default route twice is refused: the octets of an identifier look
//     like that, and a prefix stands once in a field.

// The lengths below which a prefix is taken for the octets of a path identifier, where it can be one.
const (
	leastIPv4 = 8
	leastIPv6 = 16
)

// oddity counts prefixes of a field that the octets of a path identifier look like.
type oddity struct{ short, defaults int }

// note counts a prefix that is shorter than the family's least length.
func (o *oddity) note(bits int) {
	o.short++
	if bits == 0 {
		o.defaults++
	}
}

// check returns err, or that of a field b that names the default route more than once.
func (o *oddity) check(b []byte, err error) error {
	if err == nil && o.defaults > 1 {
		return nlriError(b, 0, "the default route stands in it more than once")
	}
	return err
}

// plainRun reports whether b is a sound run of prefixes without path identifiers: none is longer than most bits, shorter than least,
// or has host bits.
func plainRun(b []byte, most, least int) bool { return soundRun(b, most, least, 0) }

// identifiedRun is plainRun with path identifiers that look like such.
func identifiedRun(b []byte, most, least int) bool {
	return soundRun(b, most, least, 4) && likelyIdentifiers(b)
}

// likelyIdentifiers reports whether what stands before each prefix of b, a sound run with path identifiers, is one most likely. Speakers
// count them from 1 (BIRD, FRR), or have one for all.
func likelyIdentifiers(b []byte) bool {
	small, same, n := true, true, 0
	for first := b; len(b) > 4; n++ {
		small = small && b[0] == 0 && b[1] == 0
		same = same && bytes.Equal(b[:4], first[:4])
		b = b[4+1+(int(b[4])+7)/8:]
	}
	return small || same && n > 1
}

// soundRun skips as many octets before each prefix.
func soundRun(b []byte, most, least, skip int) bool {
	for len(b) > 0 {
		if len(b) < skip+1 {
			return false
		}
		bits := int(b[skip])
		octets := (bits + 7) / 8
		b = b[skip+1:]
		if bits < least || bits > most || octets > len(b) {
			return false
		}
		if rest := bits % 8; rest != 0 && b[octets-1]&(0xff>>rest) != 0 {
			return false
		}
		b = b[octets:]
	}
	return true
}

// lengths are the least and the most bits of a prefix that is believed to be one.
func lengths(a bgp.AFI) (least, most int) {
	if a == bgp.AFIIPv6 {
		return leastIPv6, 128
	}
	return leastIPv4, 32
}
