package main

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// timesWorld has 24 peers on three collectors for three hours; four prefixes are away from 01:00 to
// 01:40.
func timesWorld() *mrttest.World {
	background, kp := mrttest.Background(100), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 8, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers, kp...)
	return w
}

// wantKP fails unless one country, one AS and four prefixes were away from from to to, and no
// others.
func (r caseResult) wantKP(t *testing.T, code int, from, to time.Duration) {
	t.Helper()
	country := r.of(bgp.EntityCountry, "KP")
	if r.code != code || len(r.outages) != 6 || len(country) != 1 {
		t.Fatalf("got exit %d and %d outages, want %d and 6:\n%s", r.code, len(r.outages), code, r.stderr)
	}
	for _, o := range r.outages {
		got, until := o.Start.Sub(caseStart).Round(time.Minute), o.End.Sub(caseStart).Round(time.Minute)
		if o.Severity != bgp.SeverityTotal || got != from || until != to {
			t.Errorf("got %s of %s from %s to %s, want total from %s to %s", o.Severity, o.Entity.Code, got, until, from, to)
		}
	}
}

// says fails unless standard error holds all of the words.
func (r caseResult) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("standard error does not say %q:\n%s", w, r.stderr)
		}
	}
}

// cut returns the collector's files of updates, one from each of the times to the next.
func cut(w *mrttest.World, c string, at ...time.Duration) (files []caseFile) {
	for i, from := range at[:len(at)-1] {
		files = append(files, caseFile{c, c + "." + from.String() + ".updates.mrt", w.Updates(c, from, at[i+1])})
	}
	return files
}

// TestCaseTablesAmongUpdates: a folder with the layout of an archive, with a second table. One of
// the tables is written while prefixes are away. The same in fewer files gives the same.
func TestCaseTablesAmongUpdates(t *testing.T) {
	t.Parallel()
	kp := mrttest.Prefixes(mrttest.KP())
	for _, at := range []time.Duration{80 * time.Minute, 90 * time.Minute, 2 * time.Hour} {
		for _, form := range []string{"files", "tables in one file", "one file"} {
			w := timesWorld()
			var files []caseFile
			for _, c := range w.Collectors() {
				away := at >= time.Hour && at < 100*time.Minute
				has := func(_ mrttest.Peer, r mrttest.Route) bool { return !away || !slices.Contains(kp, r.Prefix) }
				first, second := w.Table(c, 0, nil), w.Table(c, at, has)
				updates := cut(w, c, 0, at, 4*time.Hour)
				switch form {
				case "files":
					files = append(append(files, updates...), caseFile{c, c + ".rib.0.mrt", first}, caseFile{c, c + ".rib.1.mrt", second})
				case "tables in one file":
					files = append(append(files, updates...), caseFile{c, c + ".ribs.mrt", slices.Concat(first, second)})
				case "one file":
					files = append(files, caseFile{c, c + ".mrt", slices.Concat(first, updates[0].bytes, second, updates[1].bytes)})
				}
			}
			replayCase(t, w, files).wantKP(t, 0, time.Hour, 100*time.Minute)
		}
	}
}

// TestCaseFirstTableLate: updates before the first table are learned from. From the table on all
// prefixes are decided.
func TestCaseFirstTableLate(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	again := mrttest.KP()
	w.Withdraw(150*time.Minute, w.Peers, mrttest.Prefixes(again)...)
	w.Announce(165*time.Minute, w.Peers, again...)
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(append(files, cut(w, c, 0, 2*time.Hour, 4*time.Hour)...), caseFile{c, c + ".rib.mrt", w.Table(c, 2*time.Hour, nil)})
	}
	got := replayCase(t, w, files)
	country := got.of(bgp.EntityCountry, "KP")
	if got.code != 0 || len(country) != 1 || country[0].Start.Sub(caseStart).Round(time.Minute) != 150*time.Minute {
		t.Errorf("got exit %d and %+v of KP, want one from 2h30m:\n%s", got.code, country, got.stderr)
	}
}

