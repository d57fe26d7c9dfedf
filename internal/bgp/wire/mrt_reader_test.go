package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

const epoch = 1419264900 // 2014-12-22T16:15:00Z

// record frames an MRT record.
func record(seconds uint32, kind wire.MRTType, subtype uint16, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, seconds)
	b = binary.BigEndian.AppendUint16(b, uint16(kind))
	b = binary.BigEndian.AppendUint16(b, subtype)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	return append(b, body...)
}

// bgp4mp returns a BGP4MP message record of a peer AS64496 at 203.0.113.1.
func bgp4mp(seconds uint32, update []byte) []byte {
	head := []byte{0, 0, 0xfb, 0xf0, 0, 0, 0xfb, 0xf1, 0, 0, 0, 1, 203, 0, 113, 1, 203, 0, 113, 2}
	return record(seconds, wire.MRTBGP4MP, 4, append(head, message(wire.MessageUpdate, update)...))
}

// readAll reads to the end. It returns the seconds of the records since epoch, and the errors.
func readAll(t *testing.T, r io.Reader) (seconds []int64, damages []*wire.MRTError) {
	t.Helper()
	m := wire.NewMRTReader(r)
	next := int64(0)
	for i := 0; ; i++ {
		rec, err := m.Next()
		if errors.Is(err, io.EOF) {
			if _, err := m.Next(); !errors.Is(err, io.EOF) {
				t.Fatalf("after the end: got %v, want io.EOF", err)
			}
			return seconds, damages
		}
		if e, ok := errors.AsType[*wire.MRTError](err); ok {
			if e.Offset != next {
				t.Fatalf("damage at %d, want %d", e.Offset, next)
			}
			next = e.Offset + e.Skipped
			damages = append(damages, e)
			continue
		}
		if err != nil || rec.Offset != next || rec.Number != uint64(i+1) {
			t.Fatalf("record %d at %d, %v, want %d at %d", rec.Number, rec.Offset, err, i+1, next)
		}
		next = m.Offset()
		seconds = append(seconds, rec.Timestamp/1e6-epoch)
	}
}

func TestMRTReader(t *testing.T) {
	t.Parallel()
	var records [][]byte
	for i := range uint32(4) {
		records = append(records, bgp4mp(epoch+i, body(net192, nil)))
	}
	whole := slices.Concat(records...)
	size := len(records[0])
	edit := func(f func(b []byte)) []byte {
		b := bytes.Clone(whole)
		f(b)
		return b
	}
	second := size // where the second record begins
	tests := map[string]struct {
		file    []byte
		seconds []int64
		errs    []error
		skipped int64 // by the first damage
	}{
		"whole":                  {whole, []int64{0, 1, 2, 3}, nil, 0},
		"empty":                  {nil, nil, nil, 0},
		"header is cut":          {whole[:3*size+7], []int64{0, 1, 2}, []error{wire.ErrTruncated}, 7},
		"body is cut":            {whole[:3*size+20], []int64{0, 1, 2}, []error{wire.ErrTruncated}, 20},
		"only a piece of header": {whole[:5], nil, []error{wire.ErrTruncated}, 5},
		"length of 4 GB": {
			edit(func(b []byte) { copy(b[second+8:], "\xff\xff\xff\xff") }), []int64{0, 2, 3}, []error{wire.ErrBadLength}, int64(size),
		},
		"length beyond the end": {
			edit(func(b []byte) { copy(b[second+8:], "\x00\x00\xff\xff") }), []int64{0, 2, 3}, []error{wire.ErrTruncated}, int64(size),
		},
		"length too short": {
			edit(func(b []byte) { b[second+11] -= 4 }), []int64{0, 1, 2, 3}, []error{wire.ErrUnsupported}, 4,
		},
		"unknown type":      {edit(func(b []byte) { b[second+5] = 200 }), []int64{0, 1, 2, 3}, nil, 0},
		"unknown and lying": {edit(func(b []byte) { b[second+5] = 200; b[second+11]++ }), []int64{0, 2, 3}, []error{wire.ErrUnsupported}, int64(size)},
		"garbage between": {
			slices.Concat(records[0], bytes.Repeat([]byte("garbage!"), 1000), records[1], records[2]), []int64{0, 1, 2}, []error{wire.ErrBadLength}, 8000,
		},
		"unknown types in a row": {edit(func(b []byte) { b[second+5], b[2*size+5] = 200, 77 }), []int64{0, 1, 2, 3}, nil, 0},
		"unknown type last":      {edit(func(b []byte) { b[3*size+4] = 200 }), []int64{0, 1, 2, 3}, nil, 0},
		"garbage first":          {slices.Concat([]byte("#!/bin/sh -e\n# not MRT\n"), whole), []int64{0, 1, 2, 3}, []error{wire.ErrBadLength}, 23},
		"garbage last":           {slices.Concat(whole, []byte("the end of the file, long enough")), []int64{0, 1, 2, 3}, []error{wire.ErrBadLength}, 32},
		"nothing else":           {bytes.Repeat([]byte("no MRT at all; "), 10000), nil, []error{wire.ErrBadLength}, 150000},
		"another year's record in garbage": {
			slices.Concat(records[0], []byte("garbage"), bgp4mp(epoch+1e8, body(nil, nil)), records[1]), []int64{0, 1}, []error{wire.ErrBadLength}, int64(7 + size - 4),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for reader, r := range map[string]io.Reader{
				"at once": bytes.NewReader(tt.file), "by octets": iotest.OneByteReader(bytes.NewReader(tt.file)),
				"data and error": iotest.DataErrReader(bytes.NewReader(tt.file)),
			} {
				seconds, damages := readAll(t, r)
				if !slices.Equal(seconds, tt.seconds) || len(damages) != len(tt.errs) {
					t.Fatalf("%s: got records %v, damages %v, want %v, %v", reader, seconds, damages, tt.seconds, tt.errs)
				}
				for i, want := range tt.errs {
					if !errors.Is(damages[i], want) || damages[0].Skipped != tt.skipped {
						t.Errorf("%s: got %v, want %v with %d octets skipped", reader, damages[i], want, tt.skipped)
					}
				}
			}
		})
	}
}

