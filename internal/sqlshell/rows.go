package sqlshell

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// rows are the rows of an answer in RowsFormat, as text.
type rows struct {
	names, types []string
	cells        [][]string
	// more is set if the answer holds more rows than were read.
	more bool
}

const (
	// maxRows bounds the rows that a terminal shows.
	maxRows = 1000
	// maxShown bounds the octets of the answer that are read for the terminal.
	maxShown = 16 << 20
)

// errMore reports that an answer is longer than maxShown.
var errMore = errors.New("the answer is too long for a terminal")

// readRows reads an answer up to maxRows and maxShown. After an error r holds the rows read so far.
func readRows(in io.Reader) (r rows, err error) {
	d := json.NewDecoder(&bounded{in, maxShown})
	for _, header := range []*[]string{&r.names, &r.types} {
		if err := d.Decode(header); errors.Is(err, io.EOF) { // a statement without output
			return r, nil
		} else if err != nil {
			return r, err
		}
	}
	for {
		var row []json.RawMessage
		switch err := d.Decode(&row); {
		case errors.Is(err, io.EOF):
			return r, nil
		case errors.Is(err, errMore):
			r.more = true
			return r, nil
		case err != nil:
			return r, err
		case len(row) != len(r.names) || len(r.types) != len(r.names):
			return r, fmt.Errorf("the server's row has %d values and its header %d", len(row), len(r.names))
		}
		if len(r.cells) == maxRows {
			r.more = true
			return r, nil
		}
		cells := make([]string, len(row))
		for i, value := range row {
			cells[i] = text(value, false)
			if strings.Contains(r.types[i], "DateTime64") {
				cells[i] = zeros.ReplaceAllString(cells[i], "$1")
			}
		}
		r.cells = append(r.cells, cells)
	}
}

// zeros matches the fraction of a second of a time if the fraction is 0.
var zeros = regexp.MustCompile(`(\d\d:\d\d:\d\d)\.0+\b`)

// bounded is a reader that returns errMore after left octets.
type bounded struct {
	r    io.Reader
	left int
}

// Read reads from r, up to the octets that are left.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errMore
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// text formats a value for display. nested is set within an array, a map or a tuple, where strings
// have quotes.
func text(value json.RawMessage, nested bool) string {
	switch value[0] {
	case 'n':
		return "NULL"
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return string(value)
		}
		if nested {
			return clickhouse.QuoteText(s)
		}
		return s
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return string(value)
		}
		all := make([]string, len(list))
		for i, v := range list {
			all[i] = text(v, true)
		}
		return "[" + strings.Join(all, ", ") + "]"
	case '{':
		return object(value)
	}
	return string(value)
}

// object formats a map or a named tuple, in the order of the answer.
func object(value json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(value))
	var all []string
	for {
		t, err := d.Token()
		if err != nil {
			return "{" + strings.Join(all, ", ") + "}"
		}
		name, isName := t.(string)
		if !isName { // the braces
			continue
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return string(value)
		}
		all = append(all, name+": "+text(v, true))
	}
}
