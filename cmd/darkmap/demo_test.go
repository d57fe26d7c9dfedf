package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
)

var seeds = flag.Int("seeds", 2, "how many worlds TestDemoSeeds draws; the published bar is 20")

// within reports whether the times differ by no more than d.
func within(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }

// TestDemo checks the published times of December 2014, the messages to targets of every kind, and
// the pages while the demo is played.
func TestDemo(t *testing.T) {
	t.Parallel()
	l := listen(t)
	code, out, errs := playedPages(t, "demo", "--no-store", "--format", "json", "--notify", "--config", l.config, "--data-dir", t.TempDir())
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, errs)
	}
	all := parse(t, strings.Split(strings.TrimSuffix(out, "\n"), "\n"))
	l.checkTold(t, errs)
	at := func(s string) time.Time {
		v, err := time.Parse("2 Jan 15:04", s)
		if err != nil {
			t.Fatal(err)
		}
		return v.AddDate(2014, 0, 0)
	}
	want := []struct {
		kind       bgp.Kind
		start, end time.Time
	}{
		{bgp.KindIntermittent, at("22 Dec 00:00"), at("22 Dec 16:15")},
		{bgp.KindOutage, at("22 Dec 16:15"), at("23 Dec 01:46")},
		{bgp.KindOutage, at("23 Dec 08:00"), at("23 Dec 08:10")},
		{bgp.KindOutage, at("23 Dec 15:41"), at("23 Dec 16:12")},
		{bgp.KindOutage, at("27 Dec 10:30"), at("27 Dec 12:30")},
		{bgp.KindOutage, at("28 Dec 04:00"), at("28 Dec 05:00")},
	}
	var country []bgp.Outage
	for _, o := range all {
		switch {
		case o.Entity.Type == bgp.EntityCountry && o.Entity.Code == "KP":
			country = append(country, o)
		case o.Entity.Type == bgp.EntityPrefix && strings.HasPrefix(o.Entity.Code, "175.45."), o.Entity.Type == bgp.EntityAS && o.Entity.Code == "AS131279":
		default:
			t.Errorf("got %s, and nothing else went dark", o.ID)
		}
	}
	if len(country) != len(want) {
		t.Fatalf("got %d events of KP, want %d: %+v", len(country), len(want), country)
	}
	for i, w := range want {
		o := country[i]
		if o.Kind != w.kind || o.State != bgp.StateClosed || o.Severity != bgp.SeverityTotal || !within(o.Start, w.start, time.Minute) || !within(*o.End, w.end, 5*time.Minute) {
			t.Errorf("event %d: got %s %s %s from %v to %v, want a total %s from %v to %v", i, o.State, o.Severity, o.Kind, o.Start, o.End, w.kind, w.start, w.end)
		}
		if o.Peak.LostPrefixes != 4 || o.Baseline.Prefixes != 4 || len(o.Upstreams) != 1 || o.Upstreams[0].ASN != 4837 {
			t.Errorf("event %d: got %d of %d prefixes behind %v, want 4 of 4 behind AS4837", i, o.Peak.LostPrefixes, o.Baseline.Prefixes, o.Upstreams)
		}
	}
	checkDemoTables(t, all)
	checkDemoStory(t, all)
}

// TestDemoSeeds lays the schedule on other countries. It expects the outages that the world names,
// and no others.
func TestDemoSeeds(t *testing.T) {
	t.Parallel()
	for seed := 1; seed <= *seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			world, err := simulate.December2014(simulate.Config{Seed: uint64(seed)})
			if err != nil {
				t.Fatal(err)
			}
			checkTruth(t, world, parse(t, lines(t, "demo", "--seed", fmt.Sprint(seed), "--no-store", "--format", "json", "--data-dir", t.TempDir())))
		})
	}
}

// checkTruth compares the country's outages with those of the world. It refuses outages outside of
// the country.
func checkTruth(t *testing.T, world *simulate.World, all []bgp.Outage) {
	t.Helper()
	for _, e := range world.Truth() {
		if e.Kind == "blip" {
			continue
		}
		found := slices.IndexFunc(all, func(o bgp.Outage) bool {
			return o.Entity.Type == bgp.EntityCountry && o.Entity.Code == e.Country && o.Family == e.Family.String() && string(o.Kind) == e.Kind &&
				within(o.Start, e.Start, time.Minute) && o.End != nil && within(*o.End, e.End, 5*time.Minute)
		})
		if found < 0 {
			t.Errorf("%s of %s (%v) from %v to %v was not found", e.Kind, e.Country, e.Family, e.Start, e.End)
			continue
		}
		all = slices.Delete(all, found, found+1)
	}
	inside := map[string]bool{}
	for _, n := range world.Networks() {
		if n.Country == world.Country() {
			inside[n.ASN.String()] = true
			for _, p := range n.Prefixes {
				inside[p.String()] = true
			}
		}
	}
	for _, o := range all {
		if !inside[o.Entity.Code] {
			t.Errorf("got %s (%s), and nothing happened to it", o.ID, o.Kind)
		}
	}
}

// TestDemoIsTheSameEveryTime lets a collector join late and another end early, with 1, 4 and 12
// partitions.
func TestDemoIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	world, err := simulate.December2014(simulate.Config{})
	if err != nil {
		t.Fatal(err)
	}
	names := world.Collectors()
	var want []string
	for _, partitions := range []int{4, 1, 12} {
		got := lines(t, "demo", "--late", names[2], "--early", names[5], "--all", "--no-store", "--format", "json", "--data-dir", t.TempDir(),
			"--set", fmt.Sprintf("kafka.partitions=%d", partitions))
		if want == nil {
			want = got
			checkTruth(t, world, slices.DeleteFunc(parse(t, got), func(o bgp.Outage) bool { return o.Blip || o.State == bgp.StateRetracted }))
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d partitions (-want +got):\n%s", partitions, diff)
		}
	}
}

// TestExportReplaysTheSame replays the export of `demo --export`.
func TestExportReplaysTheSame(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "export")
	lines(t, "demo", "--export", dir)
	ribs, err := filepath.Glob(filepath.Join(dir, "*.mrt.gz"))
	if err != nil || len(ribs) != 24 {
		t.Fatalf("got files %v, %v", ribs, err)
	}
	args := []string{"replay", "--config", filepath.Join(dir, simulate.ConfigFile), "--dataset", "x", "--no-store", "--format", "json", "--data-dir", t.TempDir()}
	for _, f := range ribs {
		name, _, _ := strings.Cut(filepath.Base(f), ".")
		args = append(args, name+"="+f)
	}
	got := lines(t, args...)
	want := lines(t, "demo", "--no-store", "--format", "json", "--data-dir", t.TempDir())
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], `"dataset":"x"`, `"dataset":"demo"`)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-demo +replay):\n%s", diff)
	}
}
