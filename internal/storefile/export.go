package storefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// maxRows is the maximum number of rows in a file, unless one hour has more.
const maxRows = 1_000_000

// Export describes an export.
type Export struct {
	Server  clickhouse.Server
	Dataset string
	// From and To bound the event time; zero is no bound. To is not part of the range.
	From, To time.Time
	// Dir is created if it does not exist. It must be empty, or hold an unfinished or complete run
	// of the same export.
	Dir string
	// Version is the version of this darkmap.
	Version string
	// Progress is called with a text on each step; nil is allowed.
	Progress func(string)
}

// ErrOther reports that the folder holds something else.
var ErrOther = errors.New("the folder holds something else")

// Run exports. It keeps the files that an earlier run of the same export has written; after a
// complete run it only checks them. wrote is the number of files written. With an error, m is nil
// if the export cannot be continued.
func (e Export) Run(ctx context.Context) (m *Manifest, wrote int, err error) {
	if e.Progress == nil {
		e.Progress = func(string) {}
	}
	e.Server.ReadOnly = true
	if m, err = e.begin(ctx); err != nil {
		return nil, 0, err
	}
	if m.Complete {
		if err := e.intact(m); err != nil {
			return nil, 0, err
		}
		return m, 0, nil
	}
	for i := range m.Files {
		f := &m.Files[i]
		if f.written() {
			if f.check(e.Dir) == nil {
				continue
			}
			f.SHA256 = "" // it is written again
		}
		e.Progress(fmt.Sprintf("file %d of %d: %s, %d rows", i+1, len(m.Files), f.Name, f.Rows))
		if err := e.file(ctx, f); err != nil {
			return m, wrote, err
		}
		wrote++
		if err := m.write(e.Dir); err != nil {
			return m, wrote, err
		}
	}
	m.Complete = true
	return m, wrote, m.write(e.Dir)
}

// begin returns the manifest of an earlier run of this export, or that of a new export.
func (e *Export) begin(ctx context.Context) (*Manifest, error) {
	have, _, err := clickhouse.SchemaVersion(ctx, e.Server)
	if err != nil {
		return nil, err
	}
	m, err := ReadManifest(e.Dir)
	switch {
	case err == nil:
		return m, e.same(m, have)
	case !errors.Is(err, errNoManifest):
		return nil, err
	}
	there, err := os.ReadDir(e.Dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("looking into the folder of the export: %w", err)
	}
	// A name that begins with ManifestName is a first manifest that was cut short.
	there = slices.DeleteFunc(there, func(f os.DirEntry) bool {
		return strings.HasPrefix(f.Name(), ManifestName)
	})
	if len(there) > 0 {
		return nil, fmt.Errorf("%s: %w (%s) and no %s: name a folder that is empty or not there",
			e.Dir, ErrOther, there[0].Name(), ManifestName)
	}
	m = &Manifest{
		Format: format, Darkmap: e.Version, Schema: have, Dataset: e.Dataset, From: orNil(e.From),
		To: orNil(e.To), Begun: time.Now().UTC().Truncate(time.Second), Files: []File{},
	}
	if err := e.made(ctx, m); err != nil {
		return nil, err
	}
	if err := e.plan(ctx, m); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(e.Dir, 0o755); err != nil { //nolint:gosec // the user's own folder, for others to read
		return nil, fmt.Errorf("making the folder of the export: %w", err)
	}
	return m, m.write(e.Dir)
}

// same returns an error if the manifest is of another export.
func (e *Export) same(m *Manifest, schema uint32) error {
	if m.Dataset != e.Dataset || !orZero(m.From).Equal(e.From) || !orZero(m.To).Equal(e.To) {
		return fmt.Errorf("%s: %w: the export of dataset %s, %s to %s", e.Dir, ErrOther, m.Dataset,
			said(m.From, "the beginning"), said(m.To, "the end"))
	}
	if m.Schema != schema && !m.Complete {
		return fmt.Errorf("%s: the export was begun with version %d of the schema, and the store has %d now: "+
			"remove the folder and begin again",
			e.Dir, m.Schema, schema)
	}
	return nil
}

func said(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// intact checks the files of a complete export.
func (e *Export) intact(m *Manifest) error {
	for _, f := range m.Files {
		if err := f.check(e.Dir); err != nil {
			return fmt.Errorf("%w: remove the folder and export again", err)
		}
	}
	return nil
}

// made records the inputs and settings of the dataset in the manifest.
func (e *Export) made(ctx context.Context, m *Manifest) error {
	all, err := clickhouse.Datasets(ctx, e.Server)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Name != e.Dataset {
			continue
		}
		if d.Emptying {
			return fmt.Errorf("dataset %s was being deleted when that was interrupted: there is nothing to export",
				e.Dataset)
		}
		m.Made = Made{
			Files: d.Files, Collectors: d.Collectors, Settings: d.Changed, SettingsHash: d.Settings,
			Begins: orNil(d.Begins), Ends: orNil(d.Ends),
			GeographyDate: orNil(d.GeographyDate), OwnersDate: orNil(d.OwnersDate), GeographyFiles: d.GeographyFiles,
		}
		return nil
	}
	return fmt.Errorf("the store has no dataset %s: `darkmap datasets list` lists them", e.Dataset)
}

