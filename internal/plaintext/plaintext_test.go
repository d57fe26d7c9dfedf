package plaintext

import (
	"strings"
	"testing"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// FuzzClean checks that no invisible character remains, that a second call changes nothing, and
// that a cut text is within its bounds.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"Star Joint Venture", "  a\r\nb\tc\u2028d ", "\u202eevil\u202c\u200b", "e\u0301\u0301", "\u0301a", "\xff\xfe", "👩🏽\u200d🔬", "\x1b[31m", "Å\u2126\u1fef\u0344", "ﬁ", "\u1100\u1161\u11a8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
		}) || strings.TrimSpace(got) != got || !norm.NFC.IsNormalString(got) {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if again := Clean(got); again != got {
			t.Errorf("Clean(%q) = %q, and of that %q", s, got, again)
		}
		z := Size{Graphemes: 10, Octets: 30}
		if cut := z.Cut(got); uniseg.GraphemeClusterCount(cut) > z.Graphemes || len(cut) > z.Octets || !z.Holds(cut) {
			t.Errorf("Cut(%q) = %q", got, cut)
		}
		if lines := CleanLines(s); strings.Contains(lines, "\n\n\n") || strings.TrimSpace(lines) != lines {
			t.Errorf("CleanLines(%q) = %q", s, lines)
		}
		if cell := Cell(s); cell != s && cell != "'"+s {
			t.Errorf("Cell(%q) = %q", s, cell)
		}
	})
}
