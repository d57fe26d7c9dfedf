package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCells(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "AS64496": 7, "東京電力": 8, "e\u0301": 1, "👩\u200d🔬": 2, "·█": 2} {
		if got := Cells(s); got != want {
			t.Errorf("Cells(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Ryugyong-dong (Star JV)": "Ryugyong-dong (Star JV)",
		"Société Générale 東京":     "Société Générale 東京",
		"a\x1b[2Jb":               `a\x1b[2Jb`,
		"a\nb\tc":                 `a\x0ab\x09c`,
		"a\u202eb\u2028":          `a\u202eb\u2028`,
		"a\u009bb":                `a\u009bb`,
		"a\xffb":                  `a\xffb`,
		"a\U000e0041":             `a\U000e0041`,
		"क\u094d\u200dष":          "क\u094d\u200dष",
	} {
		if got := Clean(s); got != want {
			t.Errorf("Clean(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s     string
		width int
		want  string
	}{
		{"Example Transit", 0, "Example Transit"},
		{"Example Transit", 15, "Example Transit"},
		{"Example Transit", 9, "Example.."},
		{"東京電力", 7, "東京.."},
		{"東京電力", 2, "東"},
		{"東京電力", 1, ""},
		{"abc", 2, "ab"},
	} {
		if got := Clip(tt.s, tt.width); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.width, got, tt.want)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s             string
		width, indent int
		want          []string
	}{
		{"all rows: IPv4", 0, 2, []string{"all rows: IPv4"}},
		{"all rows: IPv4, severity total", 20, 2, []string{"all rows: IPv4,", "  severity total"}},
		{"2001:db8:1111:2222::/64", 20, 2, []string{"2001:db8:1111:2222::", "  /64"}},
		{"東京電力 東京電力", 10, 2, []string{"東京電力", "  東京電力"}},
		{"   indented words go on", 14, 4, []string{"   indented", "    words go", "    on"}},
		{"ends in a blank ", 15, 0, []string{"ends in a blank"}},
	} {
		got := Wrap(tt.s, tt.width, tt.indent)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("Wrap(%q, %d, %d) (-want +got):\n%s", tt.s, tt.width, tt.indent, diff)
		}
	}
}

// FuzzWrap checks that no line is wider than the width, and that only blanks are lost.
func FuzzWrap(f *testing.F) {
	f.Add("all rows: IPv4, severity total", 20, 2)
	f.Add("東京電力 e\u0301 👩\u200d🔬", 8, 4)
	f.Fuzz(func(t *testing.T, s string, width, indent int) {
		s, width, indent = Clean(s), 8+abs(width)%200, abs(indent)%6
		letters := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		lines := Wrap(s, width, indent)
		if got := letters(strings.Join(lines, "")); got != letters(s) {
			t.Errorf("Wrap(%q, %d, %d) has %q", s, width, indent, got)
		}
		for _, l := range lines {
			if n := Cells(l); n > width {
				t.Errorf("Wrap(%q, %d, %d): a line of %d cells: %q", s, width, indent, n, l)
			}
		}
	})
}

func abs(n int) int { return max(n, -(n + 1)) }

// TestCleaner checks that, for any division of a text into writes, no character acts on the
// terminal and none is lost.
func TestCleaner(t *testing.T) {
	t.Parallel()
	const text = "東京\x1b[2J\t\u202eevil\nnext\r\n\xff end é"
	const want = `東京\x1b[2J` + "\t" + `\u202eevil` + "\n" + `next\x0d` + "\n" + `\xff end é`
	for size := 1; size <= len(text); size++ {
		var b strings.Builder
		c := NewCleaner(&b)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if m, err := c.Write([]byte(rest[:n])); m != n || err != nil {
				t.Fatalf("wrote %d of %d, %v", m, n, err)
			}
			rest = rest[n:]
		}
		if b.String() != want {
			t.Errorf("in parts of %d: got %q, want %q", size, b.String(), want)
		}
	}
}
