package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxMRTRecord is the length of the longest MRT record that MRTReader reads, in octets without its
// header. A prefix of a large collector's RIB takes about 1 MB.
const MaxMRTRecord = 16 << 20

// resyncWindow is the largest accepted difference between the timestamp of a record after damage
// and that of the last sound record.
const resyncWindow = 32 * 24 * time.Hour

// mrtHeader is the length of the common header (RFC 6396 §2).
const mrtHeader = 12

// maxEmptyReads caps consecutive reads without any octet.
const maxEmptyReads = 100

// MRTError reports a record that cannot be read, or octets that are no record. The reader can
// continue behind them.
type MRTError struct {
	Number  uint64 // number of the record, as in MRTRecord
	Offset  int64  // offset of the record
	Skipped int64  // octets skipped, from Offset on
	Err     error  // ErrTruncated, ErrBadLength, ErrUnsupported or the reader's error
}

// Error describes the place and the fault.
func (e *MRTError) Error() string {
	return fmt.Sprintf("MRT record %d at offset %d: %v (%d octets skipped)",
		e.Number, e.Offset, e.Err, e.Skipped)
}

// Unwrap returns Err.
func (e *MRTError) Unwrap() error { return e.Err }

// MRTReader splits a stream into MRT records. It holds at most twice MaxMRTRecord and reads ahead.
type MRTReader struct {
	r          io.Reader
	buf        []byte
	start, end int // bounds of the octets in buf that were not consumed
	offset     int64
	number     uint64
	last       int64 // timestamp of the last record, seconds; 0 before the first
	led        int64 // end of a chain of unknown records that leads to a known one, as an offset
	err        error // error from r
	empty      int   // consecutive reads without any octet
}

// NewMRTReader returns a reader of r. r should return decompressed data.
func NewMRTReader(r io.Reader) *MRTReader {
	return &MRTReader{r: r, buf: make([]byte, 64<<10)}
}

// Next returns the next record. Its body is valid until the next call. The error is io.EOF at the
// end, or an *MRTError, after which the caller can call Next again. After a record with an
// implausible header, Next looks for the next sound record. It returns a record of an unknown type
// if other records follow it. Zeros between records are padding.
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
		return m.damaged(have, m.cut(
			fmt.Errorf("reading a header: %d of %d octets: %w", have, mrtHeader, ErrTruncated)))
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
		Number: m.number, Offset: m.offset, Timestamp: int64(h.seconds) * 1e6,
		Type: h.kind, Subtype: h.subtype,
		Body: m.buf[m.start+mrtHeader : m.start+total],
	}
	m.consume(total)
	if h.extended() {
		if len(rec.Body) < 4 {
			return MRTRecord{}, &MRTError{
				Number: rec.Number, Offset: rec.Offset, Skipped: int64(total), Err: ErrBadLength,
			}
		}
		rec.Timestamp += int64(binary.BigEndian.Uint32(rec.Body))
		rec.Body = rec.Body[4:]
	}
	m.last = int64(h.seconds)
	return rec, nil
}

// finish ends the stream. It reports an error of the underlying reader once, then io.EOF.
func (m *MRTReader) finish() (MRTRecord, error) {
	if err := m.err; !errors.Is(err, io.EOF) {
		m.err = io.EOF
		return MRTRecord{}, &MRTError{Number: m.number + 1, Offset: m.offset, Err: err}
	}
	return MRTRecord{}, io.EOF
}

// cut adds the error that ended the stream to err, unless that is io.EOF. It makes sure that the
// reader reports it only once.
func (m *MRTReader) cut(err error) error {
	if m.err == nil || errors.Is(m.err, io.EOF) {
		return err
	}
	err = fmt.Errorf("%w: %w", err, m.err)
	m.err = io.EOF
	return err
}

// damaged skips n octets and returns the error that reports them.
func (m *MRTReader) damaged(n int, err error) (MRTRecord, error) {
	e := &MRTError{Number: m.number, Offset: m.offset, Skipped: int64(n), Err: err}
	m.consume(n)
	return MRTRecord{}, e
}

func (m *MRTReader) consume(n int) {
	m.start += n
	m.offset += int64(n)
}

// fill reads until the buffer holds n octets. It reports whether it does. The buffer grows only as
// octets arrive.
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

// room makes space behind the held octets. It moves them, or doubles a buffer that is more than
// half full.
func (m *MRTReader) room() {
	to := m.buf
	if held := m.end - m.start; held > len(m.buf)/2 {
		to = make([]byte, 2*len(m.buf))
	}
	m.end = copy(to, m.buf[m.start:m.end])
	m.buf, m.start = to, 0
}

// mrtHead is the common header of a record.
type mrtHead struct {
	seconds uint32
	kind    MRTType
	subtype uint16
	length  uint32
}

// header parses the header at octets from the start. The octets must be in the buffer.
func (m *MRTReader) header(at int) mrtHead {
	b := m.buf[m.start+at:]
	return mrtHead{
		seconds: binary.BigEndian.Uint32(b), kind: MRTType(binary.BigEndian.Uint16(b[4:])),
		subtype: binary.BigEndian.Uint16(b[6:]), length: binary.BigEndian.Uint32(b[8:]),
	}
}

func (h mrtHead) extended() bool { return h.kind == MRTBGP4MPET || h.kind == 33 || h.kind == 49 }

// minMRTType and maxMRTType are the lowest and the highest type that known accepts.
const minMRTType, maxMRTType = 5, 49

// known reports whether the header is of a kind that RFC 6396 and RFC 8050 define, and its length
// is within the cap.
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

// chained reports whether the record at octets from the start is whole, and a known header or the
// end of the stream follows it.
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

// leads reports whether the header h at the start, of an unknown kind, is plausible. It follows the
// chain of records whose times are near that of the last sound record. The header is plausible if
// the chain ends at a record of a known kind, at padding, or at the end of the stream.
func (m *MRTReader) leads(h mrtHead) bool {
	if m.offset < m.led {
		return true // part of a chain that was followed before
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

// maxPadding is the largest number of consecutive zeros that count as padding, in octets. A longer
// run is a part of the file that was never written.
const maxPadding = 64 << 10

// skipPadding skips zeros that belong to no record: at least as many as a header has octets, or the
// rest of the stream. It returns their number.
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

// resync returns the number of octets before the next plausible record. That record is of a known
// kind, its time is near that of the last record, and a sound record or the end follows it. If
// resync finds none, it returns the number of octets left, or at least MaxMRTRecord.
func (m *MRTReader) resync() int {
	for at := 1; ; at++ {
		if !m.fill(at + mrtHeader) {
			return m.end - m.start
		}
		held := m.buf[m.start:m.end]
		for at+mrtHeader < len(held) && (held[at+4] != 0 || held[at+5] > maxMRTType || held[at+5] < minMRTType) {
			at++ // no known type at this octet
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
