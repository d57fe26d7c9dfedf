package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/terminal"
)

// golden compares lines with a file of testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	path, got := filepath.Join("testdata", name), strings.Join(lines, "\n")+"\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// checkDemoTables draws the demo's outages as `demo` does, with the basis, as `replay` of its
// export does, and as lines of `up`, on terminals of four widths. No line is wider than the
// terminal, no entity is cut, and North Korea's 22 and 23 December take at most 12 lines.
func checkDemoTables(t *testing.T, all []bgp.Outage) {
	t.Helper()
	world, err := simulate.December2014(simulate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	days := outagelog.Filter{From: time.Date(2014, 12, 22, 0, 0, 0, 0, time.UTC), To: time.Date(2014, 12, 24, 0, 0, 0, 0, time.UTC)}
	two := slices.DeleteFunc(slices.Clone(all), func(o bgp.Outage) bool { return !days.Shows(o) })
	incidents := outageview.Fold(all)
	if got, want := outageview.Count(incidents), "6 incidents, 36 outages"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	basis := outageview.Extra{Title: "BASIS", Text: func(o bgp.Outage) string { return basisText(world, o) }}
	for _, width := range []int{60, 80, 120, 200} {
		demo := outageview.Options{Width: width, More: []outageview.Extra{basis}}
		golden(t, fmt.Sprintf("demo-%d.txt", width), outageview.Table(incidents, demo))
		golden(t, fmt.Sprintf("replay-%d.txt", width), outageview.Table(incidents, outageview.Options{Width: width}))
		for _, lines := range [][]string{
			outageview.Table(outageview.Fold(two), demo), outageview.Table(outageview.Fold(two), outageview.Options{Width: width}),
			scheduleLines(world, width), eventLines(outageview.Fold(two), width),
		} {
			for _, l := range lines {
				if n := terminal.Cells(l); n > width {
					t.Errorf("width %d: %d cells: %q", width, n, l)
				}
			}
		}
		if lines := outageview.Table(outageview.Fold(two), demo); len(lines) > 12 || strings.Count(strings.Join(lines, "\n"), "KP North Korea") != 4 {
			t.Errorf("width %d: %d lines, want at most 12, and each incident of the country:\n%s", width, len(lines), strings.Join(lines, "\n"))
		}
		unfolded := strings.Join(outageview.Table(outageview.Unfolded(all), outageview.Options{Width: width, Wide: true}), "\n")
		for _, o := range all {
			if !strings.Contains(unfolded, o.Entity.Code) || !strings.Contains(unfolded, o.ID) {
				t.Errorf("width %d: %s or its id is cut", width, o.Entity.Code)
			}
		}
	}
}

// eventLines returns the ends of incidents as lines of `up`.
func eventLines(all []outageview.Incident, width int) (lines []string) {
	for _, in := range all {
		lines = append(lines, terminal.Wrap(outageview.Line(in, nil), width, eventIndent)...)
	}
	return lines
}

// checkDemoStory: the timeline draws flapping until its last loss, and not until the outage 45
// minutes later. Text that rests on unpublished times is marked.
func checkDemoStory(t *testing.T, all []bgp.Outage) {
	t.Helper()
	world, err := simulate.December2014(simulate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	country := slices.DeleteFunc(slices.Clone(all), func(o bgp.Outage) bool { return o.Entity.Type != bgp.EntityCountry })
	strip := outageview.Timeline(country, outageview.TimelineOptions{From: world.Start(), To: world.End(), Width: 200, ASCII: true})
	day := strip[2][len("Mon 22 Dec  "):]
	flaps, quiet, dark := day[:62], day[62:65], day[65:96]
	if strings.Trim(flaps, "~") != "" || quiet != "..." || strings.Trim(dark[1:], "#") != "" {
		t.Errorf("22 December is drawn %q, want flapping to 15:30, three quarters of an hour of nothing, then dark", day)
	}
	golden(t, "demo-story.txt", slices.Concat(sourceLines(world, all), strip, postLines(world, longestOutage(all, world))))
	for _, o := range country {
		posted := strings.Join(postLines(world, o), "\n")
		if published := strings.Contains(posted, "could post:\n"); published != (world.Schedule()[world.Row(o)].Basis() == simulate.Published) {
			t.Errorf("%s: whether it can be posted does not follow its basis:\n%s", o.ID, posted)
		}
	}
}
