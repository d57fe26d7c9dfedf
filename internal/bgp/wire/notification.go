package wire

import "fmt"

// Notification is a NOTIFICATION message (RFC 4271 §4.5).
type Notification struct {
	Code, Subcode uint8
	Data          []byte // a part of the message
}

// DecodeNotification parses the body of a NOTIFICATION, without the 19-octet header. The error is
// ErrTruncated.
func DecodeNotification(body []byte) (Notification, error) {
	if len(body) < 2 {
		return Notification{}, fmt.Errorf("decoding a NOTIFICATION of %d octets: %w", len(body), ErrTruncated)
	}
	return Notification{Code: body[0], Subcode: body[1], Data: body[2:]}, nil
}

// String returns the name of the error code (RFC 4271 §4.5, RFC 7313), and both codes.
func (n Notification) String() string {
	names := [...]string{
		1: "message header error", 2: "OPEN message error", 3: "UPDATE message error", 4: "hold timer expired",
		5: "finite state machine error", 6: "cease", 7: "ROUTE-REFRESH message error",
	}
	name := "error"
	if int(n.Code) < len(names) && names[n.Code] != "" {
		name = names[n.Code]
	}
	return fmt.Sprintf("%s (%d/%d)", name, n.Code, n.Subcode)
}