// TestCaseFirstTableWhileAway: the first tables are written while prefixes are away that updates
// alone showed as lost. The loss goes on.
func TestCaseFirstTableWhileAway(t *testing.T) {
	t.Parallel()
	kp := mrttest.Prefixes(mrttest.KP())
	w := timesWorld()
	w.Announce(10*time.Minute, w.Peers, mrttest.KP()...)
	away := func(_ mrttest.Peer, r mrttest.Route) bool { return !slices.Contains(kp, r.Prefix) }
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(append(files, cut(w, c, 0, 70*time.Minute, 4*time.Hour)...), caseFile{c, c + ".rib.mrt", w.Table(c, 70*time.Minute, away)})
	}
	got := replayCase(t, w, files)
	if got.code != 0 || len(got.of(bgp.EntityCountry, "KP")) != 1 || len(got.outages) != 6 {
		t.Fatalf("got exit %d and %d outages, want 6, one of KP:\n%s", got.code, len(got.outages), got.stderr)
	}
	for _, o := range got.outages {
		start, end := o.Start.Sub(caseStart).Round(time.Minute), o.End.Sub(caseStart).Round(time.Minute)
		if o.EndReason != bgp.EndRecovered || end != 100*time.Minute || start != time.Hour {
			t.Errorf("got %s from %s to %s, %s; want it from 1h0m0s to 1h40m0s, recovered", o.Entity.Code, start, end, o.EndReason)
		}
	}
}

// TestCaseReturnInGap: updates are missing while prefixes come back, and a table answers the gap.
// The record reports the two times between which the end lies. The gap begins with the last record
// before it.
func TestCaseReturnInGap(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".0.mrt", w.Updates(c, 0, 85*time.Minute)}, caseFile{c, c + ".1.mrt", w.Updates(c, 110*time.Minute, 4*time.Hour)},
			caseFile{c, c + ".rib.0.mrt", w.Table(c, 0, nil)}, caseFile{c, c + ".rib.1.mrt", w.Table(c, 110*time.Minute, nil)})
	}
	got := replayCase(t, w, files)
	if len(got.outages) != 6 {
		t.Fatalf("got exit %d and %d outages, want 6:\n%s", got.code, len(got.outages), got.stderr)
	}
	for _, o := range got.outages {
		if o.End == nil || !strings.Contains(strings.Join(o.Notes, " "), "No verdict was possible from 01:23 UTC on 2 March 2026 to 01:50 UTC") ||
			!strings.Contains(o.Summary, "the end lies between these times") {
			t.Errorf("got %s: %s", o.Entity.Code, o.Summary)
		}
	}
}

// TestCaseYoungTable: a table that is younger than all updates is named and not played.
func TestCaseYoungTable(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	files := append(wholeFiles(w), caseFile{"c0", "young.mrt", w.Table("c0", 4*time.Hour, nil)})
	got := replayCase(t, w, files)
	got.wantKP(t, 0, time.Hour, 100*time.Minute)
	got.says(t, "young.mrt, is younger than all updates")
}

// setTimes replaces the time t of each record n of a file of BGP4MP_ET or BGP4MP by shift(n, t).
func setTimes(b []byte, shift func(n int, t uint32) uint32) []byte {
	b = slices.Clone(b)
	for n, at := 0, 0; at < len(b); n++ {
		binary.BigEndian.PutUint32(b[at:], shift(n, binary.BigEndian.Uint32(b[at:])))
		at += 12 + int(binary.BigEndian.Uint32(b[at+8:]))
	}
	return b
}

