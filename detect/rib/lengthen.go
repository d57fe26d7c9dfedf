package rib

// lengthenPart is the divisor of the spare room of Lengthen, a power of two. append would add a
// quarter or more.
const lengthenPart = 16

// Lengthen makes a slice n long. New elements are zero. If the slice is too short for n, the new
// one has room for a sixteenth more than n.
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
