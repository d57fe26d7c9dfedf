package text

// CutUnits is Cut for protocols that count the code units of UTF-16: the result has at most so many.
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

// Units counts the code units of UTF-16 that a text has.
func Units(s string) int {
	n := 0
	for _, r := range s {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}
