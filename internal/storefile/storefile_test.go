package storefile_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/eval/simulate/year"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/storefile"
	"github.com/darkmap/darkmap/sink"
)

func TestMain(m *testing.M) { os.Exit(clickhousetest.Main(m)) }

// load writes a small year into the store.
func load(t *testing.T, s clickhouse.Server) {
	t.Helper()
	y, err := year.New(year.Config{Dataset: "year", Until: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Days: 40, Scale: 0.001, Seed: 1, Appended: time.Now().Add(-time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range y.Streams() {
		l, err := sink.NewLoader(s, stream.Dataset, stream.Topic)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rec, err := range stream.Records {
			if err == nil {
				err = l.Add(t.Context(), rec)
			}
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 20_000 {
				break
			}
		}
		if err := errors.Join(l.Flush(t.Context()), l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Ask(t.Context(), "INSERT INTO "+s.Database+`.deadletter (dataset, topic, partition, offset, appended_at, reason, headers, key, value)
		VALUES ('year', 'bgp.deadletter.v1', 0, 7, now() - 60, 'no record', map('a', 'b', 'c', ''), 'k', unhex('FF00FE'))`); err != nil {
		t.Fatal(err)
	}
	if err := clickhouse.ClaimDataset(t.Context(), s, clickhouse.Dataset{Name: "year", Inputs: "i", Settings: "s", Version: "v", Files: []string{"f"}, Collectors: []string{"c"}}, false); err != nil {
		t.Fatal(err)
	}
}

// TestExportImport exports a dataset, imports it under another name, and finds the same rows in
// every table. Damaged files are reported, and nothing is imported. An interrupted import goes on.
func TestExportImport(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	load(t, s)
	dir := filepath.Join(t.TempDir(), "export")
	export := storefile.Export{Server: s, Dataset: "year", Dir: dir, Version: "test"}
	m, wrote, err := export.Run(t.Context())
	if err != nil || wrote < 5 || wrote != len(m.Files) || m.Rows() == 0 || !m.Complete {
		t.Fatalf("%d files, %v", wrote, err)
	}
	if _, wrote, err := export.Run(t.Context()); err != nil || wrote != 0 {
		t.Errorf("exported twice: %d files written, %v; want nothing to do", wrote, err)
	}
	other := export
	other.Dataset = "another"
	if _, _, err := other.Run(t.Context()); !errors.Is(err, storefile.ErrOther) {
		t.Errorf("another export into the same folder: %v", err)
	}
	t.Run("files", func(t *testing.T) { wrongFiles(t, s, dir, m) }) //nolint:paralleltest // they share the store

	// An import that was cut short: the rows of the first file of route changes are there twice and
	// incomplete, and the dataset is not complete.
	in := storefile.Import{Server: s, Dir: dir, Dataset: "again"}
	if m, err = in.Open(); err != nil {
		t.Fatal(err)
	}
	read, err := in.Run(t.Context(), m)
	if err != nil || read != len(m.Files) {
		t.Fatalf("%d files read of %d, %v", read, len(m.Files), err)
	}
	for _, sql := range []string{
		"ALTER TABLE {db}.route_change_log DELETE WHERE dataset = 'again' AND sequence % 3 = 0 SETTINGS mutations_sync = 2",
		"INSERT INTO {db}.visibility SELECT * FROM {db}.visibility WHERE dataset = 'again' LIMIT 100",
		"ALTER TABLE {db}.datasets UPDATE completed_at = toDateTime64(0, 3, 'UTC') WHERE dataset = 'again' SETTINGS mutations_sync = 2",
	} {
		if err := s.Ask(t.Context(), strings.ReplaceAll(sql, "{db}", s.Database)); err != nil {
			t.Fatal(err)
		}
	}
	if read, err = in.Run(t.Context(), m); err != nil || read < 2 || read == len(m.Files) {
		t.Errorf("%d files read again, %v: want those alone that were not whole", read, err)
	}
	if read, err = in.Run(t.Context(), m); err != nil || read != 0 {
		t.Errorf("imported twice: %d files read, %v; want nothing to do", read, err)
	}
	same(t, s)

	if err := clickhouse.DropDataset(t.Context(), s, "again"); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(storefile.Tables(), copies...) {
		var n struct{ Rows uint64 }
		if err := s.AskRow(t.Context(), clickhouse.Query{SQL: "SELECT count() AS Rows FROM " + s.Database + "." + name + " WHERE dataset = 'again'"}, &n); err != nil || n.Rows != 0 {
			t.Errorf("%s: %d rows of a dataset that was dropped, %v", name, n.Rows, err)
		}
	}
}

// copies are the tables that views fill.
var copies = []string{
	"prefix_changes", "visibility_hours", "prefix_origins", "prefix_countries", "outage_newest", "panel_verdicts", "feed_newest",
}

// same compares the datasets year and again in all tables, with FINAL and, for tables that no view
// fills, without.
func same(t *testing.T, s clickhouse.Server) {
	t.Helper()
	for _, name := range append(storefile.Tables(), copies...) {
		table, err := clickhouse.ReadTable(t.Context(), s, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, final := range []string{"", " FINAL"} {
			if final == "" && slices.Contains(copies, name) {
				continue // tables of views may have rows more than once until they are merged
			}
			type sum struct{ Rows, Hash uint64 }
			var got [2]sum
			for i, dataset := range []string{"year", "again"} {
				sql := "SELECT count() AS Rows, sum(" + table.RowHash("dataset") + ") AS Hash FROM " + s.Database + "." + name + final + " WHERE dataset = '" + dataset + "'"
				if err := s.AskRow(t.Context(), clickhouse.Query{SQL: sql}, &got[i]); err != nil {
					t.Fatal(err)
				}
			}
			if got[0] != got[1] || got[0].Rows == 0 {
				t.Errorf("%s%s: exported %+v, imported %+v", name, final, got[0], got[1])
			}
		}
	}
}

// wrongFiles damages copies of the export in turn.
func wrongFiles(t *testing.T, s clickhouse.Server, dir string, m *storefile.Manifest) {
	t.Helper()
	first := m.Files[0].Name
	for name, c := range map[string]struct {
		damage func(dir string) error
		want   string
	}{
		"missing":   {func(dir string) error { return os.Remove(filepath.Join(dir, first)) }, "is missing"},
		"cut short": {func(dir string) error { return os.Truncate(filepath.Join(dir, first), m.Files[0].Octets-1) }, "cut short"},
		"changed": {func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, first))
			if err != nil {
				return err
			}
			b[len(b)/2]++
			return os.WriteFile(filepath.Join(dir, first), b, 0o600)
		}, "SHA-256"},
		"another format": {replacing(`"darkmap export 1"`, `"darkmap export 9"`), "darkmap export 9"},
		"not complete":   {replacing(`"complete": true`, `"complete": false`), "not complete"},
		"a folder above": {replacing(first, "../"+first), "without folders"},
		"older":          {replacing(`"schema": `, `"schema": 0, "x": `), "another schema"},
		"newer":          {replacing(`"schema": `, `"schema": 9999, "x": `), "another schema"},
	} {
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := c.damage(copied); err != nil {
			t.Fatal(err)
		}
		in := storefile.Import{Server: s, Dir: copied, Dataset: "again"}
		m, err := in.Open()
		if err == nil {
			_, err = in.Run(t.Context(), m)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
	all, err := clickhouse.Datasets(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if d.Name == "again" {
			t.Error("something was imported")
		}
	}
}

// replacing replaces a text in the manifest.
func replacing(from, to string) func(string) error {
	return func(dir string) error {
		path := filepath.Join(dir, storefile.ManifestName)
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.Replace(string(b), from, to, 1)), 0o600)
	}
}
