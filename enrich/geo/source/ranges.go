package source

import (
	"bytes"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

// layout assigns the columns of a row. 0 is no column, as column 0 is always an address or a
// prefix.
type layout struct {
	separator byte
	prefix    bool // column 0 is a prefix; otherwise columns 0 and 1 are first and last
	asn       int
	country   int
	region    int
	org       int
}

// rangesLayout finds the columns from the first rows, without a header.
func rangesLayout(lines [][]byte) (layout, bool) {
	for _, separator := range []byte{',', '\t', '|', ' '} {
		l := layout{separator: separator}
		var rows [][][]byte
		bad := 0
		for _, line := range lines {
			row := splitRow(line, separator, nil)
			_, _, _, isPrefix := parsePrefix(row[0])
			if len(rows) == 0 {
				l.prefix = isPrefix
			}
			if !l.addresses(row) {
				bad++
				continue
			}
			rows = append(rows, row)
		}
		if len(rows) > 0 && bad <= 1+len(lines)/16 && l.columns(rows) {
			return l, true
		}
	}
	return layout{}, false
}

// first returns the first column after the addresses.
func (l layout) first() int {
	if l.prefix {
		return 1
	}
	return 2
}

func (l layout) addresses(row [][]byte) bool {
	if len(row) <= l.first() {
		return false
	}
	_, ok := l.span(row)
	return ok
}

func (l layout) span(row [][]byte) (Range, bool) {
	if l.prefix {
		family, first, last, ok := parsePrefix(row[0])
		return Range{Family: family, First: first, Last: last}, ok
	}
	first, ok1 := parsePoint(row[0])
	last, ok2 := parsePoint(row[1])
	if !ok1 || !ok2 || first.family != last.family || first.value > last.value {
		return Range{}, false
	}
	return Range{Family: first.family, First: first.value, Last: last.value}, true
}

// columns identifies the columns after the addresses: (1) an AS number, with or without country,
// and a name; (2) a country and a region; (3) a continent, a country and a region (the files of
// DB-IP).
func (l *layout) columns(rows [][][]byte) bool {
	n := l.first()
	switch {
	case every(rows, n, isASN):
		l.asn = n
		if every(rows, n+1, isCountryCell) && some(rows, n+1, isCountry) {
			l.country = n + 1
			n++
		}
		l.org = n + 1
		return true
	case every(rows, n, isContinent) && every(rows, n+1, isCountryCell) && some(rows, n+1, isCountry):
		l.country, l.region = n+1, n+2
		return true
	case every(rows, n, isCountryCell) && some(rows, n, isCountry):
		l.country, l.region = n, n+1
		return true
	}
	return false
}

func every(rows [][][]byte, column int, is func([]byte) bool) bool {
	bad := 0
	for _, row := range rows {
		if column >= len(row) || !is(row[column]) {
			bad++
		}
	}
	return bad < len(rows) && bad <= len(rows)/16
}

func some(rows [][][]byte, column int, is func([]byte) bool) bool {
	for _, row := range rows {
		if column < len(row) && is(row[column]) {
			return true
		}
	}
	return false
}

func isASN(b []byte) bool {
	_, ok := asNumber(b)
	return ok
}

// asNumber reads 64496 or AS64496. A set {64496,64497} or 64496_64497 has no single origin; the
// result is 0.
func asNumber(b []byte) (bgp.ASN, bool) {
	if len(b) == 0 || len(b) > 12 {
		return 0, len(b) > 1 && b[0] == '{'
	}
	n, err := bgp.ParseASN(string(b))
	return n, err == nil
}

func isCountry(b []byte) bool { return countryCode(b) != "" }

// isCountryCell reports whether b is a country or a placeholder for an unknown country.
func isCountryCell(b []byte) bool {
	if len(b) == 2 {
		return isLetters(b) || string(b) == "--"
	}
	return len(b) == 0 || string(b) == "-" || string(b) == "None" || string(b) == "Unknown"
}

func isLetters(b []byte) bool {
	for _, c := range b {
		if (c|0x20) < 'a' || (c|0x20) > 'z' {
			return false
		}
	}
	return true
}

func isContinent(b []byte) bool {
	switch string(b) {
	case "AF", "AN", "AS", "EU", "NA", "OC", "SA", "ZZ", "":
		return true
	}
	return false
}

// row returns a function that reads one row. A header row has words as addresses and counts as
// unreadable.
func (l layout) row(v Visitor) func([]byte) (bool, error) {
	var fields [][]byte
	return func(line []byte) (bool, error) {
		fields = splitRow(line, l.separator, fields[:0])
		if len(fields) <= l.first() {
			return false, nil
		}
		r, ok := l.span(fields)
		if !ok {
			return false, nil
		}
		if l.asn > 0 {
			if r.ASN, ok = asNumber(fields[l.asn]); !ok {
				return false, nil
			}
		}
		if l.country > 0 && l.country < len(fields) {
			r.Country = countryCode(fields[l.country])
		}
		if l.region > 0 && l.region < len(fields) {
			r.Region = regionCode(r.Country, fields[l.region])
		}
		if l.org > 0 && l.org < len(fields) && r.ASN != 0 {
			r.Organisation = cleanName(fields[l.org])
		}
		return true, v.visitRange(r)
	}
}

// splitRow appends the fields of a line to dst. A field may be quoted, with doubled quotes inside.
// An unclosed quote ends with the line.
func splitRow(line []byte, separator byte, dst [][]byte) [][]byte {
	for {
		if separator == ' ' {
			line = bytes.TrimLeft(line, " ")
		}
		if len(line) > 0 && line[0] == '"' && separator == ',' {
			var field []byte
			field, line = quoted(line[1:])
			dst = append(dst, field)
			if i := bytes.IndexByte(line, separator); i >= 0 {
				line = line[i+1:]
				continue
			}
			return dst
		}
		i := bytes.IndexByte(line, separator)
		if i < 0 {
			return append(dst, line)
		}
		dst, line = append(dst, line[:i]), line[i+1:]
	}
}

// quoted returns a quoted field and the rest of the line after its closing quote. line starts after
// the opening quote.
func quoted(line []byte) (field, rest []byte) {
	i := bytes.IndexByte(line, '"')
	switch {
	case i < 0:
		return line, nil
	case i+1 == len(line) || line[i+1] != '"':
		return line[:i], line[i+1:]
	}
	for len(line) > 0 {
		if line[0] == '"' {
			if len(line) < 2 || line[1] != '"' {
				return field, line[1:]
			}
			line = line[1:]
		}
		field, line = append(field, line[0]), line[1:]
	}
	return field, nil
}

// maxName bounds a name in bytes. The longest real names have about 120.
const maxName = 200

// cleanName returns a name that is valid UTF-8, has no control characters and at most maxName
// bytes. For the placeholders -, None and Not routed it returns "".
func cleanName(b []byte) string {
	if s := string(b); s == "-" || s == "None" || s == "Not routed" {
		return ""
	}
	s := strings.ToValidUTF8(string(b), "\uFFFD")
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
	if len(s) > maxName {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:maxName], ""))
	}
	return s
}
