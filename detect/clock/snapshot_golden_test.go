package clock

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect/snapshot"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var update = flag.Bool("update", false, "write the golden snapshot of a new format; those that exist are for ever")

// goldenSnapshots is the name of the golden snapshot of a format.
const goldenSnapshots = "testdata/snapshots/clock-%d.snapshot"

// goldenRecords is the number of records that the clock of a golden snapshot has read.
const goldenRecords = 40

// pushed gives a clock the records of a fixed stream from one number until before another, and
// returns the steps.
func pushed(t *testing.T, c *Clock, from, to int) (steps []string) {
	t.Helper()
	r := rand.New(rand.NewPCG(16, 8))
	seq := map[string]uint64{}
	for i := range to {
		part := r.Int32N(2)
		name := fmt.Sprint("file/", 2*r.Int32N(2)+part)
		seq[name]++
		rec := record(name, seq[name], at(float64(3*i+r.IntN(9))))
		switch r.IntN(6) {
		case 0:
			rec = clockAt(at(float64(3*i)), false)
		case 1:
			rec.Body = &pb.RouteRecord_Tick{Tick: &pb.Tick{}}
		case 2:
			rec.TimestampUs = -1
		}
		if i < from {
			continue
		}
		if err := c.Push(part, int64(i), rec, 10); err != nil {
			t.Fatal(err)
		}
		for s := range c.Steps() {
			steps = append(steps, stepOf(s))
		}
	}
	return steps
}

// TestGoldenSnapshots: this version goes on from the snapshot that the first version of its format
// wrote. A snapshot of another format is refused. If the test fails, the content has changed: raise
// snapshotFormat, and run it with -update.
func TestGoldenSnapshots(t *testing.T) {
	t.Parallel()
	cfg := Config{Partitions: 2, BufferBytes: 1000}
	whole := New(cfg)
	pushed(t, whole, 0, goldenRecords)
	if len(whole.waiting) == 0 || len(whole.rejected) == 0 {
		t.Fatal("no record waits, or none was rejected")
	}
	current := fmt.Sprintf(goldenSnapshots, snapshotFormat)
	if _, err := os.Stat(current); err != nil && *update {
		err := os.MkdirAll(filepath.Dir(current), 0o750)
		if err := errors.Join(err, os.WriteFile(current, snapshotOf(t, whole), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob("testdata/snapshots/*")
	if err != nil || !slices.Contains(files, current) {
		t.Fatalf("there is no %s: run with -update (%v)", current, err)
	}
	want := pushed(t, whole, goldenRecords, 2*goldenRecords)
	if len(want) == 0 {
		t.Fatal("the clock goes on without a step")
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c := New(cfg)
		err = c.Restore(bytes.NewReader(b))
		switch {
		case path != current && !errors.Is(err, snapshot.ErrFormat):
			t.Errorf("%s: got %v, want a refusal of its format", path, err)
		case path == current && err != nil:
			t.Errorf("%s: %v", path, err)
		case path == current:
			if diff := cmp.Diff(want, pushed(t, c, goldenRecords, 2*goldenRecords)); diff != "" {
				t.Errorf("%s: steps (-whole +restored):\n%s", path, diff)
			}
		}
	}
}
