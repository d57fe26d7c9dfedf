package plaintext

import (
	"strings"

	"github.com/rivo/uniseg"
)

// Size bounds a text. Graphemes are the characters that a reader counts.
type Size struct{ Graphemes, Octets int }

const ellipsis = "…"

// Holds reports whether s is within the bounds. A text has at most as many graphemes as octets,
// ASCII exactly as many.
func (z Size) Holds(s string) bool {
	switch {
	case len(s) > z.Octets:
		return false
	case len(s) <= z.Graphemes:
		return true
	case ascii(s):
		return false
	}
	return uniseg.GraphemeClusterCount(s) <= z.Graphemes
}

// Cut shortens s to whole graphemes within the bounds; the last one is then an ellipsis. It returns
// "" if the first grapheme is too long.
func (z Size) Cut(s string) string {
	if z.Holds(s) {
		return s
	}
	kept := 0
	for rest, n, state := s, 0, -1; rest != "" && n < z.Graphemes-1; n++ {
		var g string
		g, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if kept+len(g)+len(ellipsis) > z.Octets {
			break
		}
		kept += len(g)
	}
	if kept == 0 {
		return ""
	}
	return strings.TrimRight(s[:kept], " ") + ellipsis
}

// ascii reports whether s consists of visible ASCII characters and spaces.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
