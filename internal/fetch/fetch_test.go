package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/progress"
)

var quiet = progress.NewLine(io.Discard)

// fakeNPM puts a fake npm first in PATH. It returns archive, once, in place of the registry.
func fakeNPM(t *testing.T, archive []byte) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "archive"), archive, 0o600); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n[ \"$1\" = pack ] || exit 1\n[ -f " + dir + "/archive ] || { echo 'npm error code E404' >&2; exit 1; }\n/bin/mv " + dir + "/archive pinned-1.0.0.tgz\n"
	// The script must be executable.
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func archive(t *testing.T, files map[string]string) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, name := range []string{"package/package.json", "package/a.csv", "package/b.csv"} {
		if err := errors.Join(tw.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644})); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(sum[:])
}

func TestEnsure(t *testing.T) {
	tgz, sum := archive(t, map[string]string{"package/package.json": "{}", "package/a.csv": "aaa", "package/b.csv": "bb"})
	good := Item{Name: "pinned", Package: "@example/pinned", Version: "1.0.0", SHA256: sum, Files: []File{{"a.csv", 3}, {"b.csv", 2}}}

	t.Run("fetches once, then works offline", func(t *testing.T) {
		fakeNPM(t, tgz)
		cache := filepath.Join(t.TempDir(), "cache")
		if _, err := Dir(cache, good); !errors.Is(err, ErrMissing) {
			t.Errorf("before: got %v, want ErrMissing", err)
		}
		for range 2 { // the fake npm would fail the second time
			dir, err := Ensure(t.Context(), cache, good, quiet)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(filepath.Join(dir, "a.csv")); err != nil || string(b) != "aaa" {
				t.Errorf("a.csv: got %q, %v", b, err)
			}
			entries, err := os.ReadDir(cache)
			if err != nil || len(entries) != 1 {
				t.Errorf("the cache holds %v (%v), want the item alone", entries, err)
			}
		}
	})
	t.Run("replaces a cut file", func(t *testing.T) {
		fakeNPM(t, tgz)
		cache := t.TempDir()
		dir := filepath.Join(cache, "pinned-1.0.0")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "a.csv"), []byte("a"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := Ensure(t.Context(), cache, good, quiet); err != nil {
			t.Fatal(err)
		}
		if _, err := Dir(cache, good); err != nil {
			t.Error(err)
		}
	})
	for name, tt := range map[string]struct {
		item Item
		want string
	}{
		"another archive": {Item{Name: "pinned", Version: "1.0.0", SHA256: strings.Repeat("0", 64), Files: good.Files}, "SHA-256"},
		"a file missing":  {Item{Name: "pinned", Version: "1.0.0", SHA256: sum, Files: []File{{"c.csv", 1}}}, "1 files missing"},
		"another size":    {Item{Name: "pinned", Version: "1.0.0", SHA256: sum, Files: []File{{"a.csv", 2}}}, "3 bytes instead of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			fakeNPM(t, tgz)
			cache := t.TempDir()
			if _, err := Ensure(t.Context(), cache, tt.item, quiet); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if entries, err := os.ReadDir(cache); err != nil || len(entries) != 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
	t.Run("npm fails", func(t *testing.T) {
		fakeNPM(t, nil)
		t.Setenv("PATH", t.TempDir())
		if _, err := Ensure(t.Context(), t.TempDir(), good, quiet); err == nil || !strings.Contains(err.Error(), "npm is not installed") {
			t.Errorf("got %v, want npm named", err)
		}
	})
}

// TestInterrupted checks that an npm killed at the end of the context is not reported as npm's
// error.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	script := "#!/bin/sh\n/bin/touch " + started + "\nexec /bin/sleep 60\n"
	// The script must be executable.
	if err := os.WriteFile(filepath.Join(dir, "npm"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends with ctx
		_, err := Ensure(ctx, filepath.Join(t.TempDir(), "cache"), Item{Name: "pinned", Package: "@example/pinned", Version: "1.0.0", Files: []File{{"a.csv", 3}}}, quiet)
		ended <- err
	}()
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		select {
		case err := <-ended:
			t.Fatalf("it ended before npm ran: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "signal") {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestWritten counts the octets that npm has written since its start, and no older ones.
func TestWritten(t *testing.T) {
	t.Parallel()
	dir, since := t.TempDir(), time.Now().Add(-time.Minute)
	old, fresh := filepath.Join(dir, "old"), filepath.Join(dir, "sub", "fresh")
	if err := errors.Join(os.WriteFile(old, []byte("12345"), 0o600), os.Chtimes(old, since, since.Add(-time.Hour)),
		os.Mkdir(filepath.Dir(fresh), 0o700), os.WriteFile(fresh, []byte("123"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if n := written(dir, since); n != 3 {
		t.Errorf("got %d octets, want the 3 of the new file", n)
	}
	if n := written(filepath.Join(dir, "none"), since); n != 0 {
		t.Errorf("got %d octets of a folder that is not there", n)
	}
}
