package capture_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
)

// heapBound is the bound of the issue: four times the largest legal record and 64 MiB.
const heapBound = 4*wire.MaxMRTRecord + 64<<20

// heapOctets returns the size of the heap, garbage included.
func heapOctets() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// cpuTime returns the CPU time of the process: unlike the clock it excludes other processes.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// repeated reads b n times, without copying it.
type repeated struct {
	b    []byte
	n    int
	rest []byte
}

// Read reads the next octets.
func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.b
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// bzip2Zeros returns 46,620,000 zeros, the most that a block holds.
func bzip2Zeros() []byte {
	return unhex("425a68393141592653590e09e2df015f8e4000c0000008200030804d4642a025a90a8097314159265359ce348dc700058540" +
		"40c00008000008200030cc0529a64829b14829e2ee48a70a121a44e90f20")
}

// TestBombs checks that bombs are given up, in bounded memory and time. It measures the heap, so it
// does not run in parallel with other tests.
func TestBombs(t *testing.T) {
	const gib10 = 10 << 30
	mib64 := make([]byte, 64<<20)
	zeros := gz(t, mib64)
	first := gz(t, mrtUpdates(2))
	newlines := gz(t, bytes.Repeat([]byte{'\n'}, 64<<20))
	open := gz(t, bytes.Repeat([]byte("["), 64<<20))
	values := append(append([]byte(`{"type":"ris_message","data":[`), bytes.Repeat([]byte("0,"), 1<<18)...), "0]}\n"...)
	arrays := append(append([]byte(`{"type":"x","data":[`), bytes.Repeat([]byte("[],"), 30_000)...), "0]}\n"...)
	lying := mrt(start, 16, 4, nil)
	copy(lying[8:], []byte{0, 0xff, 0xff, 0xff})
	for _, tc := range []struct {
		name  string
		parts []io.Reader
		last  capture.Reason
	}{
		{"gzip, 10 GiB of zeros", []io.Reader{&repeated{b: zeros, n: gib10 >> 26}}, capture.UnknownFormat},
		{"gzip, MRT, then 10 GiB of zeros", []io.Reader{bytes.NewReader(first), &repeated{b: zeros, n: gib10 >> 26}}, capture.NoRecord},
		{"gzip, BMP, then 10 GiB of zeros", []io.Reader{bytes.NewReader(gz(t, bmpSession(2))), &repeated{b: zeros, n: gib10 >> 26}}, capture.NoRecord},
		{"gzip, RIS Live, then 10 GiB of zeros", []io.Reader{bytes.NewReader(gz(t, risLines(2))), &repeated{b: zeros, n: gib10 >> 26}}, capture.NoRecord},
		{"gzip, RIS Live, then 10 GiB of newlines", []io.Reader{bytes.NewReader(gz(t, risLines(2))), &repeated{b: newlines, n: gib10 >> 26}}, capture.NoRecord},
		{"gzip, RIS Live, then 10 GiB of brackets", []io.Reader{bytes.NewReader(gz(t, risLines(2))), &repeated{b: open, n: gib10 >> 26}}, capture.NoRecord},
		{"RIS Live, then lines of many values", []io.Reader{bytes.NewReader(risLines(2)), &repeated{b: values, n: 1 << 12}}, capture.NoRecord},
		{"RIS Live, then lines of many arrays", []io.Reader{bytes.NewReader(risLines(2)), &repeated{b: arrays, n: 100}}, ""},
		{"zstd, MRT, then 10 GiB of zeros", []io.Reader{bytes.NewReader(zst(t, mrtUpdates(2))), &repeated{b: zst(t, mib64), n: gib10 >> 26}}, capture.NoRecord},
		{"zstd, the largest window", []io.Reader{bytes.NewReader(zst(t, join(mrtUpdates(2), mib64), zstd.WithWindowSize(8<<20))), &repeated{b: zst(t, mib64), n: 160}}, capture.NoRecord},
		{"bzip2, 10 GiB of zeros", []io.Reader{&repeated{b: bzip2Zeros(), n: gib10 / 46_620_000}}, capture.UnknownFormat},
		{"MRT, then headers that lie", []io.Reader{bytes.NewReader(mrtUpdates(2)), &repeated{b: lying, n: 1 << 30}}, capture.NoRecord},
		{"MRT, then random octets", []io.Reader{bytes.NewReader(mrtUpdates(2)), &repeated{b: random(), n: 1 << 14}}, capture.NoRecord},
		{"BMP, then random octets", []io.Reader{bytes.NewReader(bmpSession(2)), &repeated{b: random(), n: 1 << 14}}, capture.NoRecord},
		{"MRT, the largest records", []io.Reader{&repeated{b: mrt(start, 11, 1, make([]byte, wire.MaxMRTRecord)), n: 20}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runtime.GC()
			before, most := heapOctets(), int64(0)
			begin := cpuTime(t)
			r, err := capture.New(io.MultiReader(tc.parts...), "bomb")
			if err != nil {
				t.Fatal(err)
			}
			var last capture.Reason
			damages := 0
			for n := 0; ; n++ {
				_, err := r.Next()
				if n%16 == 0 {
					most = max(most, heapOctets()-before)
				}
				if errors.Is(err, io.EOF) {
					break
				}
				if d, ok := errors.AsType[*capture.Damage](err); ok {
					last = d.Reason
					damages++
				}
			}
			most = max(most, heapOctets()-before)
			took := cpuTime(t) - begin
			t.Logf("%d damages, last %q, heap %d MiB, %v", damages, last, most>>20, took.Round(time.Millisecond))
			if last != tc.last {
				t.Errorf("last damage: got %q, want %q", last, tc.last)
			}
			if most > heapBound {
				t.Errorf("heap: got %d MiB more, want at most %d", most>>20, heapBound>>20)
			}
			if limit := time.Minute; took > limit {
				t.Errorf("processor time: got %v, want at most %v", took, limit)
			}
			if got := r.Stats().Bytes; tc.last == capture.NoRecord && got > capture.GiveUpBytes+2<<20 {
				t.Errorf("octets unpacked: got %d, want at most %d and the buffers", got, capture.GiveUpBytes)
			}
		})
	}
}
