package storefile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Import describes an import.
type Import struct {
	// Server is a store with this program's schema.
	Server clickhouse.Server
	Dir    string
	// Dataset is the name of the imported dataset; empty takes the name in the manifest.
	Dataset string
	// Progress is called with a text on each step; nil is allowed.
	Progress func(string)
}

// ErrSchema reports that an export is of another schema.
var ErrSchema = errors.New("the export is of another schema")

// Open reads the manifest and checks every file. It needs no store.
func (i *Import) Open() (*Manifest, error) {
	m, err := ReadManifest(i.Dir)
	if err != nil {
		return nil, err
	}
	if !m.Complete {
		return nil, fmt.Errorf("%s: the export is not complete: the same export command goes on with it", i.Dir)
	}
	if len(m.Files) == 0 {
		return nil, fmt.Errorf("%s: the manifest names no files: there is nothing to import", i.Dir)
	}
	var faults []error
	for n := range m.Files {
		i.say(fmt.Sprintf("checking file %d of %d: %s", n+1, len(m.Files), m.Files[n].Name))
		if err := m.Files[n].check(i.Dir); err != nil {
			faults = append(faults, err)
		}
	}
	return m, errors.Join(faults...)
}

func (i *Import) say(text string) {
	if i.Progress != nil {
		i.Progress(text)
	}
}

// Run imports the files that Open has checked. read is the number of imported files: 0 if all rows
// were there already.
func (i Import) Run(ctx context.Context, m *Manifest) (read int, err error) {
	if i.Dataset == "" {
		i.Dataset = m.Dataset
	}
	have, _, err := clickhouse.SchemaVersion(ctx, i.Server)
	switch {
	case err != nil:
		return 0, err
	case m.Schema < have:
		return 0, fmt.Errorf("%w: its version is %d, written by darkmap %s, and the store's is %d: "+
			"import it with that darkmap into a store of its own, migrate that store, and export from it",
			ErrSchema, m.Schema, m.Darkmap, have)
	case m.Schema > have:
		return 0, fmt.Errorf("%w: its version is %d, written by darkmap %s, and the store's is %d: "+
			"use that darkmap, or a newer one",
			ErrSchema, m.Schema, m.Darkmap, have)
	}
	entry := i.entry(m)
	if complete, err := i.claim(ctx, entry); err != nil || complete {
		return 0, err
	}
	if err := i.kept(ctx, m); err != nil {
		return 0, err
	}
	if err := clickhouse.ClaimDataset(ctx, i.Server, entry, false); err != nil {
		return 0, err
	}
	if err := clickhouse.KillQueries(ctx, i.Server, i.queries()); err != nil {
		return 0, err
	}
	for n := range m.Files {
		f := &m.Files[n]
		i.say(fmt.Sprintf("file %d of %d: %s, %d rows", n+1, len(m.Files), f.Name, f.Rows))
		wrote, err := i.file(ctx, f)
		if err != nil {
			return read, fmt.Errorf("importing %s: %w; the dataset is not complete: the same command goes on",
				f.Name, err)
		}
		if wrote {
			read++
		}
	}
	return read, clickhouse.CompleteDataset(ctx, i.Server, entry)
}

// entry returns the dataset's entry in the store.
func (i *Import) entry(m *Manifest) clickhouse.Dataset {
	begins, ends := m.times()
	return clickhouse.Dataset{
		Name: i.Dataset, Inputs: "import/" + m.ID(), Settings: m.Made.SettingsHash,
		Version:    m.Darkmap,
		Files:      append([]string{filepath.Base(filepath.Clean(i.Dir))}, m.Made.Files...),
		Collectors: m.Made.Collectors, Changed: m.Made.Settings, Begins: begins, Ends: ends,
		GeographyDate: orZero(m.Made.GeographyDate), OwnersDate: orZero(m.Made.OwnersDate),
		GeographyFiles: m.Made.GeographyFiles,
	}
}

// claim reports whether the import is already complete. It returns an error if the dataset holds
// other rows.
func (i *Import) claim(ctx context.Context, entry clickhouse.Dataset) (complete bool, err error) {
	all, err := clickhouse.Datasets(ctx, i.Server)
	if err != nil {
		return false, err
	}
	for _, d := range all {
		switch {
		case d.Name != i.Dataset, d.Emptying:
		case d.Collected || d.Inputs != entry.Inputs || d.Settings != entry.Settings:
			return false, fmt.Errorf("dataset %s: %w: --dataset NAME imports under another name",
				i.Dataset, clickhouse.ErrDatasetTaken)
		default:
			return !d.Completed.IsZero(), nil
		}
	}
	return false, nil
}

