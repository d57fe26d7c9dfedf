package bzip2

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/darkmap/darkmap/internal/datatest"
)

// pack compresses data with the program bzip2.
func pack(t testing.TB, data []byte, options ...string) []byte {
	t.Helper()
	cmd := exec.Command("bzip2", append([]string{"-c"}, options...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unpack reads all of data with a Reader.
func unpack(data []byte, workers int) ([]byte, error) {
	r := NewReader(bytes.NewReader(data), workers)
	defer r.Close() //nolint:errcheck // it has no error
	return io.ReadAll(r)
}

// texts returns octets of several kinds: none, one, runs of lengths about the limits of the run
// coding, random octets, blocks that are full to the last octet.
func texts() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 250_000)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	few := make([]byte, 500_000)
	for i := range few {
		few[i] = "abc"[rnd.IntN(3)]
	}
	var lengths []byte
	for n := range 300 {
		lengths = append(lengths, bytes.Repeat([]byte{byte(n)}, n)...)
	}
	return map[string][]byte{
		"nothing": {}, "one": {7}, "noise": noise, "few": few, "runs": lengths, "zeros": make([]byte, 1_500_000),
		"period": bytes.Repeat([]byte("abcabcd"), 40_000), "pairs": bytes.Repeat([]byte("ab"), 120_000),
	}
}

func TestReader(t *testing.T) {
	for name, text := range texts() {
		for workers, options := range [][]string{{"-9"}, {"-1"}, {"-9"}, {"-1"}} {
			packed := pack(t, text, options...)
			got, err := unpack(packed, workers)
			if err != nil || !bytes.Equal(got, text) {
				t.Fatalf("%s, %s, %d workers: got %d octets and error %v, want %d octets", name, options, workers, len(got), err, len(text))
			}
		}
	}
}

// TestStreams checks that successive streams are read as one: pbzip2 writes a stream for each
// block.
func TestStreams(t *testing.T) {
	var packed, want []byte
	for _, name := range []string{"runs", "nothing", "few", "nothing", "one"} {
		packed = append(packed, pack(t, texts()[name], "-1")...)
		want = append(want, texts()[name]...)
	}
	got, err := unpack(packed, 2)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("got %d octets and error %v, want %d octets", len(got), err, len(want))
	}
	if got, err := unpack(append(packed, "and something else that is long enough"...), 2); !bytes.Equal(got, want) || !errors.As(err, new(FormatError)) {
		t.Errorf("octets behind the end: got %d octets and error %v", len(got), err)
	}
}

func TestRealFiles(t *testing.T) {
	for _, name := range []string{"routeviews2-updates.20260222.1530.bz2", "rib6.20151101.0600_firstMB.bz2"} {
		t.Run(name, func(t *testing.T) {
			packed, err := os.ReadFile(datatest.Path(t, filepath.Join("mrt", name)))
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range [][]byte{packed, packed[:len(packed)/8]} {
				want, wantErr := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(part)))
				got, err := unpack(part, 2)
				if !bytes.Equal(got, want) {
					t.Errorf("got %d octets, want %d", len(got), len(want))
				}
				if diff := cmp.Diff(wantErr, err, cmpopts.EquateErrors()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// TestDamaged cuts files and changes single octets anywhere. The Reader must return the octets of
// the standard library, and fail where that fails.
func TestDamaged(t *testing.T) {
	text := texts()["few"][:120_000]
	packed := pack(t, text, "-1")
	for i := 0; i < len(packed); i += 1 + i/8 {
		same(t, packed[:i])
		changed := bytes.Clone(packed)
		changed[i] ^= 1 << (i % 8)
		same(t, changed)
	}
}

// same compares with the standard library, which decompresses some blocks whose tables are no
// Huffman codes.
func same(t *testing.T, packed []byte) {
	t.Helper()
	want, wantErr := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(packed)))
	got, err := unpack(packed, 2)
	if errors.Is(err, errLengths) {
		return
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("got error %v, want %v", err, wantErr)
	}
	if wantErr == nil && !bytes.Equal(got, want) {
		t.Fatalf("got %d octets, want %d", len(got), len(want))
	}
}

func TestReadError(t *testing.T) {
	failed := errors.New("the disk is gone")
	packed := pack(t, texts()["few"], "-1")
	r := NewReader(io.MultiReader(bytes.NewReader(packed[:len(packed)/2]), iotest.ErrReader(failed)), 2)
	defer r.Close() //nolint:errcheck // it has no error
	if got, err := io.ReadAll(r); !errors.Is(err, failed) || len(got) < 100_000 {
		t.Errorf("got %d octets and error %v", len(got), err)
	}
}

// TestClose checks that a Reader closed early leaves no goroutine.
func TestClose(t *testing.T) {
	packed := pack(t, texts()["noise"], "-1")
	before := runtime.NumGoroutine()
	for range 20 {
		r := NewReader(bytes.NewReader(packed), 3)
		if _, err := io.ReadFull(r, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Error("a closed reader reads on without an error")
		}
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestLengths checks that lengths whose codes exceed all bit patterns form no code.
func TestLengths(t *testing.T) {
	for _, c := range []struct {
		lengths []uint8
		ok      bool
	}{
		{[]uint8{1, 2, 2}, true},
		{[]uint8{1, 2}, true}, // not all bits have a symbol
		{[]uint8{1, 1, 20}, false},
		{[]uint8{2, 2, 2, 2, 2}, false},
	} {
		if ok := new(huffman).set(c.lengths); ok != c.ok {
			t.Errorf("%v: got %t", c.lengths, ok)
		}
	}
}

func FuzzReader(f *testing.F) {
	for name, text := range texts() {
		if name != "noise" {
			f.Add(pack(f, text[:min(len(text), 20_000)], "-1"))
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte) { same(t, packed) })
}

func BenchmarkReader(b *testing.B) {
	packed := pack(b, texts()["few"])
	b.Run("library", func(b *testing.B) {
		for b.Loop() {
			if _, err := io.Copy(io.Discard, stdbzip2.NewReader(bytes.NewReader(packed))); err != nil {
				b.Fatal(err)
			}
		}
	})
	for workers := 1; workers <= 2; workers++ {
		b.Run(map[int]string{1: "one", 2: "two"}[workers], func(b *testing.B) {
			for b.Loop() {
				if _, err := unpack(packed, workers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
