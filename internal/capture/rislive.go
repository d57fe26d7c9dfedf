package capture

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// risLiveSource turns a recording of RIS Live, one JSON object a line, into items.
type risLiveSource struct {
	r       *bufio.Reader
	decoder wire.RISLiveDecoder
	msg     wire.RISLiveMessage
	line    []byte
	offset  int64
	sound   bool    // a message of RIS Live was seen
	after   *Damage // damage of the item returned last
}

func newRISLiveSource(r *bufio.Reader) *risLiveSource { return &risLiveSource{r: r} }

func (s *risLiveSource) next(it *Item) error {
	if d := s.after; d != nil {
		s.after = nil
		return d
	}
	line, offset, whole, err := s.nextLine()
	if err != nil {
		return err
	}
	m := &s.msg
	if err := s.decoder.Decode(line, m); err != nil {
		d := &Damage{Offset: offset, Reason: BadRecord, Err: err, Raw: line}
		switch {
		case !whole:
			d.Reason, d.Err = Truncated, fmt.Errorf("the last line is cut: %w", err)
		case !s.sound && errors.Is(err, wire.ErrNotRISLive):
			d.Reason, d.Err = UnknownFormat, fmt.Errorf("%w: %w", ErrUnknownFormat, err)
		}
		return d
	}
	s.sound = true
	it.Offset, it.Timestamp, it.Collector, it.Peer, it.Type = offset, m.Timestamp, m.Collector,
		m.Peer, "ris_message"
	it.Local, it.Text = m.Sent, m.Text
	switch m.Kind {
	case wire.RISUpdate, wire.RISOpen, wire.RISNotification, wire.RISKeepalive:
		it.ASOctets = m.Options.ASOctets
		if err := bgpMessage(m.Message, it); err != nil {
			return &Damage{Offset: offset, Reason: BadRecord, Err: err, Raw: line}
		}
	case wire.RISState:
		it.Kind, it.NewState = State, m.State
	default:
		it.Kind, it.Note = Note, m.Kind.String()
	}
	if m.FromJSON && m.RawError != nil { // otherwise the decoder of the message reports it
		err := fmt.Errorf("the message was taken from its JSON fields: %w", m.RawError)
		s.after = &Damage{Offset: offset, Reason: BadRecord, Err: err, Raw: bytes.Clone(line), Partial: true}
	}
	return nil
}

// nextLine returns the next line that is not blank, its offset, and whether a newline ends it. It
// skips a line that is too long, and reports it.
func (s *risLiveSource) nextLine() (line []byte, offset int64, whole bool, err error) {
	for {
		offset = s.offset
		n := int64(0)
		s.line = s.line[:0]
		for {
			part, err := s.r.ReadSlice('\n')
			n += int64(len(part))
			s.line = append(s.line, part[:min(len(part), wire.MaxRISLiveMessage+2-len(s.line))]...)
			if err == nil {
				whole = true
				break
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if !errors.Is(err, io.EOF) {
				return nil, 0, false, err
			}
			if n == 0 {
				return nil, 0, false, io.EOF
			}
			break
		}
		s.offset += n
		if n > wire.MaxRISLiveMessage+2 {
			err := fmt.Errorf("a line of %d octets: %w", n, wire.ErrBadLength)
			return nil, 0, false, &Damage{Offset: offset, Reason: BadLength, Err: err, Raw: s.line}
		}
		if line = bytes.TrimSpace(bytes.TrimPrefix(s.line, utf8BOM)); len(line) > 0 {
			return line, offset, whole, nil
		}
	}
}
