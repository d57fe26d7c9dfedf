package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// caseStart is when the worlds of these tests begin.
var caseStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// caseFile is an input of a replay: a file of the collector.
type caseFile struct {
	collector, name string
	bytes           []byte
}

// caseResult is what `darkmap replay --no-store --format json --all` gave.
type caseResult struct {
	code    int
	outages []bgp.Outage
	stderr  string
}

// replayCase replays files whose places and origins are those of the world.
func replayCase(t *testing.T, w *mrttest.World, files []caseFile, flags ...string) caseResult {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	args := []string{
		"replay", "--no-store", "--format", "json", "--all", "--data-dir", filepath.Join(dir, "data"),
		"--set", "enrich.geo.files=[" + write("geo.csv", w.Geo()) + "]", "--set", "enrich.asn.files=[" + write("asn.csv", w.Origins()) + "]",
	}
	args = append(args, flags...)
	for _, f := range files {
		args = append(args, f.collector+"="+write(f.name, f.bytes))
	}
	code, out, errs := darkmap(t, "", args...)
	return caseResult{code, parse(t, strings.Split(out, "\n")), errs}
}

// of returns the events of the entity, in the order of printing.
func (r caseResult) of(kind bgp.EntityType, code string) (found []bgp.Outage) {
	for _, o := range r.outages {
		if o.Entity.Type == kind && o.Entity.Code == code {
			found = append(found, o)
		}
	}
	return found
}

// wholeFiles are a table of every collector at the start, and all its updates.
func wholeFiles(w *mrttest.World) []caseFile {
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".rib.mrt", w.Table(c, 0, nil)}, caseFile{c, c + ".updates.mrt", w.Updates(c, 0, 1<<62)})
	}
	return files
}

// TestCaseControl: four prefixes of one network, one AS and one country are away from 01:00 to 01:40.
func TestCaseControl(t *testing.T) {
	t.Parallel()
	background, kp := mrttest.Background(300), mrttest.KP()
	w := mrttest.NewWorld(caseStart, 3, 8, slices.Concat(background, kp))
	w.Churn(0, 3*time.Hour, 2*time.Minute, w.Peers, background)
	w.Withdraw(time.Hour, w.Peers, mrttest.Prefixes(kp)...)
	w.Announce(100*time.Minute, w.Peers, kp...)
	got := replayCase(t, w, wholeFiles(w))
	if got.code != 0 || len(got.outages) != 6 {
		t.Fatalf("got exit %d and %d outages, want 0 and 6:\n%s", got.code, len(got.outages), got.stderr)
	}
	for _, o := range slices.Concat(got.of(bgp.EntityCountry, "KP"), got.of(bgp.EntityAS, "131279"), got.of(bgp.EntityPrefix, "175.45.176.0/24")) {
		if from, to := o.Start.Sub(caseStart), o.End.Sub(caseStart); o.Severity != bgp.SeverityTotal || from.Round(time.Minute) != time.Hour || to.Round(time.Minute) != 100*time.Minute {
			t.Errorf("got %s of %s from %s to %s, want total from 1h0m to 1h40m", o.Severity, o.Entity.Code, from, to)
		}
	}
}
