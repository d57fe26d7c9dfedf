package text

import "github.com/darkmap/darkmap/internal/plaintext"

// nameSize bounds a name. It allows four octets for each grapheme; longer graphemes are endless
// combining characters.
var nameSize = plaintext.Size{Graphemes: 64, Octets: 256}

// Name cleans a name that a stranger wrote. The result has no control, bidirectional or zero-width
// characters and no line ends, is in the normal form NFC, and has at most 64 graphemes and 256
// octets. An ellipsis marks a cut name.
func Name(s string) string { return nameSize.Cut(plaintext.Clean(s)) }

// Line cleans a text as Name does, into one line of any length.
func Line(s string) string { return plaintext.Clean(s) }

// Lines cleans a text of several lines, such as the output of an operator's template. Its lines end
// with LF.
func Lines(s string) string { return plaintext.CleanLines(s) }

// Cut shortens a text to at most the given numbers of graphemes and octets. An ellipsis, which
// counts, marks a cut text.
func Cut(s string, graphemes, octets int) string {
	return plaintext.Size{Graphemes: graphemes, Octets: octets}.Cut(s)
}
