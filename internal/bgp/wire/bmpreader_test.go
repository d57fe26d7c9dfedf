package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// TestBMPReaderGrow: the reader calls Grow before its buffer grows for a large message and when the
// buffer shrinks. An error from Grow ends the reading.
func TestBMPReaderGrow(t *testing.T) {
	t.Parallel()
	small, large := bmpBytes(wire.BMPInitiation, nil), bmpBytes(wire.BMPInitiation, make([]byte, 10_000))
	stream := bytes.Join([][]byte{small, large, small, small}, nil)
	r := wire.NewBMPReaderSize(&chunks{stream, 4096}, 4096)
	grown, most := 0, 0
	r.Grow = func(n int) error {
		grown += n
		most = max(most, grown)
		return nil
	}
	for _, want := range [][]byte{small, large, small, small} {
		got, err := r.Next()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %d octets, %v, want %d", len(got), err, len(want))
		}
	}
	if _, err := r.Next(); err == nil || most != 12<<10 || grown != 0 {
		t.Errorf("%v; grew by at most %d, %d in the end", err, most, grown)
	}
	refused := errors.New("refused")
	r = wire.NewBMPReaderSize(&chunks{stream, 4096}, 4096)
	r.Grow = func(int) error { return refused }
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
	}
}

// chunks is a reader that returns at most so many octets at once.
type chunks struct {
	b    []byte
	most int
}

func (c *chunks) Read(b []byte) (int, error) {
	n := copy(b[:min(len(b), c.most)], c.b)
	c.b = c.b[n:]
	if n == 0 {
		return 0, errors.New("the end")
	}
	return n, nil
}
