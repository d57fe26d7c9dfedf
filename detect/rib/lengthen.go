package rib

// lengthenPart of a slice is added where it has no room, a power of two: append adds a quarter and more.
const lengthenPart = 16

// Lengthen makes a slice by row n long. What is new is zero. Where it has no room it gets a sixteenth more than it needs.
func Lengthen[T any](s []T, n int) []T {
	if n > cap(s) {
		was := s
		s = make([]T, len(was), n+n/lengthenPart)
		copy(s, was)
	}
	more := s[len(s):n]
	clear(more)
	return s[:n]
}
