package text

import "github.com/darkmap/darkmap/internal/plaintext"

// nameSize bounds a name. The octets leave four for each grapheme: more are combining characters without end.
var nameSize = plaintext.Size{Graphemes: 64, Octets: 256}

// Name cleans a name that a stranger wrote: without control, bidirectional and zero-width characters and without line ends, in the
// normal form NFC, of at most 64 graphemes and 256 octets. An ellipsis says that it was cut.
func Name(s string) string { return nameSize.Cut(plaintext.Clean(s)) }

// Line is Name for a text that is no name: it is one line, and of any length.
func Line(s string) string { return plaintext.Clean(s) }

// Lines is Line for a text that has several lines, such as one that an operator's template made. Lines end with LF.
func Lines(s string) string { return plaintext.CleanLines(s) }

// Cut shortens a text to at most so many graphemes and octets. An ellipsis, which counts, says that it was cut.
func Cut(s string, graphemes, octets int) string {
	return plaintext.Size{Graphemes: graphemes, Octets: octets}.Cut(s)
}
