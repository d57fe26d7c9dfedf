package capture_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// start is 2014-12-22T16:15:00Z.
const start = 1419264900

// update returns an UPDATE of 198.51.100.0/24 with the path 64496 64497, from documentation space.
func update() []byte {
	attributes := unhex("400101004002" + "0a" + "0202" + "0000fbf0" + "0000fbf1" + "400304cb007101")
	body := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(len(attributes)))
	body = append(append(body, attributes...), 24, 198, 51, 100)
	return message(2, body)
}

// message frames a BGP message.
func message(typ byte, body []byte) []byte {
	b := bytes.Repeat([]byte{0xff}, 16)
	b = binary.BigEndian.AppendUint16(b, uint16(19+len(body)))
	return append(append(b, typ), body...)
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// mrt frames an MRT record.
func mrt(seconds uint32, typ, sub uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, seconds)
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, sub)
	return append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
}

// mrtUpdate returns a BGP4MP_MESSAGE_AS4 record with update.
func mrtUpdate(seconds uint32) []byte {
	body := unhex("0000fbf0" + "0000fbff" + "00000001" + "cb007101" + "cb007102")
	return mrt(seconds, 16, 4, append(body, update()...))
}

// mrtUpdates returns n records, a second apart.
func mrtUpdates(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, mrtUpdate(start+uint32(i))...)
	}
	return b
}

// peerIndex returns a PEER_INDEX_TABLE with one peer.
func peerIndex() []byte {
	return mrt(start, 13, 1, unhex("cb0071ff"+"0000"+"0001"+"02"+"cb007101"+"cb007101"+"0000fbf0"))
}

// rib returns a RIB_IPV4_UNICAST record of 198.51.100.0/24 with an entry for each peer.
func rib(peers ...uint16) []byte {
	attributes := unhex("40010100" + "400206" + "0201" + "0000fbf0" + "400304cb007101")
	body := binary.BigEndian.AppendUint16(unhex("00000000"+"18c63364"), uint16(len(peers)))
	for _, p := range peers {
		body = binary.BigEndian.AppendUint16(body, p)
		body = binary.BigEndian.AppendUint32(body, start)
		body = binary.BigEndian.AppendUint16(body, uint16(len(attributes)))
		body = append(body, attributes...)
	}
	return mrt(start, 13, 2, body)
}

// bmp frames a BMP message.
func bmp(typ byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{3}, uint32(6+len(body)))
	return append(append(b, typ), body...)
}

// bmpPeer returns a per-peer header of 203.0.113.1, AS64496, and the body.
func bmpPeer(body ...byte) []byte {
	b := make([]byte, 42, 42+len(body))
	copy(b[22:], netip.MustParseAddr("203.0.113.1").AsSlice())
	binary.BigEndian.PutUint32(b[26:], 64496)
	copy(b[30:], []byte{203, 0, 113, 1})
	binary.BigEndian.PutUint32(b[34:], start)
	return append(b, body...)
}

func bmpInitiation() []byte { return bmp(4, append([]byte{0, 2, 0, 2}, "r1"...)) }

func bmpPeerUp() []byte {
	open := message(1, unhex("04fbf000b4cb0071010a"+"02084104"+"0000fbf0"+"0600"))
	body := append(make([]byte, 16), 0, 179, 0, 179)
	return bmp(3, bmpPeer(append(append(body, open...), open...)...))
}

func bmpUpdate() []byte { return bmp(0, bmpPeer(update()...)) }

// bmpSession returns an Initiation, a Peer Up and n UPDATEs.
func bmpSession(n int) []byte {
	return join(bmpInitiation(), bmpPeerUp(), bytes.Repeat(bmpUpdate(), n))
}

// risLine returns a line of RIS Live with update in raw.
func risLine(i int) []byte {
	return fmt.Appendf(nil, `{"type":"ris_message","data":{"timestamp":%d.25,"peer":"203.0.113.1","peer_asn":"64496","id":"x-%d","host":"rrc00",`+
		`"type":"UPDATE","path":[64496,64497],"origin":"igp","announcements":[{"next_hop":"203.0.113.1","prefixes":["198.51.100.0/24"]}],"raw":"%s"}}`+"\n",
		start+i, i, strings.ToUpper(hex.EncodeToString(update())))
}

func risLines(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, risLine(i)...)
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// stored returns gzip without compression: 15 octets of headers, then b unchanged.
func stored(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.NoCompression)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func zst(tb testing.TB, b []byte, opts ...zstd.EOption) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, append([]zstd.EOption{zstd.WithEncoderConcurrency(1)}, opts...)...)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
