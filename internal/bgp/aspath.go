package bgp

import (
	"slices"
	"strconv"
	"strings"
)

// ASN is an autonomous system number (RFC 6793). 0 is unknown.
type ASN uint32

// String returns AS64496.
func (a ASN) String() string { return "AS" + strconv.FormatUint(uint64(a), 10) }

// Identifies reports whether a names a network: 0 does not (RFC 7607), nor AS_TRANS, which stands for any that 2 octets cannot hold (RFC
// 6793), nor the last of 2 and of 4 octets (RFC 7300).
func (a ASN) Identifies() bool {
	return a != 0 && a != 23456 && a != 1<<16-1 && a != 1<<32-1
}

// SegmentType is the type of an AS path segment (RFC 4271 §4.3, RFC 5065 §3).
type SegmentType uint8

// The segment types.
const (
	ASSet            SegmentType = 1
	ASSequence       SegmentType = 2
	ASConfedSequence SegmentType = 3
	ASConfedSet      SegmentType = 4
)

// PathSegment is a run of an AS path.
type PathSegment struct {
	Type SegmentType
	ASNs []ASN
}

// ASPath is an AS path, nearest AS first.
type ASPath []PathSegment

// Origin returns the AS that the path ends in: the last of the last AS_SEQUENCE, or of a final AS_SET of one.
// It is 0 where the path does not tell (empty, or nothing but sets of many).
func (p ASPath) Origin() ASN {
	for _, s := range slices.Backward(p) {
		switch {
		case s.Type == ASSequence && len(s.ASNs) > 0:
			return s.ASNs[len(s.ASNs)-1]
		case s.Type == ASSet && len(s.ASNs) == 1:
			return s.ASNs[0]
		}
	}
	return 0
}

// Upstream returns the AS next to the origin, the origin's own prepends skipped; 0 where there is none.
func (p ASPath) Upstream() ASN {
	origin := p.Origin()
	if origin == 0 {
		return 0
	}
	for _, s := range slices.Backward(p) {
		if s.Type != ASSequence {
			continue
		}
		for _, a := range slices.Backward(s.ASNs) {
			if a != origin {
				return a
			}
		}
	}
	return 0
}

// String writes the path as bgpdump does: sequences plain, sets in {a,b}, confederations in (a b) and [a,b].
func (p ASPath) String() string { return string(p.AppendText(nil)) }

// AppendText appends String to b.
func (p ASPath) AppendText(b []byte) []byte {
	for i, s := range p {
		if i > 0 {
			b = append(b, ' ')
		}
		sep, open, end := byte(' '), "", ""
		switch s.Type {
		case ASSet:
			sep, open, end = ',', "{", "}"
		case ASConfedSequence:
			open, end = "(", ")"
		case ASConfedSet:
			sep, open, end = ',', "[", "]"
		case ASSequence:
		}
		b = append(b, open...)
		for j, a := range s.ASNs {
			if j > 0 {
				b = append(b, sep)
			}
			b = strconv.AppendUint(b, uint64(a), 10)
		}
		b = append(b, end...)
	}
	return b
}

// ParseASN reads 64496 or AS64496.
func ParseASN(s string) (ASN, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(s), "AS"), 10, 32)
	return ASN(n), err
}
