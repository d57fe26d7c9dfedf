package wire

import (
	"errors"
	"fmt"
)

// What can be wrong with a message or record as a whole. Test with errors.Is.
var (
	// ErrTruncated: the input ends before the message or record does.
	ErrTruncated = errors.New("truncated")
	// ErrBadLength: a length that its field, its message or its cap does not allow.
	ErrBadLength = errors.New("bad length")
	// ErrBadMarker: a BGP message does not begin with 16 octets of ones (RFC 4271 §4.1).
	ErrBadMarker = errors.New("bad marker")
	// ErrBadNLRI: prefixes that cannot be parsed, so that nothing of the message can be trusted (RFC 7606 §5.3).
	ErrBadNLRI = errors.New("NLRI cannot be parsed")
	// ErrUnsupported: well-formed as far as can be seen, of a kind that darkmap does not read.
	ErrUnsupported = errors.New("not supported")
)

// AttributeError is a fault in a path attribute that RFC 7606 lets pass.
type AttributeError struct {
	Type   uint8  // attribute type code; 0 for the list of attributes itself
	Reason string // constant text
	Remedy Remedy
}

// Remedy is what RFC 7606 §2 prescribes.
type Remedy uint8

// The remedies that leave the message usable, the weaker one first.
const (
	AttributeDiscard Remedy = iota + 1
	TreatAsWithdraw
)

// String returns the words of RFC 7606 §2.
func (r Remedy) String() string {
	if r == AttributeDiscard {
		return "attribute discard"
	}
	return "treat as withdraw"
}

// Error says which attribute, what was wrong and the remedy.
func (e *AttributeError) Error() string {
	return fmt.Sprintf("path attribute %d: %s (%s)", e.Type, e.Reason, e.Remedy)
}
