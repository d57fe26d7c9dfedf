package text_test

import (
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/darkmap/darkmap/notify/target/text"
)

func TestCutUnits(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "short", strings.Repeat("a", 200), strings.Repeat("Ä", 200), strings.Repeat("👩‍👩‍👧‍👦", 50), strings.Repeat("𝕏", 150), "e" + strings.Repeat("\u0301", 500)} {
		got := text.CutUnits(s, 150)
		if n := len(utf16.Encode([]rune(got))); n > 150 || n != text.Units(got) {
			t.Errorf("%q has %d units, counted as %d", got, n, text.Units(got))
		}
		if text.Units(s) <= 150 && got != s {
			t.Errorf("%q is cut to %q", s, got)
		}
	}
	if got := text.CutUnits(strings.Repeat("𝕏", 150), 150); text.Units(got) < 140 {
		t.Errorf("got %d units: too much is cut", text.Units(got))
	}
}
