package core

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datatest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// FuzzDetector applies any bytes that decode as a record of bgp.routes: no crash, and no error that
// is not about the record.
func FuzzDetector(f *testing.F) {
	golden, err := filepath.Glob(filepath.Join(datatest.Root(f), "schemas", "testdata", "golden", "*.binpb"))
	if err != nil || len(golden) == 0 {
		f.Fatalf("no golden records: %v", err)
	}
	for _, path := range golden {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		d, err := New(small())
		if err != nil {
			t.Fatal(err)
		}
		const window = 1_419_264_900
		for i, b := range [][]byte{first, second, first} {
			var rec pb.RouteRecord
			if rec.UnmarshalVT(b) != nil {
				return
			}
			if err := d.Apply(&rec, (window+int64(i)*60)*1_000_000); err != nil && !errors.Is(err, codec.ErrInvalid) {
				t.Errorf("applying %v: %v", &rec, err)
			}
			if _, err := d.CloseWindow(window + int64(i)*60); err != nil {
				t.Errorf("closing after %v: %v", &rec, err)
			}
		}
	})
}
