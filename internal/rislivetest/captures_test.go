package rislivetest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

// TestCaptures: two rounds of a schedule as captures follow one another, each host has its own
// files, and only the first round has tables.
func TestCaptures(t *testing.T) {
	t.Parallel()
	index, err := rislivetest.Burst("rrc00", 20).WriteArchives(t.TempDir(), time.Unix(1e9, 0), 1)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := filepath.Glob(filepath.Join(filepath.Dir(index), "rrc00", "*", "updates*"))
	if err != nil || len(dump) != 1 {
		t.Fatalf("got %v, %v", dump, err)
	}
	one, err := rislivetest.ReadEach(map[string][]string{"rrc00": dump})
	if err != nil {
		t.Fatal(err)
	}
	both := one.Beside(one.Renamed(func(string) string { return "rrc01" }))
	start := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	var times []int64
	for round := range 2 {
		begin := start.Add(time.Duration(round) * time.Minute)
		files, err := both.WriteCaptures(t.TempDir(), begin, round == 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{"rrc00", "rrc01"} {
			if len(files[host]) != 1 { // it has no table
				t.Fatalf("%s: got %v, want one file", host, files[host])
			}
			got := timesOf(t, files[host][0])
			if len(got) != 20 || got[0] < begin.UnixMicro() || got[19] > begin.Add(time.Second).UnixMicro() {
				t.Errorf("round %d of %s: got messages at %v", round, host, got)
			}
			times = append(times, got...)
		}
	}
	if !slices.IsSorted([]int64{times[0], times[40]}) || times[40]-times[0] != time.Minute.Microseconds() {
		t.Errorf("got rounds at %d and %d", times[0], times[40])
	}
}

// timesOf returns the times of a file's messages.
func timesOf(t *testing.T, path string) (all []int64) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	r, err := capture.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, it.Timestamp)
	}
}

// TestPlayLoop: rounds follow one another in time, and each message has an id of its own.
func TestPlayLoop(t *testing.T) {
	t.Parallel()
	srv := rislivetest.Start(t, rislivetest.Options{})
	next := dial(t, srv.URL, `{"type":"ris_subscribe","data":{"host":"rrc00","socketOptions":{"includeRaw":true,"acknowledge":true}}}`)
	next() // the acknowledgement
	sched := rislivetest.Burst("rrc00", 10)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	start := time.Now()
	go func() { ended <- srv.PlayLoop(ctx, sched, start, 10) }() // ends with ctx
	ids, last := map[string]bool{}, 0.0
	for i := range 25 {
		var data struct {
			Timestamp float64 `json:"timestamp"`
			ID        string  `json:"id"`
		}
		if err := json.Unmarshal(next().Data, &data); err != nil {
			t.Fatal(err)
		}
		want := float64(start.UnixMilli())/1000 + float64(i)/100
		if ids[data.ID] || data.Timestamp < last || math.Abs(data.Timestamp-want) > 0.002 {
			t.Errorf("message %d: got id %s, time %.3f, want a new id and time %.3f", i, data.ID, data.Timestamp, want)
		}
		ids[data.ID], last = true, data.Timestamp
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
