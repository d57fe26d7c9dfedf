package dump_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/darkmap/darkmap/internal/dump"
)

// TestParquet reads the written file back: the columns in their order, with their types, and nulls
// for TSV's empty fields.
func TestParquet(t *testing.T) {
	t.Parallel()
	columns := must(dump.ParseColumns([]string{"prefix", "type", "timestamp", "peer_asn", "as_path", "med", "atomic_aggregate"}))
	var file bytes.Buffer
	w := dump.NewParquetWriter(&file, columns)
	const times = 300 // more rows than a batch
	for range times {
		f := dump.NewParquet("x", "file/local", false, w, nil)
		for _, it := range items() {
			if _, err := f.Append(nil, it); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Prefix          *string `parquet:"prefix"`
		Type            string  `parquet:"type,optional"`
		Timestamp       int64   `parquet:"timestamp,optional,timestamp(microsecond)"`
		PeerASN         uint32  `parquet:"peer_asn,optional"`
		ASPath          *string `parquet:"as_path"`
		MED             *uint32 `parquet:"med"`
		AtomicAggregate *bool   `parquet:"atomic_aggregate"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil || len(rows) != 8*times {
		t.Fatalf("got %d rows, %v, want %d", len(rows), err, 8*times)
	}
	show := func(r row) string {
		s := fmt.Sprintf("%s %d %d", r.Type, r.Timestamp, r.PeerASN)
		for _, p := range []*string{r.Prefix, r.ASPath} {
			if p == nil {
				s += " null"
			} else {
				s += " " + *p
			}
		}
		return s + fmt.Sprint(" ", r.MED != nil, r.AtomicAggregate != nil && *r.AtomicAggregate)
	}
	for i, want := range []string{
		"withdraw 100000000 64496 198.51.100.0/24 null false false", "withdraw 100000000 64496 192.0.2.0/24 null false false",
		"announce 100000000 64496 198.51.100.0/23 64496 64497 {64498,64499} true true", "announce 100000000 64496 192.0.2.0/24 64496 64497 {64498,64499} true true",
		"rib 200000000 64496 192.0.2.0/25 64500 64501 false false", "rib 200000000 64500 192.0.2.0/25 64500 64501 false false",
		"state 300000000 64500 null null false false", "end_of_rib 300000005 64500 null null false false",
	} {
		if got := show(rows[8*(times-1)+i]); got != want {
			t.Errorf("row %d: got %s, want %s", i, got, want)
		}
	}
	f, err := parquet.OpenFile(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, field := range f.Schema().Fields() {
		names = append(names, field.Name())
	}
	if got := strings.Join(names, " "); got != "prefix type timestamp peer_asn as_path med atomic_aggregate" {
		t.Errorf("got columns %s", got)
	}
}
