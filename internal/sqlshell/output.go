package sqlshell

import (
	"errors"
	"fmt"
	"io"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// Output takes the output of statements. After an error, written is the number of octets that other
// readers may have seen.
type Output interface {
	Take(a *clickhouse.Answer) (written int64, err error)
}

// ErrOutput reports that the output could not be written or shown. Running the statement again does
// not help.
var ErrOutput = errors.New("writing the output")

// Stream copies output to a pipe or a file as it comes.
type Stream struct{ W io.Writer }

// Take copies the answer to W.
func (s Stream) Take(a *clickhouse.Answer) (int64, error) {
	w := &writer{w: s.W}
	_, err := io.Copy(w, a)
	if w.err != nil {
		return w.n, fmt.Errorf("%w: %w", ErrOutput, w.err)
	}
	return w.n, err
}

// writer counts the written octets, and keeps its errors apart from the reader's.
type writer struct {
	w   io.Writer
	n   int64
	err error
}

// Write writes b to the underlying writer.
func (w *writer) Write(b []byte) (int, error) {
	n, err := w.w.Write(b)
	w.n += int64(n)
	if err != nil {
		w.err = err
	}
	return n, err
}