// plan divides the range of each table into files, for the rows appended before the export began.
func (e *Export) plan(ctx context.Context, m *Manifest) error {
	for _, table := range Tables() {
		r, err := openRows(ctx, e.Server, table)
		if err != nil {
			return err
		}
		begun := len(m.Files)
		sql := fmt.Sprintf(`SELECT toUnixTimestamp(toStartOfHour(toDateTime(%s, 'UTC'))) AS At, count() AS Rows,
				toUnixTimestamp(min(appended_at)) AS Oldest, toUnixTimestamp(max(appended_at)) AS Newest
			FROM %s FINAL WHERE %s AND appended_at < toDateTime(%d, 'UTC') GROUP BY At ORDER BY At`,
			r.time, r.name(), r.within(e.Dataset, e.From, e.To), m.Begun.Unix())
		err = e.Server.AskRows(ctx, clickhouse.Query{SQL: sql, Settings: settings()}, func(d *json.Decoder) error {
			var h hour
			err := d.Decode(&h)
			if n := len(m.Files); n == begun || m.Files[n-1].Rows+h.Rows > maxRows {
				m.Files = append(m.Files, e.newFile(table, h))
			}
			e.extend(&m.Files[len(m.Files)-1], h)
			return err
		})
		if err != nil {
			return fmt.Errorf("counting the rows of %s by hour: %w", table, err)
		}
	}
	switch {
	case len(m.Files) == 0:
		return fmt.Errorf("dataset %s has no rows from %s to %s", e.Dataset,
			said(m.From, "the beginning"), said(m.To, "the end"))
	case len(m.Files) > maxFiles:
		return fmt.Errorf("the range needs %d files, and at most %d can be written: export shorter ranges",
			len(m.Files), maxFiles)
	}
	return nil
}

// hour is one hour of event time of a table: its number of rows, and when Kafka received the first
// and the last of them. Times are Unix seconds.
type hour struct {
	At             int64
	Rows           uint64
	Oldest, Newest int64
}

// newFile returns a file that begins with the given hour, without its rows.
func (e *Export) newFile(table string, h hour) File {
	at := time.Unix(h.At, 0).UTC()
	f := File{
		Name: fmt.Sprintf("%s-%s.parquet", table, at.Format("20060102T15")), Table: table, From: at,
		Oldest: time.Unix(h.Oldest, 0).UTC(), Newest: time.Unix(h.Newest, 0).UTC(),
	}
	if at.Before(e.From) {
		f.From = e.From.UTC()
	}
	return f
}

// extend adds an hour to a file.
func (e *Export) extend(f *File, h hour) {
	f.Rows += h.Rows
	f.To = time.Unix(h.At, 0).UTC().Add(time.Hour)
	if !e.To.IsZero() && e.To.Before(f.To) {
		f.To = e.To.UTC()
	}
	if at := time.Unix(h.Oldest, 0).UTC(); at.Before(f.Oldest) {
		f.Oldest = at
	}
	if at := time.Unix(h.Newest, 0).UTC(); at.After(f.Newest) {
		f.Newest = at
	}
}

// attempts is the number of times that a file is written if its rows change meanwhile, because late
// rows still arrive.
const attempts = 5

// file writes a file, and writes it again if its rows changed meanwhile.
func (e *Export) file(ctx context.Context, f *File) error {
	r, err := openRows(ctx, e.Server, f.Table)
	if err != nil {
		return err
	}
	where := r.of(e.Dataset, f)
	before, err := r.sum(ctx, where)
	for i := 0; err == nil && i < attempts; i++ {
		if err = e.write(ctx, r, where, f); err != nil {
			break
		}
		var after sum
		if after, err = r.sum(ctx, where); err == nil && after.Rows == before.Rows && after.Hash == before.Hash {
			f.Rows, f.RowsHash = after.Rows, after.hash()
			return nil
		}
		before = after
	}
	if err == nil {
		err = errors.New("its rows changed each time while they were written: try again")
	}
	f.SHA256 = ""
	return fmt.Errorf("writing %s: %w", f.Name, err)
}

// write writes a file under a temporary name and renames it.
func (e *Export) write(ctx context.Context, r *rows, where string, f *File) (err error) {
	path := filepath.Join(e.Dir, f.Name)
	part := filepath.Join(e.Dir, "."+f.Name+".part")
	flags := os.O_CREATE | os.O_TRUNC | os.O_WRONLY
	out, err := os.OpenFile(part, flags, 0o644) //nolint:gosec // the user's own folder, for others to read
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	h := sha256.New()
	f.Octets, err = e.copy(ctx, fmt.Sprintf("SELECT * FROM %s FINAL WHERE %s", r.name(), where),
		io.MultiWriter(out, h))
	if err == nil {
		err = out.Sync()
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	f.SHA256 = hex.EncodeToString(h.Sum(nil))
	return os.Rename(part, path)
}

// copy writes the answer of a query to w as Parquet.
func (e *Export) copy(ctx context.Context, sql string, w io.Writer) (int64, error) {
	q := clickhouse.Query{SQL: sql, Format: "Parquet", Settings: settings()}
	q.Settings["output_format_parquet_row_group_size"] = "100000"
	q.Settings["output_format_parquet_parallel_encoding"] = "0"
	q.Settings["output_format_parquet_compression_method"] = "zstd"
	answer, err := e.Server.HTTP(ctx, q)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(w, answer)
	return n, errors.Join(err, answer.Close())
}

// check compares a file with its size and hash in the manifest.
func (f *File) check(dir string) error {
	octets, hash, err := hashFile(filepath.Join(dir, f.Name))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("file %s is missing in %s", f.Name, dir)
	case err != nil:
		return fmt.Errorf("reading %s: %w", f.Name, err)
	case octets != f.Octets:
		return fmt.Errorf("file %s has %d octets, but %d in the manifest: it was cut short or changed",
			f.Name, octets, f.Octets)
	case hash != f.SHA256:
		return fmt.Errorf("file %s was changed: its SHA-256 is %s, but %s in the manifest",
			f.Name, hash, f.SHA256)
	}
	return nil
}
