package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxMRTRecord is the longest MRT record that is read, in octets without its header. A prefix of a large collector's RIB
// takes about 1 MB.
const MaxMRTRecord = 16 << 20

// resyncWindow is how far the timestamp of a record may be from the last sound one's to be believed after damage.
const resyncWindow = 32 * 24 * time.Hour

// mrtHeader is the length of the common header (RFC 6396 §2).
const mrtHeader = 12

// maxEmptyReads is how often a reader may return nothing at all.
const maxEmptyReads = 100

// MRTError is a record that could not be read, or bytes that are none. The reader goes on behind it.
type MRTError struct {
	Number  uint64 // of the record, as in MRTRecord
	Offset  int64  // where it begins
	Skipped int64  // octets passed over, from Offset on
	Err     error  // ErrTruncated, ErrBadLength, ErrUnsupported or what the underlying reader said
}

// Error says where and what.
func (e *MRTError) Error() string {
	return fmt.Sprintf("MRT record %d at offset %d: %v (%d octets skipped)", e.Number, e.Offset, e.Err, e.Skipped)
}

// Unwrap returns Err.
func (e *MRTError) Unwrap() error { return e.Err }

// MRTReader cuts a stream into MRT records. It holds at most twice MaxMRTRecord and reads ahead.
type MRTReader struct {
	r          io.Reader
	buf        []byte
	start, end int // of the octets in buf that were not consumed
	offset     int64
	number     uint64
	last       int64 // timestamp of the last record, seconds; 0 before the first
	led        int64 // offset up to which records of unknown kinds were found to lead to something known
	err        error // what r returned
	empty      int   // reads in a row that brought nothing
}

// NewMRTReader reads from r, which should be decompressed already.
func NewMRTReader(r io.Reader) *MRTReader {
	return &MRTReader{r: r, buf: make([]byte, 64<<10)}
}

// Next returns the next record, whose body holds until the call after. An error is io.EOF at the end or an *MRTError, after
// which Next goes on: behind a record whose header is not to be believed it looks for the next sound one. A record of an unknown type
// is one like others where records follow it; zeros between records are padding.
func (m *MRTReader) Next() (MRTRecord, error) {
	if n := m.skipPadding(); n > maxPadding {
		m.number++
		err := fmt.Errorf("%d zeros in a row: %w", n, ErrUnsupported)
		return MRTRecord{}, &MRTError{Number: m.number, Offset: m.offset - n, Skipped: n, Err: err}
	}
	have := m.end - m.start
	if have == 0 {
		return m.finish()
	}
	m.number++
	if have < mrtHeader {
		return m.damaged(have, m.cut(fmt.Errorf("reading a header: %d of %d octets: %w", have, mrtHeader, ErrTruncated)))
	}
	h := m.header(0)
	if !h.known() && !m.leads(h) {
		at := m.resync()
		if h.length > MaxMRTRecord {
			return m.damaged(at, fmt.Errorf("a length of %d octets: %w", h.length, ErrBadLength))
		}
		return m.damaged(at, fmt.Errorf("type %d, subtype %d: %w", h.kind, h.subtype, ErrUnsupported))
	}
	total := mrtHeader + int(h.length)
	if !m.fill(total) {
		cut := fmt.Errorf("reading the body: %d of %d octets: %w", m.end-m.start-mrtHeader, h.length, ErrTruncated)
		return m.damaged(m.resync(), m.cut(cut))
	}
	rec := MRTRecord{
		Number: m.number, Offset: m.offset, Timestamp: int64(h.seconds) * 1e6, Type: h.kind, Subtype: h.subtype,
		Body: m.buf[m.start+mrtHeader : m.start+total],
	}
	m.consume(total)
	if h.extended() {
		if len(rec.Body) < 4 {
			return MRTRecord{}, &MRTError{Number: rec.Number, Offset: rec.Offset, Skipped: int64(total), Err: ErrBadLength}
		}
		rec.Timestamp += int64(binary.BigEndian.Uint32(rec.Body))
		rec.Body = rec.Body[4:]
	}
	m.last = int64(h.seconds)
	return rec, nil
}

// finish ends the stream: io.EOF, after what the reader below had to say, once.
func (m *MRTReader) finish() (MRTRecord, error) {
	if err := m.err; !errors.Is(err, io.EOF) {
		m.err = io.EOF
		return MRTRecord{}, &MRTError{Number: m.number + 1, Offset: m.offset, Err: err}
	}
	return MRTRecord{}, io.EOF
}

// cut adds to err why the stream ended, if that was not its end, and reports it no second time.
func (m *MRTReader) cut(err error) error {
	if m.err == nil || errors.Is(m.err, io.EOF) {
		return err
	}
	err = fmt.Errorf("%w: %w", err, m.err)
	m.err = io.EOF
	return err
}

// damaged passes over n octets.
func (m *MRTReader) damaged(n int, err error) (MRTRecord, error) {
	e := &MRTError{Number: m.number, Offset: m.offset, Skipped: int64(n), Err: err}
	m.consume(n)
	return MRTRecord{}, e
}

func (m *MRTReader) consume(n int) {
	m.start += n
	m.offset += int64(n)
}

