package wire

import (
	"bytes"

	"github.com/darkmap/darkmap/internal/bgp"
)

// A source declares beside the message whether NLRI carry path identifiers (RFC 7911), and some
// declare it wrongly: a collector does not use the MRT subtypes of RFC 8050, or a Peer Up was
// missed. The octets decide where they can, in each field of NLRI separately:
//
//   - The mark is absent. The decoder reads the field with path identifiers if it is unreadable
//     without them, or contains a prefix shorter than /8 (IPv6: /16) without them, and it is sound
//     with them. Sound means that it ends with a whole prefix, and that no prefix is that short or
//     has host bits. The identifiers must also be plausible: all are below 2^16, or there are
//     several and all are equal. Other identifiers may be prefixes of a field with one wrong length.
//   - The mark is present. The decoder reads the field without path identifiers if it is sound
//     without them. An identifier below 2^27 (IPv6: 2^28) never makes it look sound.
//   - Otherwise the mark holds. The decoder rejects a field without the mark that contains the
//     default route twice. The octets of an identifier look like that, and a prefix appears only
//     once in a field.

// Minimum lengths of a prefix. Octets of a shorter prefix are taken for a path identifier if they
// can be one.
const (
	leastIPv4 = 8
	leastIPv6 = 16
)

// oddity counts prefixes of a field that may be octets of a path identifier.
type oddity struct{ short, defaults int }

// note counts a prefix that is shorter than the minimum length of its family.
func (o *oddity) note(bits int) {
	o.short++
	if bits == 0 {
		o.defaults++
	}
}

// check returns err if it is set. Otherwise it returns an error if the field b contains the default
// route more than once.
func (o *oddity) check(b []byte, err error) error {
	if err == nil && o.defaults > 1 {
		return nlriError(b, 0, "the default route stands in it more than once")
	}
	return err
}

// plainRun reports whether b is a sound sequence of prefixes without path identifiers. No prefix is
// longer than most bits, shorter than least, or has host bits.
func plainRun(b []byte, most, least int) bool { return soundRun(b, most, least, 0) }

// identifiedRun reports whether b is a sound sequence of prefixes with plausible path identifiers.
func identifiedRun(b []byte, most, least int) bool {
	return soundRun(b, most, least, 4) && likelyIdentifiers(b)
}

// likelyIdentifiers reports whether the octets before each prefix of b, a sound sequence with path
// identifiers, are plausible identifiers. Speakers count them from 1 (BIRD, FRR), or use one for
// all.
func likelyIdentifiers(b []byte) bool {
	small, same, n := true, true, 0
	for first := b; len(b) > 4; n++ {
		small = small && b[0] == 0 && b[1] == 0
		same = same && bytes.Equal(b[:4], first[:4])
		b = b[4+1+(int(b[4])+7)/8:]
	}
	return small || same && n > 1
}

// soundRun checks a sequence of prefixes with skip octets before each of them.
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

// lengths returns the bounds of the length of a plausible prefix, in bits.
func lengths(a bgp.AFI) (least, most int) {
	if a == bgp.AFIIPv6 {
		return leastIPv6, 128
	}
	return leastIPv4, 32
}
