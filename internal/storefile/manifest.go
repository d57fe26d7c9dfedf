package storefile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/atomicfile"
)

// ManifestName is the file in the folder that describes the others.
const ManifestName = "manifest.json"

const (
	format = "darkmap export 1"
	// maxManifest bounds the size of a manifest, in octets; maxFiles bounds the files that it
	// names.
	maxManifest = 64 << 20
	maxFiles    = 100_000
)

// Manifest describes an export. All times are UTC.
type Manifest struct {
	Format string `json:"format"`
	// Darkmap is the version that exported, Schema the number of the last migration of its store.
	Darkmap string `json:"darkmap"`
	Schema  uint32 `json:"schema"`
	Dataset string `json:"dataset"`
	// From and To bound the event time; absent is no bound. To is not part of the range.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Begun is the time at which the export began: it omits rows that came later.
	Begun time.Time `json:"begun"`
	// Complete is set once every file is written.
	Complete bool   `json:"complete"`
	Made     Made   `json:"made_of"`
	Files    []File `json:"files"`
}

// Made describes the inputs and settings of the dataset, as `darkmap datasets list` shows them.
type Made struct {
	Files        []string   `json:"files,omitempty"`
	Collectors   []string   `json:"collectors,omitempty"`
	Settings     []string   `json:"settings,omitempty"`
	SettingsHash string     `json:"settings_hash,omitempty"`
	Begins       *time.Time `json:"begins,omitempty"`
	Ends         *time.Time `json:"ends,omitempty"`
	// GeographyDate, OwnersDate and GeographyFiles are the fields of clickhouse.Dataset; absent is
	// unknown.
	GeographyDate  *time.Time `json:"geography_date,omitempty"`
	OwnersDate     *time.Time `json:"owners_date,omitempty"`
	GeographyFiles []string   `json:"geography_files,omitempty"`
}

// File is a Parquet file: the rows of one table in a range of its event time.
type File struct {
	Name  string    `json:"name"`
	Table string    `json:"table"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Rows  uint64    `json:"rows"`
	// Octets and SHA256 are the size and the hash of the file; empty until it is written.
	Octets int64  `json:"octets"`
	SHA256 string `json:"sha256"`
	// RowsHash is the sum of cityHash64 of each row without the column dataset, 16 hexadecimal
	// digits.
	RowsHash string `json:"rows_hash"`
	// Oldest and Newest are the times at which Kafka received the first and the last of the rows.
	// Times to live count from them, and so do the partitions of most tables: a query that names
	// them reads only these partitions.
	Oldest time.Time `json:"oldest_appended_at"`
	Newest time.Time `json:"newest_appended_at"`
}

// written reports whether the file is written.
func (f *File) written() bool { return f.SHA256 != "" }

// errNoManifest reports that a folder has no manifest.
var errNoManifest = errors.New("no " + ManifestName)

// ReadManifest reads the manifest of a folder and checks it.
func ReadManifest(dir string) (*Manifest, error) {
	f, err := os.Open(filepath.Join(dir, ManifestName)) //nolint:gosec // the user names the folder
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s holds %w: it is no export of darkmap", dir, errNoManifest)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err == nil && len(b) > maxManifest {
		err = fmt.Errorf("it is larger than %d octets", maxManifest)
	}
	m := &Manifest{}
	if err == nil {
		err = json.Unmarshal(b, m)
	}
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, ManifestName), err)
	}
	return m, nil
}

// check returns an error for a manifest that no export writes.
func (m *Manifest) check() error {
	switch {
	case m.Format != format:
		return fmt.Errorf("its format is %q, and this darkmap reads %q", m.Format, format)
	case len(m.Files) > maxFiles:
		return fmt.Errorf("it names %d files, and at most %d are read", len(m.Files), maxFiles)
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		switch {
		case f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) || f.Name == ManifestName || seen[f.Name]:
			return fmt.Errorf("it names the file %q: want names without folders, each once", f.Name)
		case !slices.Contains(Tables(), f.Table):
			return fmt.Errorf("file %s is of table %q, which this darkmap does not know", f.Name, f.Table)
		case !f.From.Before(f.To):
			return fmt.Errorf("file %s ends before it begins", f.Name)
		case f.Newest.Before(f.Oldest):
			return fmt.Errorf("the newest row of file %s is older than the oldest", f.Name)
		}
		seen[f.Name] = true
	}
	return nil
}

// write writes the manifest to the folder.
func (m *Manifest) write(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return atomicfile.WriteMode(filepath.Join(dir, ManifestName), append(b, '\n'), 0o644)
}

// ID returns a name of the export's content: a hash of its files.
func (m *Manifest) ID() string {
	h := sha256.New()
	for _, f := range m.Files {
		fmt.Fprintln(h, f.Table, f.From.UnixMicro(), f.To.UnixMicro(), f.Rows, f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// times returns the times of the first and the last record of the inputs, cut to the range; zero is
// unknown.
func (m *Manifest) times() (begins, ends time.Time) {
	begins, ends = orZero(m.Made.Begins), orZero(m.Made.Ends)
	if m.From != nil && !begins.IsZero() && begins.Before(*m.From) {
		begins = *m.From
	}
	if m.To != nil && ends.After(*m.To) {
		ends = *m.To
	}
	return begins, ends
}

// Rows returns the number of rows in all files.
func (m *Manifest) Rows() (n uint64) {
	for _, f := range m.Files {
		n += f.Rows
	}
	return n
}

// Octets returns the size of all files.
func (m *Manifest) Octets() (n int64) {
	for _, f := range m.Files {
		n += f.Octets
	}
	return n
}

// hashFile returns the size and the SHA-256 of a file.
func hashFile(path string) (octets int64, sum string, err error) {
	f, err := os.Open(path) //nolint:gosec // the user names the folder
	if err != nil {
		return 0, "", err
	}
	defer f.Close() //nolint:errcheck // only read
	h := sha256.New()
	octets, err = io.Copy(h, f)
	return octets, hex.EncodeToString(h.Sum(nil)), err
}