// fill tries to have n octets in the buffer, which grows only as the stream really brings them.
func (m *MRTReader) fill(n int) bool {
	for m.end-m.start < n {
		if m.err != nil {
			return false
		}
		if m.end == len(m.buf) {
			m.room()
		}
		k, err := m.r.Read(m.buf[m.end:])
		m.end += k
		if m.err = err; k > 0 {
			m.empty = 0
		} else if m.empty++; err == nil && m.empty >= maxEmptyReads {
			m.err = io.ErrNoProgress
		}
	}
	return true
}

// room makes space behind the octets that are held: by moving them, or by doubling a buffer that is more than half full.
func (m *MRTReader) room() {
	to := m.buf
	if held := m.end - m.start; held > len(m.buf)/2 {
		to = make([]byte, 2*len(m.buf))
	}
	m.end = copy(to, m.buf[m.start:m.end])
	m.buf, m.start = to, 0
}

// mrtHead is a record's common header.
type mrtHead struct {
	seconds uint32
	kind    MRTType
	subtype uint16
	length  uint32
}

// header reads the header at octets from the start; they are there.
func (m *MRTReader) header(at int) mrtHead {
	b := m.buf[m.start+at:]
	return mrtHead{
		seconds: binary.BigEndian.Uint32(b), kind: MRTType(binary.BigEndian.Uint16(b[4:])), subtype: binary.BigEndian.Uint16(b[6:]),
		length: binary.BigEndian.Uint32(b[8:]),
	}
}

func (h mrtHead) extended() bool { return h.kind == MRTBGP4MPET || h.kind == 33 || h.kind == 49 }

// minMRTType and maxMRTType are the lowest and the highest type that known knows.
const minMRTType, maxMRTType = 5, 49

// known tells whether the header is of a kind that RFC 6396 and RFC 8050 define, of a length that is read.
func (h mrtHead) known() bool {
	if h.length > MaxMRTRecord {
		return false
	}
	switch h.kind {
	case MRTBGP:
		return h.subtype <= subtypeBGPKeepalive && h.length <= MaxMRTBGP
	case MRTTableDump:
		return h.subtype >= 1 && h.subtype <= 4
	case MRTTableDumpV2:
		return h.subtype >= subtypePeerIndexTable && h.subtype <= subtypeGenericAddPath
	case MRTBGP4MP, MRTBGP4MPET:
		return h.subtype <= subtypeMessageAS4LocalAddPath
	case 11, 32, 33, 48, 49: // OSPFv2, IS-IS, OSPFv3
		return true
	}
	return false
}

// chained tells whether the record at octets from the start is whole and followed by a known header or the stream's end.
func (m *MRTReader) chained(at int, h mrtHead) bool {
	if h.length > MaxMRTRecord {
		return false
	}
	next := at + mrtHeader + int(h.length)
	if m.fill(next + mrtHeader) {
		return m.header(next).known()
	}
	return m.end-m.start == next
}

// leads tells whether the header at the start, of an unknown kind, is to be believed: it leads over others of times near the last sound
// one's to one of a known kind, to padding, or to the stream's end.
func (m *MRTReader) leads(h mrtHead) bool {
	if m.offset < m.led {
		return true // one of those that lead there
	}
	for at := 0; h.length <= MaxMRTRecord && at <= MaxMRTRecord; {
		at += mrtHeader + int(h.length)
		if !m.fill(at + mrtHeader) {
			if m.end-m.start < at || !zeros(m.buf[m.start+at:m.end]) {
				return false
			}
			m.led = m.offset + int64(at)
			return true
		}
		if h = m.header(at); h.known() || h == (mrtHead{}) {
			m.led = m.offset + int64(at)
			return true
		}
		if !m.near(h.seconds) {
			return false
		}
	}
	return false
}

// maxPadding is how many zeros in a row are padding, in octets. More of them are a part of the file that was never written.
const maxPadding = 64 << 10

// skipPadding passes over zeros that are no record's: as many as a header has, or the rest of the stream. It returns how many.
func (m *MRTReader) skipPadding() int64 {
	from := m.offset
	m.fill(mrtHeader)
	if n := min(m.end-m.start, mrtHeader); !zeros(m.buf[m.start : m.start+n]) {
		return 0
	}
	for m.fill(1) && m.buf[m.start] == 0 {
		m.consume(1)
	}
	m.fill(mrtHeader)
	return m.offset - from
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// resync returns how many octets lie before the next record to be believed: a known kind, a time near the last one's, and
// a sound record or the end behind it. Without any it is all that is left of the stream, or as much as is read at once.
func (m *MRTReader) resync() int {
	for at := 1; ; at++ {
		if !m.fill(at + mrtHeader) {
			return m.end - m.start
		}
		held := m.buf[m.start:m.end]
		for at+mrtHeader < len(held) && (held[at+4] != 0 || held[at+5] > maxMRTType || held[at+5] < minMRTType) {
			at++ // no type that is known stands here
		}
		if at >= MaxMRTRecord {
			return at
		}
		h := m.header(at)
		if h.known() && m.near(h.seconds) && m.chained(at, h) {
			return at
		}
	}
}

func (m *MRTReader) near(seconds uint32) bool {
	if m.last == 0 {
		return true
	}
	d := time.Duration(int64(seconds)-m.last) * time.Second
	return d.Abs() <= resyncWindow
}
