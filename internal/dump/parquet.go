package dump

import (
	"fmt"
	"io"
	"reflect"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/darkmap/darkmap/internal/capture"
)

const (
	// parquetBatch is the number of rows that are written at once.
	parquetBatch = 512
	// parquetGroup is the number of rows in a row group. They stay in memory until it is full.
	parquetGroup = 1 << 17
)

// ParquetWriter writes selected columns to one Parquet file. Every column is optional; an absent
// value is null.
type ParquetWriter struct {
	columns Columns
	w       *parquet.GenericWriter[any]
	rows    []parquet.Row
	octets  []byte // the bytes of the values in rows
	err     error
}

// NewParquetWriter returns a ParquetWriter to out. Close writes the end of the file.
func NewParquetWriter(out io.Writer, c Columns) *ParquetWriter {
	types := map[kind]struct {
		is  reflect.Type
		tag string
	}{
		text: {reflect.TypeFor[string](), ",dict"}, number: {reflect.TypeFor[uint32](), ""},
		flag:   {reflect.TypeFor[bool](), ""},
		moment: {reflect.TypeFor[int64](), ",timestamp(microsecond)"},
	}
	var fields []reflect.StructField
	for i, column := range c {
		t := types[column.kind]
		tag := fmt.Sprintf(`parquet:"%s,optional,zstd%s"`, column.name, t.tag)
		fields = append(fields, reflect.StructField{
			Name: "C" + strconv.Itoa(i), Type: t.is, Tag: reflect.StructTag(tag),
		})
	}
	schema := parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
	return &ParquetWriter{
		columns: c,
		w:       parquet.NewGenericWriter[any](out, schema, parquet.MaxRowsPerRowGroup(parquetGroup)),
	}
}

// row adds a row. It copies the values.
func (p *ParquetWriter) row(r *row, values [][]byte) {
	out := make(parquet.Row, len(values))
	for i, v := range values {
		out[i] = p.value(r, p.columns[i].kind, v).Level(0, min(1, len(v)), i)
	}
	if p.rows = append(p.rows, out); len(p.rows) >= parquetBatch {
		p.flush()
	}
}

func (p *ParquetWriter) value(r *row, k kind, v []byte) parquet.Value {
	switch {
	case len(v) == 0:
		return parquet.NullValue()
	case k == moment:
		return parquet.Int64Value(r.it.Timestamp)
	case k == flag:
		return parquet.BooleanValue(v[0] == 't')
	case k == number:
		n := uint32(0)
		for _, digit := range v {
			n = 10*n + uint32(digit-'0')
		}
		return parquet.Int32Value(int32(n))
	}
	begin := len(p.octets)
	p.octets = append(p.octets, v...)
	return parquet.ByteArrayValue(p.octets[begin:len(p.octets):len(p.octets)])
}

func (p *ParquetWriter) flush() {
	if p.err == nil && len(p.rows) > 0 {
		if _, err := p.w.WriteRows(p.rows); err != nil {
			p.err = fmt.Errorf("writing Parquet: %w", err)
		}
	}
	p.rows, p.octets = p.rows[:0], p.octets[:0]
}

// Err returns the first error of writing.
func (p *ParquetWriter) Err() error { return p.err }

// Close writes the remaining rows and the end of the file. It does not close out.
func (p *ParquetWriter) Close() error {
	p.flush()
	if p.err == nil {
		if err := p.w.Close(); err != nil {
			p.err = fmt.Errorf("writing Parquet: %w", err)
		}
	}
	return p.err
}

// Parquet passes the rows of one capture to a ParquetWriter.
type Parquet struct{ cells }

// NewParquet returns a formatter of the selected lines; nil selects all.
func NewParquet(file, collector string, named bool, w *ParquetWriter, s *Selection) *Parquet {
	f := &Parquet{newCells(file, collector, named, w.columns, s)}
	f.emit = func(dst []byte) []byte {
		w.row(&f.row, f.values)
		return dst
	}
	return f
}

// Append appends nothing to dst. The error reports that it.Message or the attributes of an entry
// cannot be decoded. ParquetWriter.Err returns the errors of writing.
func (f *Parquet) Append(dst []byte, it *capture.Item) ([]byte, error) {
	return f.append(dst, it, cellsForm{&f.cells})
}
