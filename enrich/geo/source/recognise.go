package source

import (
	"bytes"
	"fmt"
)

var mmdbMarker = []byte("\xab\xcd\xefMaxMind.com")

// recognise finds the format of a file from its first bytes. whole means that head is the whole
// file. An MMDB has its marker at the end, so recognise takes any binary content for an MMDB, and
// the MMDB reader checks it.
func recognise(head []byte, whole bool) (Format, layout, error) {
	switch {
	case len(head) == 0:
		return 0, layout{}, fmt.Errorf("%w: an empty file", ErrUnrecognised)
	case bytes.IndexByte(head, 0) >= 0 || bytes.Contains(head, mmdbMarker):
		return FormatMMDB, layout{}, nil
	case head[0] == '{':
		return FormatNames, layout{}, nil
	}
	lines := sampleLines(head, whole)
	if len(lines) == 0 {
		return 0, layout{}, ErrUnrecognised
	}
	if isDelegated(lines) {
		return FormatDelegated, layout{}, nil
	}
	if l, ok := rangesLayout(lines); ok {
		return FormatRanges, l, nil
	}
	if isNames(lines) {
		return FormatNames, layout{}, nil
	}
	return 0, layout{}, ErrUnrecognised
}

const samples = 64

// sampleLines returns the first data lines of head. Unless head is the whole file, its last line
// may be cut and is left out.
func sampleLines(head []byte, whole bool) [][]byte {
	all := bytes.Split(head, []byte("\n"))
	if !whole {
		all = all[:len(all)-1]
	}
	var lines [][]byte
	for _, line := range all {
		line = trimLine(line)
		if len(line) == 0 || isComment(line) {
			continue
		}
		if lines = append(lines, line); len(lines) == samples {
			break
		}
	}
	return lines
}

// trimLine removes the end of line and a byte order mark.
func trimLine(line []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimRight(line, "\r\n "), []byte("\xef\xbb\xbf"))
}

func isComment(line []byte) bool { return line[0] == '#' || line[0] == ';' }

// most reports whether ok holds for nearly all lines. It tolerates a header and a few broken rows.
func most(lines [][]byte, ok func([]byte) bool) bool {
	bad := 0
	for _, line := range lines {
		if !ok(line) {
			bad++
		}
	}
	return bad < len(lines) && bad <= 1+len(lines)/16
}
