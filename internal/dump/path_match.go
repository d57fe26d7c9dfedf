package dump

import (
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// PathMatch is a regular expression over the printed path.
type PathMatch struct {
	re *regexp.Regexp
	// literal is in every path that matches; empty is unknown. To look for it is much faster than the regular expression.
	literal []byte
}

// delimiter is what _ stands for: the beginning or the end of the path, or what stands between its numbers.
const delimiter = `(?:^|$|[ ,{}()\[\]])`

// ParsePath reads a regular expression over the printed path: 64496 64497 {64498,64499}. As in routers' configurations, _ stands for
// a delimiter, so that _64496_ finds this AS and no AS whose number contains it.
func ParsePath(s string) (*PathMatch, error) {
	var b strings.Builder
	class, escaped := false, false
	for _, c := range s {
		if c == '_' && !class && !escaped {
			b.WriteString(delimiter)
		} else {
			b.WriteRune(c)
		}
		class = !escaped && (c == '[' || class && c != ']') || escaped && class
		escaped = c == '\\' && !escaped
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression (RE2): %w", s, err)
	}
	m := &PathMatch{re: re}
	if parsed, err := syntax.Parse(b.String(), syntax.Perl); err == nil {
		m.literal = []byte(required(parsed))
	}
	return m, nil
}

// required is the longest text that everything which re matches contains, as far as that is easily told.
func required(re *syntax.Regexp) string {
	switch {
	case re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0:
		return string(re.Rune)
	case re.Op == syntax.OpCapture, re.Op == syntax.OpPlus:
		return required(re.Sub[0])
	case re.Op == syntax.OpConcat:
		longest := ""
		for _, sub := range re.Sub {
			if text := required(sub); len(text) > len(longest) {
				longest = text
			}
		}
		return longest
	}
	return ""
}

// possible reports whether the path may match.
func (m *PathMatch) possible(text []byte) bool { return bytes.Contains(text, m.literal) }
