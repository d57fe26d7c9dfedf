package bzip2

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"io"
	"math/bits"
	"testing"
)

// bitWriter writes bits, the highest of each octet first.
type bitWriter struct {
	octets []byte
	count  int
}

func (w *bitWriter) put(v uint64, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.count%8 == 0 {
			w.octets = append(w.octets, 0)
		}
		w.octets[w.count/8] |= byte(v>>i&1) << (7 - w.count%8)
		w.count++
	}
}

// putBlock writes a block of symbols below 254. The code of each symbol is the symbol itself in
// eight bits.
func (w *bitWriter) putBlock(crc uint32, symbols []byte) {
	w.put(blockMagic, 48)
	w.put(uint64(crc), 32)
	w.put(0, 1+24)
	for range 17 {
		w.put(0xffff, 16) // all octets are used
	}
	groups := (len(symbols) + 1 + groupSize - 1) / groupSize
	w.put(2, 3)
	w.put(uint64(groups), 15)
	w.put(0, groups)
	for range 2 { // lengths: 8 of symbols 0 to 253, 9 of 254 to 257
		w.put(8, 5)
		w.put(0, 254)
		w.put(0b10_0, 3)
		w.put(0, 3)
	}
	for _, s := range symbols {
		w.put(uint64(s), 8)
	}
	w.put(0x1ff, 9) // the end of the block
}

// sumOf returns the checksum of the block that the symbols form.
func sumOf(t *testing.T, symbols []byte) uint32 {
	t.Helper()
	var w bitWriter
	w.putBlock(0, symbols)
	b, err := (&decoder{}).unpack(w.octets, 48, 100_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	var r runs
	room := make([]byte, 1000)
	for n := 1; n > 0; {
		n = r.read(b.octets, room)
	}
	return r.sum()
}

// TestMagicWithinABlock puts the magic of a block, or of the end of the stream, into blocks, at
// several bits.
func TestMagicWithinABlock(t *testing.T) {
	block := []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}
	end := []byte{0x17, 0x72, 0x45, 0x38, 0x50, 0x90}
	filler := bytes.Repeat([]byte{2, 3, 9, 77, 5}, 40)
	var w bitWriter
	w.put(0x425a6831, 32) // BZh1
	var sum uint32
	for _, parts := range [][][]byte{
		{filler, block, filler}, {block, filler, block, block, end}, {filler}, {end, filler, end, block}, {filler, end}, {filler, block},
	} {
		symbols := bytes.Join(parts, nil)
		crc := sumOf(t, symbols)
		sum = bits.RotateLeft32(sum, 1) ^ crc
		w.putBlock(crc, symbols)
	}
	w.put(endMagic, 48)
	w.put(uint64(sum), 32)

	want, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(w.octets)))
	if err != nil {
		t.Fatal("the block of the test is no block: ", err)
	}
	got, err := unpack(w.octets, 2)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d octets and error %v, want %d octets", len(got), err, len(want))
	}
}
