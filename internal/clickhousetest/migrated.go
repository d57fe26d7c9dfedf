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

// template is a folder of an engine that has applied the schema and was closed. To apply the schema
// takes several times as long as to start an engine, so that a test's program does it once. Main
// removes the folder.
var template struct {
	sync.Mutex
	dir string // "" until the first test that needs it
}

// StartMigrated starts an engine on cfg.Dir, which must not exist or be empty, with the schema
// applied, and closes it with the test.
func StartMigrated(t testing.TB, cfg clickhouse.EngineConfig) *clickhouse.Engine {
	t.Helper()
	Fill(t, cfg.Dir)
	return Start(t, cfg)
}

// Fill puts into dir, which must not exist or be empty, what an engine leaves there that has applied
// the schema.
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

// makeTemplate applies the schema in an engine on a folder of its own, and leaves there only what
// the engine stored.
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

// removeTemplate removes the folder of the template, where there is one.
func removeTemplate() error {
	template.Lock()
	defer template.Unlock()
	return os.RemoveAll(template.dir)
}
