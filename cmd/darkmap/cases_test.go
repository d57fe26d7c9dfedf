package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// caseStart is the begin of the worlds of these tests.
var caseStart = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// caseFile is an input of a replay: a file of the collector.
type caseFile struct {
	collector, name string
	bytes           []byte
}

// caseResult is the result of `darkmap replay --no-store --format json --all`.
type caseResult struct {
	code    int
	outages []bgp.Outage
	stderr  string
}

// replayCase replays files with the geography and the origins of the world.
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

// wholeFiles returns a table of every collector at the start, and all its updates.
func wholeFiles(w *mrttest.World) []caseFile {
	var files []caseFile
	for _, c := range w.Collectors() {
		files = append(files, caseFile{c, c + ".rib.mrt", w.Table(c, 0, nil)}, caseFile{c, c + ".updates.mrt", w.Updates(c, 0, 1<<62)})
	}
	return files
}

// TestCaseControl: four prefixes of one network, one AS and one country are away from 01:00 to
// 01:40.
func TestCaseControl(t *testing.T) {
	t.Parallel()
	w, kp := darkWorld()
	awayAndBack(w, kp)
	got := replayCase(t, w, wholeFiles(w))
	wantControl(t, got, 0)
	for _, o := range got.outages {
		if o.Severity != bgp.SeverityTotal {
			t.Errorf("got %s of %s, want total", o.Severity, o.Entity.Code)
		}
	}
}
