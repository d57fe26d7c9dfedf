package sink

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datatest"
)

// FuzzRows reads values of every topic with every table. Nothing may crash, and the number of rows
// must be the announced one.
func FuzzRows(f *testing.F) {
	golden, err := filepath.Glob(filepath.Join(datatest.Root(f), "schemas", "testdata", "golden", "*.binpb"))
	if err != nil || len(golden) == 0 {
		f.Fatalf("no golden records: %v", err)
	}
	tables := []func(string) rows{newRouteRows, newVisibilityRows, newPrefixRows, newOutageRows, newPanelRows, newFeedRows, newDeadLetterRows}
	for i := range tables {
		for _, path := range golden {
			b, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, table uint8, value []byte) {
		r := tables[int(table)%len(tables)]("fuzz")
		rec := &kgo.Record{Key: []byte("k"), Value: value, Timestamp: time.Unix(1_700_000_000, 0)}
		_, n, err := r.decode(rec)
		if err != nil || n == 0 {
			return
		}
		r.add(&kafkaOffset{}, mark{})
		if r.count() != n {
			t.Errorf("table %d: got %d rows, want %d", table, r.count(), n)
		}
		for _, c := range r.input() {
			if c.Data.Rows() != n {
				t.Errorf("table %d: column %s has %d rows of %d", table, c.Name, c.Data.Rows(), n)
			}
		}
	})
}