// TestMRTReaderUnknownRow: the time to read many consecutive records of unknown kinds is linear in
// their number. Quadratic time would be a quarter of an hour here.
func TestMRTReaderUnknownRow(t *testing.T) {
	t.Parallel()
	const n = 300_000
	row := bytes.Repeat(record(epoch, 60, 0, nil), n)
	for name, end := range map[string][]byte{"a known one": bgp4mp(epoch, body(net192, nil)), "padding": make([]byte, 20), "the end": nil} {
		seconds, damages := readAll(t, bytes.NewReader(slices.Concat(row, end)))
		if got := len(seconds); got/n != 1 || len(damages) != 0 {
			t.Errorf("before %s: got %d records and %d damages", name, got, len(damages))
		}
	}
}

// TestMRTReaderPadding: zeros between records, and behind the last, are no damage.
func TestMRTReaderPadding(t *testing.T) {
	t.Parallel()
	first, second := bgp4mp(epoch, body(net192, nil)), bgp4mp(epoch+1, body(net192, nil))
	for _, n := range []int{1, 11, 12, 13, 512} {
		r := wire.NewMRTReader(bytes.NewReader(slices.Concat(first, make([]byte, 12+n), second, make([]byte, n))))
		for i, at := range []int{0, len(first) + 12 + n} {
			if rec, err := r.Next(); err != nil || rec.Offset != int64(at) || rec.Number != uint64(i+1) || len(rec.Body) != len(first)-12 {
				t.Errorf("%d zeros: got record %d at %d, %v, want one at %d", n, rec.Number, rec.Offset, err, at)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%d zeros at the end: got %v", n, err)
		}
	}
}

// TestMRTReaderHole: a longer run of zeros than padding counts as damage of that length. The
// records behind it are read.
func TestMRTReaderHole(t *testing.T) {
	t.Parallel()
	const hole = 64<<10 + 1
	first, second := bgp4mp(epoch, body(net192, nil)), bgp4mp(epoch+1, body(net192, nil))
	r := wire.NewMRTReader(bytes.NewReader(slices.Concat(first, make([]byte, hole), second)))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	var damage *wire.MRTError
	if _, err := r.Next(); !errors.As(err, &damage) || damage.Offset != int64(len(first)) || damage.Skipped != hole {
		t.Errorf("got %v, want a damage of %d octets at %d", err, hole, len(first))
	}
	if rec, err := r.Next(); err != nil || rec.Offset != int64(len(first)+hole) {
		t.Errorf("got a record at %d and %v, want one at %d", rec.Offset, err, len(first)+hole)
	}
}

func TestMRTReaderReportsWhatFailed(t *testing.T) {
	t.Parallel()
	whole := bgp4mp(epoch, body(net192, nil))
	failed := errors.New("the disk is gone")
	for name, n := range map[string]int{"within a record": 20, "within a header": 5, "between records": len(whole)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, damages := readAll(t, io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(failed)))
			if len(damages) != 1 || !errors.Is(damages[0], failed) {
				t.Errorf("got %v, want one damage: %v", damages, failed)
			}
		})
	}
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestMRTReaderEndsASilentReader(t *testing.T) {
	t.Parallel()
	_, damages := readAll(t, silent{})
	if len(damages) != 1 || !errors.Is(damages[0], io.ErrNoProgress) {
		t.Errorf("got %v, want %v", damages, io.ErrNoProgress)
	}
}

// endless announces ever larger records and returns zeros.
type endless struct {
	head []byte
	left int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.head)
	e.head = e.head[n:]
	clear(p[n:])
	n = min(len(p), e.left)
	e.left -= n
	return n, nil
}

// TestMRTReaderHeap reads hostile streams and checks the heap: at most 4 of the largest records and
// 64 MiB.
func TestMRTReaderHeap(t *testing.T) {
	largest := record(epoch, wire.MRTTableDumpV2, 2, nil)
	binary.BigEndian.PutUint32(largest[8:], wire.MaxMRTRecord)
	over := record(epoch, wire.MRTTableDumpV2, 2, nil)
	binary.BigEndian.PutUint32(over[8:], wire.MaxMRTRecord+1)
	for name, head := range map[string][]byte{"the largest": largest, "more than the largest": over, "zeros": nil} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			r := wire.NewMRTReader(&endless{head: head, left: 48 << 20})
			for {
				if _, err := r.Next(); errors.Is(err, io.EOF) {
					break
				}
				runtime.ReadMemStats(&after)
				if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*wire.MaxMRTRecord+64<<20 {
					t.Fatalf("the heap grew by %d octets", grown)
				}
			}
			runtime.ReadMemStats(&after)
			if total := after.TotalAlloc - before.TotalAlloc; total > 4*wire.MaxMRTRecord+64<<20 {
				t.Errorf("%d octets were allocated in all", total)
			}
		})
	}
}
