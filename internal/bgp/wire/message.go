package wire

import (
	"encoding/binary"
	"fmt"
)

// MessageType is the type of a BGP message (RFC 4271 §4.1, RFC 2918).
type MessageType uint8

// The message types.
const (
	MessageOpen         MessageType = 1
	MessageUpdate       MessageType = 2
	MessageNotification MessageType = 3
	MessageKeepalive    MessageType = 4
	MessageRouteRefresh MessageType = 5
)

// HeaderLength is the length of the header of a BGP message in octets.
const HeaderLength = 19

// MaxMessage is the length of the longest BGP message in octets, an extended one (RFC 8654).
const MaxMessage = 1<<16 - 1

// String returns the name in the RFC, in lower case.
func (t MessageType) String() string {
	switch t {
	case MessageOpen:
		return "open"
	case MessageUpdate:
		return "update"
	case MessageNotification:
		return "notification"
	case MessageKeepalive:
		return "keepalive"
	case MessageRouteRefresh:
		return "route-refresh"
	}
	return fmt.Sprintf("message type %d", uint8(t))
}

// SplitMessage checks the header of the BGP message at the start of raw (RFC 4271 §4.1) and returns
// its type and body. The body is a part of raw. SplitMessage ignores octets behind the message. It
// accepts extended messages (RFC 8654).
func SplitMessage(raw []byte) (MessageType, []byte, error) {
	if len(raw) < HeaderLength {
		return 0, nil, fmt.Errorf("reading the BGP header: %d of %d octets: %w",
			len(raw), HeaderLength, ErrTruncated)
	}
	if binary.BigEndian.Uint64(raw)&binary.BigEndian.Uint64(raw[8:]) != 1<<64-1 {
		return 0, nil, fmt.Errorf("reading the BGP header: %w", ErrBadMarker)
	}
	n := int(binary.BigEndian.Uint16(raw[16:]))
	if n < HeaderLength {
		return 0, nil, fmt.Errorf("reading the BGP header: message of %d octets: %w", n, ErrBadLength)
	}
	if n > len(raw) {
		return 0, nil, fmt.Errorf("reading the BGP message: %d of %d octets: %w", len(raw), n, ErrTruncated)
	}
	return MessageType(raw[18]), raw[HeaderLength:n], nil
}
