package dump

import (
	"strings"

	"github.com/darkmap/darkmap/internal/capture"
)

// TSV formats selected columns, separated by tabs. An absent value is an empty field.
type TSV struct{ cells }

// NewTSV returns a formatter of the selected lines; nil selects all.
func NewTSV(file, collector string, named bool, c Columns, s *Selection) *TSV {
	f := &TSV{newCells(file, collector, named, c, s)}
	f.emit = f.fields
	return f
}

// Append appends the lines of it to dst. The error reports that it.Message or the attributes of an
// entry cannot be decoded; the entries before that one are appended.
func (f *TSV) Append(dst []byte, it *capture.Item) ([]byte, error) {
	return f.append(dst, it, cellsForm{&f.cells})
}

func (f *TSV) fields(dst []byte) []byte {
	for i, v := range f.values {
		if i > 0 {
			dst = append(dst, '\t')
		}
		dst = append(dst, v...)
	}
	return append(dst, '\n')
}

// Header returns the line with the names of the columns.
func (c Columns) Header() string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].name
	}
	return strings.Join(names, "\t") + "\n"
}
