package main

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/datatest"
)

// replayScenario builds a scenario, replays it with these flags, and returns the outages.
func replayScenario(t *testing.T, s simulate.Scenario, flags ...string) []bgp.Outage {
	t.Helper()
	return parse(t, replay(t, t.TempDir(), append(scenarioArguments(t, s), flags...)...))
}

// scenarioArguments builds a scenario and returns the arguments that replay it.
func scenarioArguments(t *testing.T, s simulate.Scenario) []string {
	t.Helper()
	world, err := simulate.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files, err := world.Export(dir)
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"--no-store", "--config", filepath.Join(dir, simulate.ConfigFile)}, simulate.Arguments(dir, files)...)
}

func scenario(t *testing.T, name string) simulate.Scenario {
	t.Helper()
	all := scenarios()
	i := slices.IndexFunc(all, func(s simulate.Scenario) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no scenario %s", name)
	}
	return all[i]
}

// TestLifeOfAnOutage replays cases that a moving baseline, a sick peer or a moved prefix could get
// wrong. Each case is one event of each affected entity, closed when it really ends.
func TestLifeOfAnOutage(t *testing.T) {
	t.Parallel()
	start := simulate.Scenarios()[0].Start
	at := func(days, hours int) time.Time { return start.Add(time.Duration(days*24+hours) * time.Hour) }
	tests := []struct {
		name       string
		entity     string // an entity that has to have the event
		kind       bgp.Kind
		start, end time.Time
		note       string // text that the object has to contain
	}{
		{"outage-48h", "ET", bgp.KindOutage, at(2, 10), at(4, 10), ""},
		{"outage-8d", "BT", bgp.KindOutage, at(2, 10), at(9, 10), "new normal"},
		{"peers-down-during-outage", "ET", bgp.KindOutage, at(1, 12), at(2, 0), ""},
		{"origin-change", "112.134.0.0/15", bgp.KindMoved, at(1, 12), at(1, 18), "18001"},
		{"lost-under-own-aggregate", "213.55.101.0/24", bgp.KindOutage, at(1, 12), at(1, 12), "deaggregated"}, // one event
		{"lost-under-foreign-aggregate", "196.0.101.0/24", bgp.KindOutage, at(1, 12), at(1, 17), "covered"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var flags []string
			if tt.start.Equal(tt.end) { // without length, as blips are
				flags = append(flags, "--all")
			}
			found := slices.DeleteFunc(replayScenario(t, scenario(t, tt.name), flags...), func(o bgp.Outage) bool {
				return o.Blip && o.EndReason != bgp.EndCovered
			})
			seen := map[string]int{}
			for _, o := range found {
				seen[o.Family+" "+o.Entity.Code]++
				if !within(o.Start, tt.start, time.Minute) || o.End == nil || !within(*o.End, tt.end, 5*time.Minute) || o.Kind != tt.kind {
					t.Errorf("got %s %s from %v to %v, want only %s from %v to %v", o.ID, o.Kind, o.Start, o.End, tt.kind, tt.start, tt.end)
				}
				if o.Entity.Code == tt.entity && !strings.Contains(textOf(t, o), tt.note) {
					t.Errorf("%s does not say %q: %s", o.ID, tt.note, textOf(t, o))
				}
			}
			if seen["ipv4 "+tt.entity] != 1 {
				t.Errorf("got %v, want one event of %s", seen, tt.entity)
			}
			for e, n := range seen {
				if n != 1 {
					t.Errorf("%s has %d events, want one", e, n)
				}
			}
		})
	}
}

// TestTableTransferIsNoOutage has a peer with the whole table of 2015 join the panel within 37
// seconds while four prefixes are really withdrawn, with state messages and without. One of its
// messages has AS 0 in the path, and is reported.
func TestTableTransferIsNoOutage(t *testing.T) {
	t.Parallel()
	at := time.Date(2015, 1, 6, 12, 0, 0, 0, time.UTC)
	capture := datatest.Path(t, "mrt", "updates.et-header.2015.gz")
	for _, tt := range []struct {
		name   string
		states bool
	}{{"with state messages", true}, {"without", false}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shifted := filepath.Join(t.TempDir(), "stranger.mrt")
			shiftMRT(t, capture, shifted, at.Add(-20*time.Second), tt.states)
			args := append([]string{"replay", "--format", "json", "--data-dir", t.TempDir()}, scenarioArguments(t, simulate.FourWithdrawn(at))...)
			code, out, errs := darkmap(t, "", append(args, "stranger="+shifted)...)
			if code != exitDamaged || !strings.Contains(errs, "holds AS 0") || !strings.Contains(errs, "the input has 1 damaged part") {
				t.Errorf("got exit %d, want %d and the message with AS 0:\n%s", code, exitDamaged, errs)
			}
			country := 0
			for _, o := range parse(t, strings.Split(out, "\n")) {
				switch code := o.Entity.Code; {
				case code == "KP":
					country++
				case code == "AS131279" || strings.HasPrefix(code, "175.45."):
				default:
					t.Errorf("got %s, and nothing happened to it", o.ID)
				}
				if !within(o.Start, at, time.Minute) || o.End == nil || !within(*o.End, at.Add(40*time.Minute), 5*time.Minute) {
					t.Errorf("got %s from %v to %v, want it from %v on for 40 min", o.ID, o.Start, o.End, at)
				}
			}
			if country != 1 {
				t.Errorf("got %d outages of KP, want 1", country)
			}
		})
	}
}

// shiftMRT copies an MRT file so that it begins at start. Without states it leaves out state
// changes.
func shiftMRT(t *testing.T, from, to string, start time.Time, states bool) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close() //nolint:errcheck // only read
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(out)
	r := wire.NewMRTReader(unzipped)
	var shift uint32
	for first := true; ; first = false {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seconds := uint32(rec.Timestamp / 1_000_000)
		if first {
			shift = uint32(start.Unix()) - seconds
		}
		if isState := rec.Subtype == 0 || rec.Subtype == 5; isState && !states {
			continue
		}
		var header [16]byte
		binary.BigEndian.PutUint32(header[:], seconds+shift)
		binary.BigEndian.PutUint16(header[4:], uint16(rec.Type))
		binary.BigEndian.PutUint16(header[6:], rec.Subtype)
		binary.BigEndian.PutUint32(header[8:], uint32(len(rec.Body)+4))
		binary.BigEndian.PutUint32(header[12:], uint32(rec.Timestamp%1_000_000))
		if _, err := w.Write(header[:]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(rec.Body); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), out.Close()); err != nil {
		t.Fatal(err)
	}
}
