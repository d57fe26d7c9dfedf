package clickhouse

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// failing is a body that ends without its last chunk.
type failing struct{ io.Reader }

func (failing) Close() error { return nil }

// TestAnswer: Read returns an error behind the output as an error, not as output, for any size of
// reads.
func TestAnswer(t *testing.T) {
	t.Parallel()
	const (
		tag     = "abcdefghijklmnop"
		message = "Code: 395. DB::Exception: Value passed to 'throwIf' function is non-zero"
		failure = "\r\n__exception__\r\n" + tag + "\r\n" + message + "\n73 " + tag + "\r\n__exception__\r\n"
	)
	long := strings.Repeat("0123456789\n", 10_000)
	for _, tt := range []struct {
		name, body, tag, out string
		end                  error
		message              string
		code                 int
	}{
		{"nothing", "", tag, "", io.EOF, "", 0},
		{"short", "1\n", tag, "1\n", io.EOF, "", 0},
		{"long", long, tag, long, io.EOF, "", 0},
		{"a failure at once", failure, tag, "", io.ErrUnexpectedEOF, message, 395},
		{"a failure later", long + failure, tag, long, io.ErrUnexpectedEOF, message, 395},
		{"the same text as output", long + failure, tag, long + failure, io.EOF, "", 0},
		{"another tag", "1\n" + failure, "x", "1\n" + failure, io.ErrUnexpectedEOF, "", 0},
		{"a server without tags", "1\n" + failure, "", "1\n" + failure, io.ErrUnexpectedEOF, "", 0},
		{"a connection that ends", long, tag, long, io.ErrUnexpectedEOF, "", 0},
	} {
		for _, small := range []bool{false, true} {
			r := io.MultiReader(strings.NewReader(tt.body), iotest.ErrReader(tt.end))
			if small {
				r = iotest.OneByteReader(r)
			}
			a := newAnswer(&http.Response{Body: failing{r}, Header: http.Header{"X-Clickhouse-Exception-Tag": {tt.tag}}})
			out, err := io.ReadAll(a)
			if string(out) != tt.out {
				t.Errorf("%s: got %d octets, want %d", tt.name, len(out), len(tt.out))
			}
			e, failed := errors.AsType[*QueryError](err)
			switch {
			case failed && (e.Message != tt.message || e.Code != tt.code):
				t.Errorf("%s: got %d, %q, want %d, %q", tt.name, e.Code, e.Message, tt.code, tt.message)
			case !failed && (tt.message != "" || !errors.Is(err, tt.end) && !errors.Is(tt.end, io.EOF)):
				t.Errorf("%s: got %v, want %v %q", tt.name, err, tt.end, tt.message)
			}
		}
	}
}