// kept returns an error if the store would delete imported rows at once.
func (i *Import) kept(ctx context.Context, m *Manifest) error {
	oldest := map[string]time.Time{}
	for _, f := range m.Files {
		if at, ok := oldest[f.Table]; !ok || f.Oldest.Before(at) {
			oldest[f.Table] = f.Oldest
		}
	}
	var faults []error
	for _, table := range Tables() {
		at, ok := oldest[table]
		if !ok {
			continue
		}
		t, err := clickhouse.ReadTable(ctx, i.Server, table)
		if err != nil {
			return err
		}
		if t.Expires == "" {
			continue
		}
		var n struct{ Gone int }
		sql := fmt.Sprintf("SELECT toInt8(%s < now()) AS Gone FROM (SELECT toDateTime(%d, 'UTC') AS appended_at)",
			t.Expires, at.Unix())
		if err := i.Server.AskRow(ctx, clickhouse.Query{SQL: sql}, &n); err != nil {
			return err
		}
		if n.Gone != 0 {
			faults = append(faults,
				fmt.Errorf("table %s keeps rows for less time than has passed since %s, "+
					"when the oldest of these rows came: the store would delete them. "+
					"Set clickhouse.retention to more, or to forever, and import again",
					table, at.UTC().Format("2006-01-02 15:04:05")))
		}
	}
	return errors.Join(faults...)
}

// queries returns the prefix of the ids of the inserts.
func (i *Import) queries() string { return "import/" + i.Dataset + "/" }

// file imports a file into its table, unless its rows are there. It first deletes the rows that an
// interrupted import left.
func (i *Import) file(ctx context.Context, f *File) (wrote bool, err error) {
	r, err := openRows(ctx, i.Server, f.Table)
	if err != nil {
		return false, err
	}
	where := r.of(i.Dataset, f)
	have, err := r.sum(ctx, where)
	if err != nil || have.is(f) {
		return false, err
	}
	if have.Stored > 0 {
		if err := i.clear(ctx, r, f, where); err != nil {
			return false, err
		}
	}
	if err := i.insert(ctx, r, f); err != nil {
		return false, err
	}
	if have, err = r.sum(ctx, where); err == nil && !have.is(f) {
		err = fmt.Errorf("%d rows (hash %s) are in the store, but %d (%s) in the manifest: "+
			"does another process write dataset %s?",
			have.Stored, have.hash(), f.Rows, f.RowsHash, i.Dataset)
	}
	return true, err
}

// is reports whether the table holds exactly the rows of a file, each once.
func (s sum) is(f *File) bool {
	return s.Rows == f.Rows && s.Stored == f.Rows && s.hash() == f.RowsHash
}

// clear deletes the rows of a file, and their copies in the tables that views fill.
func (i *Import) clear(ctx context.Context, r *rows, f *File, where string) error {
	if err := clickhouse.DeleteRows(ctx, i.Server, r.table.Name, where); err != nil {
		return err
	}
	conn, err := clickhouse.Open(ctx, i.Server)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	copyings, err := i.Server.Copyings(ctx, conn)
	if err != nil {
		return err
	}
	for _, c := range copyings {
		if c.From != r.table.Name {
			continue
		}
		to, err := openRows(ctx, i.Server, c.To)
		if err != nil {
			return err
		}
		if err := clickhouse.DeleteRows(ctx, i.Server, c.To,
			to.within(i.Dataset, f.From.Truncate(time.Hour), f.To)); err != nil {
			return err
		}
	}
	return nil
}

// insert sends the file to the store.
func (i *Import) insert(ctx context.Context, r *rows, f *File) error {
	in, err := os.Open(filepath.Join(i.Dir, f.Name))
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	columns := strings.Join(r.table.Names(), ", ")
	q := clickhouse.Query{
		SQL: fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM "+
			"(SELECT * REPLACE (%s AS dataset) FROM input(%s)) FORMAT Parquet",
			r.name(), columns, columns,
			clickhouse.QuoteText(i.Dataset), clickhouse.QuoteText(r.table.Structure())),
		ID: i.queries() + rand.Text(), Body: in, Settings: settings(),
	}
	maps.Copy(q.Settings, map[string]string{
		"async_insert": "0", "max_partitions_per_insert_block": "0", "insert_deduplicate": "0",
		"optimize_on_insert": "0", "input_format_parquet_allow_missing_columns": "0",
	})
	answer, err := i.Server.HTTP(ctx, q)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer)
	return errors.Join(err, answer.Close())
}
