package clickhouse_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestSetAside: the server starts without a damaged part. SetAsideParts lists the part once with
// its table, place and rows. The other rows are in the table.
func TestSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	memory := filepath.Join(dir, "set-aside.json")
	e := clickhousetest.StartMigrated(t, clickhouse.EngineConfig{Dir: dir})
	conn := open(t, e.Server())
	must(t, conn,
		"INSERT INTO darkmap.panel (dataset, position_sequence, appended_at) SELECT 'a', number, now() FROM numbers(100)",
		"INSERT INTO darkmap.panel (dataset, position_sequence, appended_at) SELECT 'b', number, now() FROM numbers(50)")
	paths := list(t, conn, "SELECT path FROM system.parts WHERE active AND table = 'panel' AND database = ? AND rows = 100", "darkmap")
	if len(paths) != 1 {
		t.Fatalf("got parts %v", paths)
	}
	if got, err := clickhouse.NewlySetAside(t.Context(), e.Server(), memory); err != nil || len(got) > 0 {
		t.Errorf("before: got %v, %v", got, err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(paths[0], "data.bin"), 100); err != nil {
		t.Fatal(err)
	}
	e = clickhousetest.StartIn(t, dir)
	if n := one[uint64](t, open(t, e.Server()), "SELECT count() FROM darkmap.panel"); n != 50 {
		t.Errorf("got %d rows, want the 50 of the other part", n)
	}
	got, err := clickhouse.NewlySetAside(t.Context(), e.Server(), memory)
	if err != nil || len(got) != 1 || got[0].Table != "panel" || got[0].Part != filepath.Base(paths[0]) || got[0].Rows != 100 || !strings.HasPrefix(got[0].Reason, "broken") {
		t.Fatalf("got %+v, %v; want part %s of panel with 100 rows", got, err, filepath.Base(paths[0]))
	}
	if _, err := os.Stat(filepath.Join(got[0].Path, "count.txt")); err != nil {
		t.Errorf("the part is not where %q says: %v", got[0], err)
	}
	if got, err := clickhouse.NewlySetAside(t.Context(), e.Server(), memory); err != nil || len(got) > 0 {
		t.Errorf("again: got %v, %v; want none", got, err)
	}
}
