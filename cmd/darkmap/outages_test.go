package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datadir"
)

// TestOutagesOfAStore replays a small world into a store, filters its outages through the command
// line, and drops it.
func TestOutagesOfAStore(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	dir := filepath.Join(t.TempDir(), "data")
	at := time.Date(2015, 1, 6, 12, 0, 0, 0, time.UTC)
	args := scenarioArguments(t, simulate.FourWithdrawn(at))[1:] // without --no-store
	code, out, errs := darkmap(t, "", slices.Concat([]string{"replay", "--dataset", "small", "--format", "json", "--data-dir", dir}, args)...)
	if code != 0 || !strings.Contains(errs, "the results are in dataset small: `") || !strings.Contains(errs, " --data-dir "+dir+" --dataset small` shows them again") {
		t.Fatalf("replay: got %d, %s", code, errs)
	}
	host(t, dir, io.Discard) // statements share this engine
	if code, stored, errs := darkmap(t, "", "outages", "--data-dir", dir, "--dataset", "small", "--format", "json"); code != 0 || stored != out {
		t.Errorf("outages: got %d, %s; want what the replay printed\n%s", code, errs, cmp.Diff(out, stored))
	}
	const all = "175.45.176.0/24 175.45.177.0/24 175.45.178.0/24 175.45.179.0/24 AS131279 KP"
	for _, tt := range []struct {
		flags, want string // entity codes, or the text why there are none
	}{
		{"--country kp", all},
		{"--country NL,KP --family ipv4", all},
		{"--country NL", "outages matches --country NL"},
		{"--country KP --asn 131279", strings.TrimSuffix(all, " KP")},
		{"--asn AS131279 --prefix 175.45.176.0/24,175.45.179.0/24", "175.45.176.0/24 175.45.179.0/24"},
		{"--prefix 175.45.176.5", "--less-specific shows 1 more"},
		{"--prefix 175.45.176.5 --less-specific", "175.45.176.0/24"},
		{"--prefix 175.45.178.0/23 --more-specific --country KP", "175.45.178.0/24 175.45.179.0/24"},
		{"--prefix 175.45.178.128/25 --overlapping", "175.45.178.0/24"},
		{"--country KP --from 2015-01-06 --to 2015-01-06", all},
		{"--country KP --from 2015-01-07", "outages matches --from 2015-01-07T00:00:00Z --country KP"},
		{"--country KP --to 2015-01-06T11:00", "outages matches --to 2015-01-06T11:00:00Z --country KP"},
		{"--country KP --kind partial", "outages matches --country KP --kind partial"},
		{"--country KP --state closed --severity total --limit 100", all},
	} {
		flags := append([]string{"outages", "--data-dir", dir, "--dataset", "small", "--format", "json"}, strings.Fields(tt.flags)...)
		code, out, errs := darkmap(t, "", flags...)
		var codes []string
		for _, o := range parse(t, strings.Split(strings.TrimSuffix(out, "\n"), "\n")) {
			codes = append(codes, o.Entity.Code)
		}
		slices.Sort(codes)
		if got := strings.Join(codes, " "); code != 0 || got != tt.want && (got != "" || !strings.Contains(errs, tt.want)) {
			t.Errorf("%s: got %d, %q, %s; want %s", tt.flags, code, got, errs, tt.want)
		}
	}
	storeSays(t, dir)
}

// storeSays checks formats, limits, names of datasets, the list of datasets, and dropping them.
func storeSays(t *testing.T, dir string) {
	t.Helper()
	for _, tt := range []struct {
		args      string
		code      int
		out, errs string // a part of each
	}{
		{"outages --dataset small --asn 131279 --limit 2", 0, "+1 prefix", "5 outages match; these are the 2 that began last (--limit N shows more)"},
		{"outages --dataset small --prefix 175.45.176.0/24 --format csv", 0, "as,countries", ""},
		{"outages --dataset small --prefix 175.45.176.0/24", 0, "175.45.176.0/24", "1 outage"},
		{"outages --dataset small --limit 0", exitUsage, "", "--limit 0: want 1 to"},
		{"outages --dataset smal", exitUsage, "", "there is no dataset smal; the store has small"},
		{"outages", exitUsage, "", "there is no dataset live; the store has small"},
		{"datasets list", 0, "small    complete", ""},
		{"datasets list --format json", 0, `"dataset":"small","state":"complete"`, ""},
		{"export --dataset small --output EXPORT", 0, "of dataset small in ", ""},
		{"export --dataset small --output EXPORT", 0, "there already, complete: nothing was written", ""},
		{"export --dataset none --output EXPORT-none", exitFailed, "", "the store has no dataset none"},
		{"export --dataset small --to 2001-01-01 --output EXPORT-none", exitFailed, "", "dataset small has no rows from the beginning to 2001-01-02 00:00:00"},
		{"export --dataset small --from 2015-01-07 --output EXPORT", exitUsage, "", "holds something else"},
		{"import EXPORT --dataset live", exitUsage, "", "files do not go into it"},
		{"import EXPORT", exitFailed, "", "dataset small: the dataset holds something else"},
		{"import EXPORT --dataset copy", 0, "imported into dataset copy from ", ""},
		{"import EXPORT --dataset copy", 0, "there already, complete: nothing was imported", ""},
		{"outages --dataset copy --prefix 175.45.176.0/24", 0, "175.45.176.0/24", "1 outage"},
		{"datasets drop copy", 0, "dropped copy: ", ""},
		{"datasets drop small other", exitUsage, "", "there is no dataset other; the store has small (--dataset NAME); nothing was dropped"},
		{"datasets drop small", 0, "dropped small: ", ""},
		{"datasets drop small", exitUsage, "", "there is no dataset small: the store is empty"},
		{"datasets list", 0, "no datasets: the store is empty", ""},
	} {
		args := strings.ReplaceAll(tt.args, "EXPORT", filepath.Join(dir, "export"))
		code, out, errs := darkmap(t, "", append(strings.Fields(args), "--data-dir", dir)...)
		errs = progressOfFiles.ReplaceAllString(errs, "")
		if tt.out == "as,countries" { // of a row: its place and its owner
			tt.out = ",KP,AS131279,"
		}
		if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) || tt.errs == "" && errs != "" {
			t.Errorf("%s: got %d, %q, %q; want %d, %q, %q", tt.args, code, out, errs, tt.code, tt.out, tt.errs)
		}
		var o datasetJSON
		if strings.HasSuffix(tt.args, "list --format json") {
			if err := json.Unmarshal([]byte(out), &o); err != nil || len(o.Files) == 0 || len(o.Collectors) == 0 || o.Outages == 0 || o.RouteChanges == 0 || o.From == nil || o.Completed == nil || o.Version == "" {
				t.Errorf("got %s and %v, want every fact", out, err)
			}
		}
	}
	if code, _, errs := darkmap(t, "", "outages", "--data-dir", filepath.Join(dir, "none")); code != exitFailed || !strings.Contains(errs, "nothing was ever stored in ") {
		t.Errorf("without a store: got %d, %s", code, errs)
	}
}

