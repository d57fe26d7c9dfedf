package clickhousetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// template is the folder of a closed engine that has applied the schema. Applying the schema takes
// several times as long as starting an engine, so a test program does it once. Main removes the
// folder.
var template struct {
	sync.Mutex
	dir string // "" until a test needs it
}

// StartMigrated starts an engine with the schema applied on cfg.Dir, and closes it at the end of
// the test. The folder must not exist or must be empty.
func StartMigrated(t testing.TB, cfg clickhouse.EngineConfig) *clickhouse.Engine {
	t.Helper()
	Fill(t, cfg.Dir)
	return Start(t, cfg)
}

// Fill fills dir with the files of an engine that has applied the schema. dir must not exist or
// must be empty.
func Fill(t testing.TB, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS(migratedFolder(t))); err != nil {
		t.Fatal(err)
	}
}

// migratedFolder returns the folder of the template.
func migratedFolder(t testing.TB) string {
	t.Helper()
	template.Lock()
	defer template.Unlock()
	if template.dir != "" {
		return template.dir
	}
	dir, err := makeTemplate(t.Context(), Library(t))
	missingEngine(t, err)
	if err != nil {
		t.Fatal(err)
	}
	template.dir = dir
	return dir
}

// makeTemplate applies the schema in an engine on a folder of its own, and keeps only the engine's
// data there.
func makeTemplate(ctx context.Context, library string) (_ string, err error) {
	dir, err := os.MkdirTemp("", "clickhousetest")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	e, err := clickhouse.StartEngine(ctx, clickhouse.EngineConfig{Dir: dir, Library: library})
	if err != nil {
		return "", err
	}
	_, err = clickhouse.Migrate(ctx, e.Server())
	if err := errors.Join(err, e.Close()); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() != "data" {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
		}
	}
	return dir, err
}

// removeTemplate removes the folder of the template, if it exists.
func removeTemplate() error {
	template.Lock()
	defer template.Unlock()
	return os.RemoveAll(template.dir)
}
