package plaintext

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Clean removes characters that are invisible or change the display of the text around them:
// control, bidirectional and zero-width characters, marks without a letter, octets that are not
// UTF-8. Blanks and line ends become single spaces. The result is in the normal form NFC.
func Clean(s string) string {
	if ascii(s) && !strings.Contains(s, "  ") {
		return strings.Trim(s, " ")
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r): // U+2028 and U+2029 are spaces too
			return ' '
		case unicode.In(r, unicode.C, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.TrimLeftFunc(strings.Join(strings.Fields(s), " "), func(r rune) bool {
		return unicode.IsMark(r) || r == ' '
	})
	return norm.NFC.String(s)
}

// CleanLines applies Clean to each line of a text. Lines end with LF. At most one empty line
// separates two others; there is none at the start or end.
func CleanLines(s string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\r\n", "\n"), "\n") {
		if line = Clean(line); line != "" || len(lines) > 0 && lines[len(lines)-1] != "" {
			lines = append(lines, line)
		}
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// formulas are the characters that begin a formula in a spreadsheet, and their wide forms.
const formulas = "=+-@\t\r\n＝＋－＠"

// Cell makes a text safe as a spreadsheet cell: it puts an apostrophe before a text that would
// begin a formula.
func Cell(s string) string {
	if r, size := utf8.DecodeRuneInString(s); size > 0 && strings.ContainsRune(formulas, r) {
		return "'" + s
	}
	return s
}
