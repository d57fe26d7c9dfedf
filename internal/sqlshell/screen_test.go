package sqlshell

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/terminal"
)

// drawn returns the drawing of an answer in RowsFormat.
func drawn(t *testing.T, answer string, width int, expanded Expanded) string {
	t.Helper()
	r, err := readRows(strings.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(r.lines(width, expanded), "\n")
}

func TestRows(t *testing.T) {
	t.Parallel()
	const answer = `["name", "n", "at", "path", "tags", "x"]
["String", "Nullable(UInt32)", "DateTime64(6, 'UTC')", "Array(UInt32)", "Map(String, String)", "String"]
["日本", 7, "2026-11-30 08:45:35.000000", [64496,64497], {"b":"it's","a":"2"}, "NULL"]
["a", null, "2026-11-30 08:45:35.250000", [], {}, ""]
`
	want := `name  n     at                          path            tags                  x
日本     7  2026-11-30 08:45:35         [64496, 64497]  {b: 'it\'s', a: '2'}  NULL
a     NULL  2026-11-30 08:45:35.250000  []              {}`
	want = strings.Replace(want, "name  n   ", "name     n", 1)
	if diff := cmp.Diff(want, trimmed(drawn(t, answer, 100, ExpandedAuto))); diff != "" {
		t.Errorf("a table (-want +got):\n%s", diff)
	}
	lines := drawn(t, answer, 40, ExpandedAuto)
	for _, want := range []string{"-- row 1 --\nname  日本\nn     7\nat    2026-11-30 08:45:35\npath  [64496, 64497]\n", "-- row 2 --\n"} {
		if !strings.Contains(lines, want) {
			t.Errorf("narrow: %q is missing in\n%s", want, lines)
		}
	}
	if got := drawn(t, answer, 100, ExpandedOn); !strings.HasPrefix(got, "-- row 1 --\n") {
		t.Errorf("expanded:\n%s", got)
	}
	if got := drawn(t, "[\"n\"]\n[\"UInt8\"]\n", 80, ExpandedAuto); trimmed(got) != "n" {
		t.Errorf("no rows: got %q, want the names", got)
	}
}

func trimmed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// TestRowsOnATerminal checks that for any value no line is wider than the terminal, and that
// nothing moves its cursor.
func TestRowsOnATerminal(t *testing.T) {
	t.Parallel()
	path := "[" + strings.TrimSuffix(strings.Repeat("64496,", 100), ",") + "]"
	answer := `["a\u001b[31m", "path", "s"]` + "\n" + `["String", "Array(UInt32)", "String"]` + "\n" +
		`["\u001b]0;title\u0007\r\nx\u202e\u0085", ` + path + `, "` + strings.Repeat("日", 200) + `"]` + "\n"
	for _, width := range []int{20, 40, 80, 200} {
		for _, expanded := range []Expanded{ExpandedAuto, ExpandedOn, ExpandedOff} {
			for line := range strings.SplitSeq(drawn(t, answer, width, expanded), "\n") {
				if terminal.Cells(line) > width || terminal.Clean(line) != line {
					t.Errorf("width %d, %d: %d cells: %q", width, expanded, terminal.Cells(line), line)
				}
			}
		}
	}
	var out strings.Builder
	if err := clean(&out, strings.NewReader("a\tb\x1b[2J\n\u202ec\r\n"+strings.Repeat("x", 100_000)), func() {}); err != nil {
		t.Error(err)
	}
	if got, want := out.String(), `a`+"\t"+`b\x1b[2J`+"\n"+`\u202ec\x0d`+"\n"+strings.Repeat("x", 100_000); got != want {
		t.Errorf("got %.60q, want %.60q", got, want)
	}
}

// TestRowsAreBounded checks that rows and octets beyond the terminal's bounds are not read.
func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	go func() { // ends with the closed pipe
		_, err := io.WriteString(w, "[\"n\"]\n[\"String\"]\n")
		for n := 0; err == nil; n++ {
			_, err = fmt.Fprintf(w, "[\"%d\"]\n", n)
		}
	}()
	got, err := readRows(r)
	if err != nil || len(got.cells) != maxRows || !got.more {
		t.Errorf("got %d rows, more %v, %v", len(got.cells), got.more, err)
	}
	_ = r.Close()
	huge := io.MultiReader(strings.NewReader("[\"n\"]\n[\"String\"]\n[\"a\"]\n[\""), endless{})
	if got, err := readRows(huge); err != nil || len(got.cells) != 1 || !got.more {
		t.Errorf("a value without end: got %d rows, more %v, %v", len(got.cells), got.more, err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'x'
	}
	return len(b), nil
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"x.parquet": "Parquet", "a/b.CSV": "CSVWithNames", "x.csv.gz": "CSVWithNames", "x.jsonl.zst": "JSONEachRow", "x.tar.gz": "", "x": "", ".csv": "CSVWithNames", "x.gz": "",
	} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	for kind, want := range map[string]bool{
		"": false, "text/plain; charset=UTF-8": false, "application/json; charset=UTF-8": false, "application/x-ndjson": false, "application/xml; charset=UTF-8": false,
		"application/octet-stream": true, "image/png": true,
	} {
		if got := binary(kind); got != want {
			t.Errorf("%s: got %v", kind, got)
		}
	}
	for _, tt := range []struct{ sql, value, want string }{
		{"SELECT {v:String}", "a\\b\tc\nd", `a\\b\tc\nd`},
		{"SELECT { v : Array(String)}", `['a\'b']`, `['a\'b']`},
		{"SELECT {vv:Array(String)}, {v:String}", `a\b`, `a\\b`},
	} {
		if got := Parameter(tt.sql, "v", tt.value); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.sql, got, tt.want)
		}
	}
}
