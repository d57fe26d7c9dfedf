package text

// CutUnits shortens a text to at most the given number of UTF-16 code units, for protocols that
// count these.
func CutUnits(s string, units int) string {
	for n := units; n > 0; {
		cut := Cut(s, n, 4*n)
		over := Units(cut) - units
		if over <= 0 {
			return cut
		}
		n -= max(over/8, 1) // a grapheme seldom has more than 8 units
	}
	return ""
}

// Units returns the number of UTF-16 code units of a text.
func Units(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}
