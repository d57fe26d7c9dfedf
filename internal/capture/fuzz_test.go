package capture_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/darkmap/darkmap/internal/capture"
)

// FuzzCapture reads whole files of every kind: nothing panics, reading ends, the heap stays within
// its bound, every record is counted once, and offsets never decrease.
func FuzzCapture(f *testing.F) {
	table := join(peerIndex(), rib(0), rib(0, 7), mrt(start, 12, 1, make([]byte, 40)))
	for _, b := range [][]byte{mrtUpdates(3), table, mrt(start, 16, 5, make([]byte, 20)), mrt(start, 17, 4, make([]byte, 9)), bmpSession(2), risLines(2)} {
		f.Add(b)
		f.Add(gz(f, b))
		f.Add(zst(f, b))
		f.Add(gz(f, gz(f, b)))
		f.Add(b[:len(b)-7])
		f.Add(join(b[:len(b)/2], b))
	}
	f.Add(bzip2Zeros())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		before := heapOctets()
		r, err := capture.New(bytes.NewReader(in), "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		var offset int64
		var items, damages, records uint64
		for {
			it, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err == nil {
				items++
				if it.Offset < offset || it.Number != records+1 || it.Kind < capture.Message || it.Kind > capture.Note {
					t.Fatalf("after record %d at %d: got %+v", records, offset, it)
				}
				offset, records = it.Offset, it.Number
				continue
			}
			d, ok := errors.AsType[*capture.Damage](err)
			if !ok {
				t.Fatalf("got %T %v, want a *Damage", err, err)
			}
			damages++
			if d.Number < records || d.Number > records+1 || len(d.Raw) > capture.MaxRaw || d.Reason == "" || d.Err == nil {
				t.Fatalf("after record %d: got %v", records, d)
			}
			records = d.Number
		}
		s := r.Stats()
		if s.Items != items || s.Records != records || s.Records > items+damages {
			t.Fatalf("got %+v, want %d items, %d records", s, items, records)
		}
		var counted uint64
		for _, n := range s.Damaged {
			counted += n
		}
		if counted != damages || s.FileBytes > int64(len(in)) {
			t.Fatalf("got %+v, want %d damages, %d octets", s, damages, len(in))
		}
		if most := heapOctets() - before; most > heapBound {
			t.Fatalf("heap: got %d MiB more, want at most %d", most>>20, heapBound>>20)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
