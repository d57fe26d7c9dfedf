package sqlshell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Expanded selects whether each row is shown as lines, one column a line.
type Expanded uint8

// ExpandedAuto shows rows as lines if the table is wider than the terminal.
const (
	ExpandedAuto Expanded = iota
	ExpandedOn
	ExpandedOff
)

// Screen shows output on a terminal. It is not safe for concurrent use.
type Screen struct {
	W io.Writer
	// Width returns the columns of the terminal; 0 is unknown.
	Width    func() int
	Expanded Expanded
	// Before is called before output is written, to clear the line of progress; nil does nothing.
	Before func()

	// Rows is the number of rows in the last table, -1 if the output was no table. More reports
	// that the table was cut.
	Rows int
	More bool
}

// ErrBinary reports that output is not text.
var ErrBinary = errors.New("is not text")

// Take shows an answer. It escapes control characters, because the values come from other networks.
func (s *Screen) Take(a *clickhouse.Answer) (int64, error) {
	s.Rows, s.More = -1, false
	if binary(a.ContentType) {
		return 0, fmt.Errorf("%w: the format %s %w, and would disturb the terminal: "+
			"write it to a file (--output FILE) or a pipe",
			ErrOutput, a.Format, ErrBinary)
	}
	w := &writer{w: s.W}
	before := func() {
		if s.Before != nil {
			s.Before()
		}
	}
	var err error
	if a.Format == RowsFormat {
		err = s.table(w, a, before)
	} else {
		err = clean(w, a, before)
	}
	if w.err != nil {
		return w.n, fmt.Errorf("%w: %w", ErrOutput, w.err)
	}
	return w.n, err
}

// table draws the rows of an answer.
func (s *Screen) table(w io.Writer, a *clickhouse.Answer, before func()) error {
	r, err := readRows(a)
	before()
	if err != nil || len(r.names) == 0 {
		return err
	}
	s.Rows, s.More = len(r.cells), r.more
	lines := bufio.NewWriter(w)
	for _, line := range r.lines(s.Width(), s.Expanded) {
		if _, err := lines.WriteString(line + "\n"); err != nil {
			return err
		}
	}
	return lines.Flush()
}

// Note describes the last table in words; empty for other output.
func (s *Screen) Note() string {
	switch {
	case s.More:
		return fmt.Sprintf("the first %s are shown, there are more: --output FILE writes all, LIMIT asks for fewer",
			bgp.Count(s.Rows, "row"))
	case s.Rows < 0:
		return ""
	}
	return bgp.Count(s.Rows, "row")
}

// number matches the types whose values are right-aligned.
var number = regexp.MustCompile(`^(Nullable\(|LowCardinality\()*(U?Int|Float|BFloat|Decimal)`)

// leastShrunk is the width up to which a column is never cut, even in a table that is too wide.
const leastShrunk = 24

// lines draws the rows as lines of at most width columns; 0 is unlimited.
func (r *rows) lines(width int, expanded Expanded) []string {
	widest, total := make([]int, len(r.names)), -2 // two blanks separate columns
	for i, name := range r.names {
		widest[i] = terminal.Cells(terminal.Clean(name))
		for _, row := range r.cells {
			widest[i] = max(widest[i], terminal.Cells(terminal.Clean(row[i])))
		}
		total += widest[i] + 2
	}
	if expanded == ExpandedOn || expanded == ExpandedAuto && width > 0 && total > width {
		return r.records(width)
	}
	t := terminal.Table{Rows: make([][]terminal.Cell, len(r.cells))}
	for i, name := range r.names {
		place := func(s string) string { return s }
		if number.MatchString(r.types[i]) {
			place = func(s string) string {
				return strings.Repeat(" ", max(0, widest[i]-terminal.Cells(terminal.Clean(s)))) + s
			}
		}
		shrink := 0
		if widest[i] > leastShrunk {
			shrink = 1
		}
		t.Columns = append(t.Columns, terminal.Column{Title: place(terminal.Clean(name)), Shrink: shrink})
		for n, row := range r.cells {
			t.Rows[n] = append(t.Rows[n], terminal.Cell{Body: place(row[i])})
		}
	}
	return t.Lines(width)
}

// records draws each row as lines with the name of a column and its value.
func (r *rows) records(width int) (lines []string) {
	widest := 0
	for _, name := range r.names {
		widest = max(widest, terminal.Cells(terminal.Clean(name)))
	}
	if width > 0 {
		widest = min(widest, max(width/2, 1))
	}
	for n, row := range r.cells {
		lines = append(lines, "-- row "+strconv.Itoa(n+1)+" --")
		for i, value := range row {
			name := terminal.Pad(terminal.Clip(terminal.Clean(r.names[i]), widest), widest)
			room := 0
			if width > 0 {
				room = max(width-widest-2, 1)
			}
			for k, part := range terminal.Wrap(terminal.Clean(value), room, 0) {
				if k > 0 {
					name = strings.Repeat(" ", widest)
				}
				lines = append(lines, strings.TrimRight(name+"  "+part, " "))
			}
		}
	}
	return lines
}

// clean copies text line by line and escapes its control characters, except tabs.
func clean(w io.Writer, in io.Reader, before func()) error {
	out, lines := bufio.NewWriter(w), bufio.NewReaderSize(in, 64<<10)
	_, _ = lines.Peek(1) // ReadSlice returns the error again
	before()
	for {
		line, err := lines.ReadSlice('\n')
		body, ended := strings.CutSuffix(string(line), "\n")
		parts := strings.Split(body, "\t")
		for i := range parts {
			parts[i] = terminal.Clean(parts[i])
		}
		body = strings.Join(parts, "\t")
		if ended {
			body += "\n"
		}
		if _, err := out.WriteString(body); err != nil {
			return err
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return out.Flush()
		case err != nil:
			return errors.Join(err, out.Flush())
		}
	}
}
