package progress

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCosts plays the progress of real replays and demos on a machine with other work, recorded
// twice a second (testdata: the seconds since the start and the work done; the first line is the
// whole time and the total work). The share is never more than 15 points off, never decreases, and
// is not 99 before the last tenth.
func TestCosts(t *testing.T) {
	t.Parallel()
	traces, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(traces) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, name := range traces {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			looks := readTrace(t, name)
			whole, total := looks[0].at, looks[0].work
			c, run, worst := NewCosts(strings.Contains(name, "stored")), Run{}, 0.0
			for at, i := time.Duration(0), 0; at < whole; at += 500 * time.Millisecond {
				var done Work
				for i+1 < len(looks) && looks[i+1].at <= at {
					i++
				}
				if i > 0 {
					done = looks[i].work
				}
				c.Look(at, done, total)
				run.Took, run.Busy, run.Rest = at, c.Measured(), c.Rest()
				share := run.Share()
				if run.Busy < leastBusy {
					continue
				}
				if share < run.Least {
					t.Errorf("at %v it went back from %d %% to %d %%", at, run.Least, share)
				}
				run.Least = share
				part := at.Seconds() / whole.Seconds()
				if off := float64(share) - 100*part; math.Abs(off) > math.Abs(worst) {
					worst = off
				}
				if share >= 99 && part < 0.9 {
					t.Errorf("at %v of %v: %d %%", at, whole, share)
				}
			}
			t.Logf("%+.1f points at worst", worst)
			if math.Abs(worst) > 15 {
				t.Errorf("the share is %+.1f points off", worst)
			}
		})
	}
}

type look struct {
	at   time.Duration
	work Work
}

func readTrace(t *testing.T, name string) (all []look) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	for s := bufio.NewScanner(f); s.Scan(); {
		var v [1 + kinds]float64
		if err := json.Unmarshal(s.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, look{time.Duration(v[0] * float64(time.Second)), Work(v[1:])})
	}
	return all
}
