package core

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/detect/snapshot"
)

var update = flag.Bool("update", false, "write the golden snapshot of a new format; those that exist are for ever")

// goldenSnapshots is the name of the golden snapshot of a format.
const goldenSnapshots = "testdata/snapshots/detector-%d.snapshot.gz"

// TestGoldenSnapshots: this version goes on from the snapshot that the first version of its format
// wrote, and decides as if it had read all records itself. A snapshot of another format is refused
// with both formats. If the test fails, the content has changed: raise SnapshotFormat, and run it
// with -update.
func TestGoldenSnapshots(t *testing.T) {
	t.Parallel()
	current := fmt.Sprintf(goldenSnapshots, SnapshotFormat)
	if _, err := os.Stat(current); err != nil && *update {
		if err := os.MkdirAll(filepath.Dir(current), 0o750); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write(snapshotOf(t, openEverything(t, 3).detector))
		if err := errors.Join(err, z.Close(), os.WriteFile(current, b.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/snapshots/*")
	if err != nil || !slices.Contains(files, current) {
		t.Fatalf("there is no %s: run with -update (%v)", current, err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(small())
		if err != nil {
			t.Fatal(err)
		}
		err = d.Restore(z)
		switch {
		case path != current && !errors.Is(err, snapshot.ErrFormat):
			t.Errorf("%s: got %v, want a refusal of its format", path, err)
		case path == current && err != nil:
			t.Errorf("%s: %v", path, err)
		case path == current:
			f := openEverything(t, 3)
			f.undisturbed = true
			goOnAlike(t, f, d)
		}
	}
}

// TestNewerSnapshot: a snapshot of the next format is refused with both formats.
func TestNewerSnapshot(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := snapshot.NewWriter(&b, snapshotKind, SnapshotFormat+1).Close(); err != nil {
		t.Fatal(err)
	}
	d, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("it has format %d, and this version of darkmap reads format %d", SnapshotFormat+1, SnapshotFormat)
	if err := d.Restore(&b); !errors.Is(err, snapshot.ErrFormat) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