// TestCaseOddTimes: some records of one collector have a wrong time. The results do not change. The
// file is reported if the times are far off.
func TestCaseOddTimes(t *testing.T) {
	t.Parallel()
	start := uint32(caseStart.Unix())
	within := func(t uint32, from, to uint32) bool { return t >= start+60*from && t < start+60*to }
	for name, tt := range map[string]struct {
		code  int
		shift func(n int, t uint32) uint32
	}{
		"one 470 s ahead":                  {0, func(n int, t uint32) uint32 { return t + 470*uint32(one(n == 300)) }},
		"one 12 h ahead":                   {exitDamaged, func(n int, t uint32) uint32 { return t + 12*3600*uint32(one(n == 300)) }},
		"one a day ahead":                  {exitDamaged, func(n int, t uint32) uint32 { return t + 24*3600*uint32(one(n == 100)) }},
		"an hour behind after ten min":     {exitDamaged, func(_ int, t uint32) uint32 { return t - 3600*uint32(one(within(t, 10, 21))) }},
		"a first record of 1970":           {exitDamaged, func(n int, t uint32) uint32 { return t * uint32(one(n > 0)) }},
		"a clock an hour ahead for 10 min": {exitDamaged, func(_ int, t uint32) uint32 { return t + 3600*uint32(one(within(t, 20, 30))) }},
		"an hour ahead as it begins":       {exitDamaged, func(_ int, t uint32) uint32 { return t + 3600*uint32(one(within(t, 55, 65))) }},
		"the last one of 2106":             {exitDamaged, func(n int, t uint32) uint32 { return t | -uint32(one(n == 715)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := timesWorld()
			files := wholeFiles(w)
			for i := range files {
				if files[i].name == "c1.updates.mrt" {
					files[i].bytes = setTimes(files[i].bytes, tt.shift)
				}
			}
			got := replayCase(t, w, files)
			got.wantKP(t, tt.code, time.Hour, 100*time.Minute)
			if tt.code != 0 {
				got.says(t, "c1.updates.mrt", "bad_time")
			}
		})
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestCaseOddTimeAtACut: a file that ends with an odd time does not overlap with the next one.
func TestCaseOddTimeAtACut(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	var files []caseFile
	for _, c := range w.Collectors() {
		parts := cut(w, c, 0, 30*time.Minute, 4*time.Hour)
		parts[0].bytes = setTimes(parts[0].bytes, func(n int, t uint32) uint32 { return t + 3600*uint32(one(n > 110)) })
		files = append(append(files, caseFile{c, c + ".rib.mrt", w.Table(c, 0, nil)}), parts...)
	}
	replayCase(t, w, files).wantKP(t, exitDamaged, time.Hour, 100*time.Minute)
}

// TestCaseFilesThatDoNotBelong: an empty file, one of another month and one of 2106 are reported,
// and do not change the results of the others.
func TestCaseFilesThatDoNotBelong(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	month := setTimes(w.Updates("c0", 0, time.Hour), func(_ int, t uint32) uint32 { return t - 30*24*3600 })
	late := setTimes(w.Updates("c0", 0, time.Hour), func(int, uint32) uint32 { return 1<<32 - 1 })
	files := append(wholeFiles(w), caseFile{"x", "empty.mrt", nil}, caseFile{"y", "month.mrt", month}, caseFile{"c1", "month.of.c1.mrt", month[:len(month)/2]}, caseFile{"z", "late.mrt", late})
	files[len(files)-2].bytes = setTimes(w.Updates("c0", 0, 30*time.Minute), func(_ int, t uint32) uint32 { return t - 30*24*3600 })
	got := replayCase(t, w, files)
	got.wantKP(t, exitDamaged, time.Hour, 100*time.Minute)
	got.says(t, "empty.mrt", "/month.mrt is left out", "/month.of.c1.mrt is left out", "late.mrt is left out", "on 3 collector")
}

// TestCaseNoTimes: a file with impossible times is refused if it is the only file.
func TestCaseNoTimes(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	late := setTimes(w.Updates("c0", 0, time.Hour), func(int, uint32) uint32 { return 1<<32 - 1 })
	got := replayCase(t, w, []caseFile{{"c0", "late.mrt", late}})
	if got.code != exitUsage {
		t.Errorf("got exit %d, want %d", got.code, exitUsage)
	}
	got.says(t, "late.mrt", "cannot be right")
}

// TestCaseMissingFiles: a quarter of an hour is missing at all collectors. It is reported. A later
// table heals it. Before and after that table no other outage is found.
func TestCaseMissingFiles(t *testing.T) {
	t.Parallel()
	w := timesWorld()
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".rib.0.mrt", w.Table(c, 0, nil)}, caseFile{c, c + ".rib.1.mrt", w.Table(c, 50*time.Minute, nil)})
		files = append(files, cut(w, c, 0, 15*time.Minute)...)
		files = append(files, cut(w, c, 30*time.Minute, 4*time.Hour)...)
	}
	got := replayCase(t, w, files)
	got.wantKP(t, 0, time.Hour, 100*time.Minute)
	for _, c := range w.Collectors() {
		got.says(t, "file/"+c+": updates are missing from 2026-03-02T00:1", "its next table tells")
	}
}

// TestCaseQuietRouters: nothing is missing between hourly files of three routers that send a
// message every quarter of an hour.
func TestCaseQuietRouters(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(100), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 3, slices.Concat(background, kp))
	w.Churn(7*time.Minute, 3*time.Hour, 15*time.Minute, w.Peers, background)
	w.Withdraw(70*time.Minute, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(110*time.Minute, w.Peers, kp...)
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".rib.mrt", w.Table(c, 0, nil)})
		files = append(files, cut(w, c, 0, time.Hour, 2*time.Hour, 4*time.Hour)...)
	}
	got := replayCase(t, w, files)
	got.wantKP(t, 0, 70*time.Minute, 110*time.Minute)
	if strings.Contains(got.stderr, "missing") {
		t.Errorf("got a gap:\n%s", got.stderr)
	}
}
