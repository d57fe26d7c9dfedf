package bgp

import (
	"slices"
	"strconv"
	"strings"
)

// ASN is an autonomous system number (RFC 6793). 0 is unknown.
type ASN uint32

// String returns the AS number with the prefix AS, such as AS64496.
func (a ASN) String() string { return "AS" + strconv.FormatUint(uint64(a), 10) }

// Identifies reports whether a identifies a network. Four numbers do not: 0 (RFC 7607), AS_TRANS,
// which stands for an AS number that 2 octets cannot hold (RFC 6793), and the last number of 2 and
// of 4 octets (RFC 7300).
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

// PathSegment is a segment of an AS path.
type PathSegment struct {
	Type SegmentType
	ASNs []ASN
}

// ASPath is an AS path, nearest AS first.
type ASPath []PathSegment

// Origin returns the AS at the end of the path: the last AS of the last AS_SEQUENCE, or the member
// of a final AS_SET that has one member. It returns 0 if the path is empty or holds only AS_SETs of
// several ASes and confederation segments.
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

// Upstream returns the AS before the origin and skips the origin's own prepends. It returns 0 if
// the path has no such AS.
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

// String writes the path as bgpdump does: an AS_SEQUENCE plain, an AS_SET as {a,b}, confederation
// segments as (a b) and [a,b].
func (p ASPath) String() string { return string(p.AppendText(nil)) }

// AppendText appends the text of String to b.
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

// ParseASN parses an AS number, with or without the prefix AS: 64496 or AS64496.
func ParseASN(s string) (ASN, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(s), "AS"), 10, 32)
	return ASN(n), err
}
