package capture

import (
	"bytes"
	"encoding/binary"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// Format is the format of a capture.
type Format string

// The formats.
const (
	MRT     Format = "mrt"
	RISLive Format = "rislive"
	BMP     Format = "bmp"
)

const (
	// sniffFirst octets identify a sound file. sniffWindow octets are searched if the start is
	// damaged.
	sniffFirst  = 12
	sniffWindow = 64 << 10
	// sniffChain is the number of successive records that identify a file with a damaged start.
	sniffChain = 3
)

// formatOfStart recognises a capture by the sound header of its first record. It returns an empty
// Format for any other file.
func formatOfStart(b []byte) Format {
	if t := bytes.TrimLeft(bytes.TrimPrefix(b, utf8BOM), " \t\r\n"); len(t) > 0 && t[0] == '{' {
		return RISLive
	}
	if looksLikeMRT(b) {
		return MRT
	}
	if _, ok := looksLikeBMP(b); ok {
		return BMP
	}
	return ""
}

// formatOfWindow searches b for sniffChain successive records, or for a line of RIS Live.
func formatOfWindow(b []byte) Format {
	for i := 1; i+sniffFirst <= len(b); i++ {
		if chained(b[i:], mrtLength) {
			return MRT
		}
		if chained(b[i:], looksLikeBMP) {
			return BMP
		}
	}
	if i := bytes.Index(b, []byte("\n{\"")); i >= 0 && bytes.Contains(b[i:], []byte(`"ris_message"`)) {
		return RISLive
	}
	return ""
}

// chained reports whether b begins with sniffChain successive records.
func chained(b []byte, length func([]byte) (int, bool)) bool {
	for range sniffChain {
		n, ok := length(b)
		if !ok || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return true
}

// looksLikeMRT checks the type and subtype of the record at the start of b (RFC 6396 §2, §4).
func looksLikeMRT(b []byte) bool {
	if len(b) < 12 {
		return false
	}
	typ, sub := binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	switch typ {
	case 5: // BGP, deprecated
		return sub <= 7 && binary.BigEndian.Uint32(b[8:]) <= wire.MaxMRTBGP
	case 11, 32, 33, 48, 49: // OSPFv2, ISIS, OSPFv3
		return sub <= 2
	case 12: // TABLE_DUMP
		return 1 <= sub && sub <= 4
	case 13: // TABLE_DUMP_V2
		return 1 <= sub && sub <= 12
	case 16, 17: // BGP4MP, BGP4MP_ET
		return sub <= 11
	}
	return false
}

// mrtLength returns the length of the MRT record at the start of b, header included, if there is
// one.
func mrtLength(b []byte) (int, bool) {
	if !looksLikeMRT(b) {
		return 0, false
	}
	n := binary.BigEndian.Uint32(b[8:])
	return 12 + int(n), 0 < n && n <= wire.MaxMRTRecord
}

// looksLikeBMP checks the version, length and type of the message at the start of b (RFC 7854 §4.1)
// and returns its length.
func looksLikeBMP(b []byte) (int, bool) {
	if len(b) < 7 || b[0] != 3 || b[5] > 6 {
		return 0, false
	}
	n := binary.BigEndian.Uint32(b[1:])
	perPeer := b[5] <= 3 || b[5] == 6
	return int(n), n >= wire.BMPHeaderLength && n <= wire.MaxBMPMessage && (!perPeer || n >= 48 && b[6] <= 3)
}

var utf8BOM = []byte("\xef\xbb\xbf")