// progressOfFiles matches the progress of export and import if they take long.
var progressOfFiles = regexp.MustCompile(`(?m)^darkmap: (checking )?file \d+ of .*\n`)

// TestDatasetLines checks the state and the inputs of each dataset in the list.
func TestDatasetLines(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	made := func(name string, change func(*clickhouse.StoredDataset)) clickhouse.StoredDataset {
		d := clickhouse.StoredDataset{Dataset: clickhouse.Dataset{
			Name: name, Inputs: "i", Version: "1", Files: []string{"/x/a", "/x/b", "c", "d"}, Collectors: []string{"file/x"}, Created: day, Completed: day, Begins: day, Ends: day,
		}, Outages: 1, RouteChanges: 20}
		change(&d)
		return d
	}
	got := datasetLines([]clickhouse.StoredDataset{
		made("a", func(d *clickhouse.StoredDataset) {
			d.Changed, d.GeographyDate, d.OwnersDate = []string{"k=v"}, day.Truncate(24*time.Hour), day.Truncate(24*time.Hour)
		}),
		made("b", func(d *clickhouse.StoredDataset) {
			d.Completed, d.Files, d.GeographyDate = time.Time{}, d.Files[:1], day.Truncate(24*time.Hour)
		}),
		made("c", func(d *clickhouse.StoredDataset) { d.Completed = time.Time{} }),
		made("old", func(d *clickhouse.StoredDataset) {
			d.Dataset = clickhouse.Dataset{Name: "old", Inputs: "i", Created: day}
		}),
		{Dataset: clickhouse.Dataset{Name: "live"}, Collected: true},
		{Dataset: clickhouse.Dataset{Name: "z"}, Emptying: true},
	}, func(name string) bool { return name == "c" }, 0)
	want := []string{
		"DATASET  STATE         MADE (UTC)        OUTAGES  ROUTE CHANGES  FROM              TO",
		"a        complete      2026-01-02 03:04  1        20             2026-01-02 03:04  2026-01-02 03:04",
		"  4 files: a, b, c and 1 more",
		"  1 collector: file/x",
		"  geography and AS data of 2026-01-02",
		"  settings other than the defaults: k=v",
		"b        not complete  2026-01-02 03:04  1        20             2026-01-02 03:04  2026-01-02 03:04",
		"  1 file: a",
		"  1 collector: file/x",
		"  geography of 2026-01-02, AS data of a day that is not known",
		"c        being made    2026-01-02 03:04  1        20             2026-01-02 03:04  2026-01-02 03:04",
		"  4 files: a, b, c and 1 more",
		"  1 collector: file/x",
		"old      not known     2026-01-02 03:04  1        20             -                 -",
		"  made by an older darkmap, which did not note what of",
		"live     collected     -                 0        0              -                 -",
		"  from live sources or archives",
		"z        half deleted  -                 0        0              -                 -",
		"  its rows were being deleted when that was interrupted: drop it again",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDropRefuses: datasets that no replay can make again are dropped with --force only, and
// datasets that are being written are not dropped.
func TestDropRefuses(t *testing.T) {
	t.Parallel()
	all := []clickhouse.StoredDataset{{Dataset: clickhouse.Dataset{Name: "live"}, Collected: true}, {Dataset: clickhouse.Dataset{Name: "x"}}}
	for _, tt := range []struct {
		names   []string
		force   bool
		writing string
		want    string
	}{
		{[]string{"x"}, false, "live", ""},
		{[]string{"live", "x"}, false, "", "--force drops it; nothing was dropped"},
		{[]string{"live", "x"}, true, "", ""},
		{[]string{"live"}, true, "live", "darkmap up (process 7) writes dataset live: end it first"},
		{[]string{"x", "y"}, true, "", "there is no dataset y; the store has live, x"},
	} {
		l := &lease{owner: ownerOf(tt.writing)}
		err := (&datasetsDropCmd{Names: tt.names, Force: tt.force}).check(all, l)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%v, force %v, written %q: got %v, want %q", tt.names, tt.force, tt.writing, err, tt.want)
		}
	}
}

func ownerOf(dataset string) *datadir.Run {
	if dataset == "" {
		return nil
	}
	return &datadir.Run{Command: "up", PID: 7, Dataset: dataset}
}
