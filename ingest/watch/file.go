package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	// maxFileBytes bounds a file of members: MaxMembers lines of some 400 octets.
	maxFileBytes = 4 << 20
	// maxFileFaults bounds the faults of one file that are reported.
	maxFileFaults = 20
	// maxShown bounds the quoted part of a wrong line, in characters.
	maxShown = 60
)

// readFile reads the members of a file, including repeated ones. The error joins a fault for each
// line that is not a member.
func readFile(path string) (members []Member, err error) {
	b, err := contentOf(path, maxFileBytes)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var faults []error
	wrong, number := 0, 0
	for line := range bytes.Lines(b) {
		number++
		text, _, _ := strings.Cut(string(line), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		m, want := parseLine(text)
		if want == "" {
			members = append(members, m)
			continue
		}
		if wrong++; wrong <= maxFileFaults {
			faults = append(faults, fmt.Errorf("%s: line %d: got %s, want %s", path, number, shown(text), want))
		}
	}
	if wrong > maxFileFaults {
		faults = append(faults,
			fmt.Errorf("%s: %s more that name no member", path, bgp.Count(wrong-maxFileFaults, "line")))
	}
	if len(members) > MaxMembers {
		faults = append(faults, fmt.Errorf("%s has %s: want %s", path, bgp.Count(len(members), "member"), tooMany))
		members = nil
	}
	return members, errors.Join(faults...)
}

// contentOf reads a regular file of at most limit octets. Another kind of file, such as a pipe,
// might never end.
func contentOf(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the members of a watch list: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("reading the members of a watch list: %s is no file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("reading the members of a watch list: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the members of a watch list: %w", err)
	case int64(len(b)) > limit:
		return nil, fmt.Errorf("reading the members of a watch list: %s is larger than %d bytes", path, limit)
	}
	return b, nil
}

// oneALine names the allowed forms of a line in a file.
const oneALine = "one prefix, AS or host (# begins a comment)"

// parseLine parses a line that has more than blanks and comments. want describes the accepted form
// if the line is not one.
func parseLine(s string) (m Member, want string) {
	switch {
	case strings.ContainsAny(s, " \t,;|\"'"):
		return m, oneALine
	case strings.Contains(s, "/") && !strings.Contains(s, "://"):
		return prefix(s)
	case strings.Trim(strings.ToUpper(s), "AS0123456789") == "":
		if m, want = network(s); want == "" || strings.ContainsAny(s, "0123456789") {
			return m, want
		}
	}
	if bgp.CountryName(strings.ToUpper(s)) != "" {
		return m, oneALine + "; countries stand in the configuration, as countries: [" + strings.ToUpper(s) + "]"
	}
	if _, want := prefix(s); strings.Contains(want, "this address alone") {
		return m, want
	}
	if m, want = host(s); want != "" && !strings.Contains(s, ".") {
		return m, oneALine
	}
	return m, want
}

// shown quotes text of a file. Long text is cut.
func shown(s string) string {
	if r := []rune(s); len(r) > maxShown {
		s = string(r[:maxShown]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
