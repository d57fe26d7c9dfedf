package sqlshell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTemporary checks that files of a killed process are removed. Files that a process still
// writes, files of another output and files that are not darkmap's temporary files are kept.
// Several processes may start at once.
func TestTemporary(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	kept := []string{".a.csv.ABCDEFGH.tmp.gz", ".a.csv.notes678.tmp", ".b.csv.ABCDEFGH.tmp", "a.csv"}
	for _, name := range append([]string{".a.csv.ABCDEFGH.tmp", ".a.csv.234567ZZ.tmp"}, kept...) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := File{Path: filepath.Join(folder, "a.csv")}
	var (
		mu   sync.Mutex
		open []*os.File
		wg   sync.WaitGroup
	)
	for range 16 {
		wg.Go(func() {
			out, err := f.temporary()
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			open = append(open, out)
			kept = append(kept, filepath.Base(out.Name()))
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(kept)
	if !slices.Equal(got, kept) || len(open) != 16 {
		t.Errorf("the folder holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(kept, "\n"))
	}
	for _, out := range open {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	last, err := f.temporary()
	if err != nil {
		t.Fatal(err)
	}
	// The file of this process, and the notes.
	if left, err := filepath.Glob(filepath.Join(folder, ".a.csv.????????.tmp")); err != nil || len(left) != 2 {
		t.Errorf("later: got %v, %v, want no file of those that ended", left, err)
	}
	if err := last.Close(); err != nil {
		t.Error(err)
	}
}
