package wire

import (
	"errors"
	"fmt"
)

// Faults of a message or record as a whole. Test for them with errors.Is.
var (
	// ErrTruncated: the input ends before the end of the message or record.
	ErrTruncated = errors.New("truncated")
	// ErrBadLength: a length that its field, its message or its cap does not permit.
	ErrBadLength = errors.New("bad length")
	// ErrBadMarker: a BGP message does not begin with 16 octets of ones (RFC 4271 §4.1).
	ErrBadMarker = errors.New("bad marker")
	// ErrBadNLRI: prefixes that cannot be parsed, so that no part of the message can be trusted
	// (RFC 7606 §5.3).
	ErrBadNLRI = errors.New("NLRI cannot be parsed")
	// ErrUnsupported: apparently well-formed, but of a kind that darkmap does not read.
	ErrUnsupported = errors.New("not supported")
)

// AttributeError is a fault in a path attribute that RFC 7606 tolerates.
type AttributeError struct {
	Type   uint8  // attribute type code; 0 for the list of attributes itself
	Reason string // constant text
	Remedy Remedy
}

// Remedy is a remedy of RFC 7606 §2.
type Remedy uint8

// Remedies that leave the message usable, in ascending order of strength.
const (
	AttributeDiscard Remedy = iota + 1
	TreatAsWithdraw
)

// String returns the term of RFC 7606 §2.
func (r Remedy) String() string {
	if r == AttributeDiscard {
		return "attribute discard"
	}
	return "treat as withdraw"
}

// Error describes the attribute, the fault and the remedy.
func (e *AttributeError) Error() string {
	return fmt.Sprintf("path attribute %d: %s (%s)", e.Type, e.Reason, e.Remedy)
}
