package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Cells returns the number of cells of a text.
func Cells(s string) int { return uniseg.StringWidth(s) }

// Clean makes a text of unknown origin safe to show. It escapes (\x1b, \u202e) characters that move
// the cursor, change the direction of writing, or are invisible, and octets that are not UTF-8.
func Clean(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1, r < utf8.RuneSelf && hidden(r):
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !hidden(r):
			b.WriteString(s[:n])
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		s = s[n:]
	}
	return b.String()
}

// hidden reports whether r is a control character, ends a line, or formats invisibly. The two
// joiners of scripts and emoji are allowed.
func hidden(r rune) bool {
	const joiner, nonJoiner = '\u200d', '\u200c'
	return r != joiner && r != nonJoiner &&
		(unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
}

// Clip cuts a text to width cells and marks the cut with two dots. Width 0 is unlimited.
func Clip(s string, width int) string {
	if width <= 0 || Cells(s) <= width {
		return s
	}
	dots := ".."
	if width <= 2 {
		dots = ""
	}
	head, _ := split(s, width-len(dots))
	return head + dots
}

// Pad appends blanks to a text up to width cells. It never cuts.
func Pad(s string, width int) string { return s + strings.Repeat(" ", max(width-Cells(s), 0)) }

// split cuts a text after the last character that ends within width cells.
func split(s string, width int) (head, tail string) {
	state, rest, used := -1, s, 0
	for rest != "" {
		_, next, w, after := uniseg.FirstGraphemeClusterInString(rest, state)
		if used += w; used > width {
			break
		}
		rest, state = next, after
	}
	return s[:len(s)-len(rest)], rest
}

// leastWrap is the narrowest width into which Wrap breaks text.
const leastWrap = 8

// Wrap breaks a text into lines of at most width cells, at blanks where possible. Lines after the
// first begin with indent blanks. Only the blanks at a break are lost. Width 0 is unlimited.
func Wrap(s string, width, indent int) []string {
	if width <= 0 || Cells(s) <= width {
		return []string{s}
	}
	if width-indent < leastWrap {
		indent = 0
	}
	var lines []string
	begin := ""
	for room := max(width, 2); ; room = max(width-indent, 2) {
		if Cells(s) <= room {
			return append(lines, begin+s)
		}
		head, tail := split(s, room)
		if i := strings.LastIndexByte(head, ' '); tail[0] != ' ' && i > 0 && strings.TrimSpace(head[:i]) != "" {
			head, tail = head[:i], s[i:]
		}
		lines = append(lines, begin+strings.TrimRight(head, " "))
		if s = strings.TrimLeft(tail, " "); s == "" {
			return lines
		}
		begin = strings.Repeat(" ", indent)
	}
}
