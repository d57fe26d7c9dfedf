package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listing returns the files below a folder, with their content.
func listing(t *testing.T, path string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(path), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || name == "lock" {
			return err
		}
		b, err := os.ReadFile(filepath.Join(path, name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVersion checks that a folder of another version is refused with its path and an advice, by
// every function, and stays unchanged.
func TestVersion(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  error // nil if it opens
		words string
	}{
		"new":                     {nil, nil, ""},
		"this version":            {map[string]string{"VERSION": "2\n", "clickhouse/data/x": "rows"}, nil, ""},
		"a start was interrupted": {map[string]string{"lock": ""}, nil, ""},
		"somebody else's files":   {map[string]string{"notes.txt": "x"}, nil, ""},
		"version 1":               {map[string]string{"VERSION": "1\n", "clickhouse/data/x": "rows", "tmp/x": "y", "run.json": "{}"}, ErrOlder, "has version 1"},
		"newer":                   {map[string]string{"VERSION": "3\n", "clickhouse/data/x": "rows", "tmp/x": "y"}, ErrNewer, "has version 3"},
		"rubbish":                 {map[string]string{"VERSION": "rubbish"}, ErrNoVersion, `VERSION holds "rubbish"`},
		"empty":                   {map[string]string{"VERSION": ""}, ErrNoVersion, `VERSION holds ""`},
		"zero":                    {map[string]string{"VERSION": "0"}, ErrNoVersion, `VERSION holds "0"`},
		"no version, a store":     {map[string]string{"clickhouse/data/x": "rows"}, ErrNoVersion, "holds clickhouse/data and no file VERSION"},
		"no version, a log":       {map[string]string{"kafka/x": "log"}, ErrNoVersion, "holds kafka/x"},
		"no version, an id":       {map[string]string{"installation": "id"}, ErrNoVersion, "holds installation"},
		"a folder named VERSION":  {map[string]string{"VERSION/x": "y"}, ErrNoVersion, "VERSION"},
	} {
		path := t.TempDir()
		for file, content := range tt.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(path, file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(path, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		before := listing(t, path)
		_, runErr := ReadRun(path)
		_, hasErr := HasStore(path)
		d, openErr := Open(path)
		if d != nil {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		for asked, err := range map[string]error{"ReadRun": runErr, "HasStore": hasErr, "Open": openErr} {
			if tt.want == nil && err != nil || !errors.Is(err, tt.want) {
				t.Errorf("%s, %s: got %v, want %v", name, asked, err, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), tt.words)) {
				t.Errorf("%s, %s: got %v, want the path and %q", name, asked, err, tt.words)
			}
			if err != nil && !errors.Is(err, ErrNewer) && !strings.Contains(err.Error(), "--data-dir") {
				t.Errorf("%s, %s: got %v, want a way out", name, asked, err)
			}
		}
		if tt.want != nil {
			if diff := cmp.Diff(before, listing(t, path)); diff != "" {
				t.Errorf("%s: the folder was changed (-before +after):\n%s", name, diff)
			}
		}
	}
}
