package wire

import (
	"bytes"

	"github.com/darkmap/darkmap/internal/bgp"
)

// risFields holds the values of a frame's fields as octets of the frame. A string has no quotes.
// nil means absent.
type risFields struct {
	outer                                        []byte // type of the envelope
	timestamp, peer, peerASN, id, host, typ, raw []byte
	direction                                    []byte
}

// RISLiveHead holds the fields that identify a ris_message. Its slices are parts of the frame.
type RISLiveHead struct {
	// Timestamp is the collector's timestamp, in microseconds since 1970.
	Timestamp int64
	// Host is the collector in the spelling of the message. ID and Peer are empty if absent.
	Host, ID, Peer []byte
}

// ScanRISLive extracts the head of a ris_message without decoding the message. It returns false for
// any other frame, and for a message that only RISLiveDecoder understands, such as one with escapes
// in these fields.
func ScanRISLive(frame []byte, h *RISLiveHead) bool {
	var f risFields
	if !scanRIS(frame, &f) || string(f.outer) != "ris_message" || f.host == nil {
		return false
	}
	t, err := risTime(f.timestamp)
	if err != nil {
		return false
	}
	*h = RISLiveHead{Timestamp: t, Host: f.host, ID: f.id, Peer: f.peer}
	return true
}

// quick decodes the usual message, one with a usable raw, without building JSON values. It returns
// false for all others, and for faulty ones. The parser handles those.
func (d *RISLiveDecoder) quick(line []byte, m *RISLiveMessage) bool {
	var f risFields
	if len(line) > MaxRISLiveMessage || !scanRIS(line, &f) || string(f.outer) != "ris_message" {
		return false
	}
	var want MessageType
	switch string(f.typ) {
	case "UPDATE":
		m.Kind, want = RISUpdate, MessageUpdate
	case "OPEN":
		m.Kind, want = RISOpen, MessageOpen
	case "NOTIFICATION":
		m.Kind, want = RISNotification, MessageNotification
	case "KEEPALIVE":
		m.Kind, want = RISKeepalive, MessageKeepalive
	default:
		return false
	}
	var err error
	if m.Timestamp, err = risTime(f.timestamp); err != nil {
		return false
	}
	if m.Peer.Address, err = d.address(f.peer); err != nil {
		return false
	}
	if m.Peer.ASN, err = bgp.ParseASN(string(f.peerASN)); err != nil {
		return false
	}
	if m.Collector, err = d.collector(f.host); err != nil || f.raw == nil || d.unhex(f.raw, want, m) != nil {
		return false
	}
	m.Options.ASOctets = 4
	if want == MessageUpdate {
		var certain bool
		if m.Options.ASOctets, certain = certainWidth(m.Message[HeaderLength:]); !certain {
			return false
		}
	}
	m.ID, m.Sent = f.id, string(f.direction) == "sent"
	return true
}

// scanRIS extracts the fields of a frame: {"type": ..., "data": {...}}. It returns false if it
// cannot.
func scanRIS(b []byte, f *risFields) bool {
	s := risScanner{b: b}
	ok := s.object(func(key []byte) bool {
		switch string(key) {
		case "type":
			return s.take(&f.outer)
		case "data":
			if s.peek() == '{' {
				return s.object(func(key []byte) bool { return s.field(key, f) })
			}
		}
		return s.skip()
	})
	return ok && s.peek() == 0 && s.i == len(b)
}

// risScanner walks over JSON. It checks only as much of the syntax as it needs.
type risScanner struct {
	b []byte
	i int
}

// field takes the value of a member of data.
func (s *risScanner) field(key []byte, f *risFields) bool {
	switch string(key) {
	case "timestamp":
		return s.take(&f.timestamp)
	case "peer":
		return s.take(&f.peer)
	case "peer_asn":
		return s.take(&f.peerASN)
	case "id":
		return s.take(&f.id)
	case "host":
		return s.take(&f.host)
	case "type":
		return s.take(&f.typ)
	case "raw":
		return s.take(&f.raw)
	case "direction":
		return s.take(&f.direction)
	}
	return s.skip()
}

// peek skips blanks and returns the next octet, or 0 at the end.
func (s *risScanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// object walks over an object. It calls member before each value, and member must consume the
// value.
func (s *risScanner) object(member func(key []byte) bool) bool {
	if s.peek() != '{' {
		return false
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return true
	}
	for {
		key, ok := s.text()
		if !ok || s.peek() != ':' {
			return false
		}
		s.i++
		if !member(key) {
			return false
		}
		switch s.peek() {
		case ',':
			s.i++
		case '}':
			s.i++
			return true
		default:
			return false
		}
	}
}

// text consumes a string and returns its content. It fails if the string has escapes.
func (s *risScanner) text() ([]byte, bool) {
	if s.peek() != '"' {
		return nil, false
	}
	rest := s.b[s.i+1:]
	n := bytes.IndexByte(rest, '"')
	if n < 0 || bytes.IndexByte(rest[:n], '\\') >= 0 {
		return nil, false
	}
	s.i += n + 2
	return rest[:n:n], true
}

// take consumes a string or a number. It stores the value in *to if the field has none yet.
func (s *risScanner) take(to *[]byte) bool {
	var value []byte
	if s.peek() == '"' {
		var ok bool
		if value, ok = s.text(); !ok {
			return false
		}
	} else {
		from := s.i
		if c := s.peek(); c == '{' || c == '[' || !s.skip() {
			return false
		}
		value = s.b[from:s.i:s.i]
	}
	if *to == nil {
		*to = value
	}
	return true
}

// skip consumes any value.
func (s *risScanner) skip() bool {
	switch s.peek() {
	case '"':
		return s.skipText()
	case '{', '[':
		return s.skipNested()
	}
	from := s.i
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ',', '}', ']', ' ', '\t', '\r', '\n':
			return s.i > from
		case '"', ':', '{', '[':
			return false
		}
		s.i++
	}
	return false
}

// skipNested consumes an object or array.
func (s *risScanner) skipNested() bool {
	depth := 0
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case '"':
			if !s.skipText() {
				return false
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return true
			}
		}
		s.i++
	}
	return false
}

// skipText consumes a string with its escapes.
func (s *risScanner) skipText() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '"':
			s.i++
			return true
		case '\\':
			s.i++
		}
	}
	return false
}
