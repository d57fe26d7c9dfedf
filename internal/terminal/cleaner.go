package terminal

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Cleaner writes text with each line passed through Clean. Line ends and tabs stay. One goroutine
// uses it.
type Cleaner struct {
	w    io.Writer
	rest []byte // the first octets of an incomplete character
}

// NewCleaner returns a Cleaner that writes to w.
func NewCleaner(w io.Writer) *Cleaner { return &Cleaner{w: w} }

// Write writes complete characters, and keeps the first octets of an incomplete one for the next
// call.
func (c *Cleaner) Write(b []byte) (int, error) {
	all := slices.Concat(c.rest, b)
	whole := len(all)
	for n := 1; n < utf8.UTFMax && n <= len(all); n++ {
		if tail := all[len(all)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= n
			}
			break
		}
	}
	text := string(all[:whole])
	c.rest = append(c.rest[:0], all[whole:]...)
	var out strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "\n\t")
		if i < 0 {
			out.WriteString(Clean(text))
			break
		}
		out.WriteString(Clean(text[:i]))
		out.WriteByte(text[i])
		text = text[i+1:]
	}
	if _, err := io.WriteString(c.w, out.String()); err != nil {
		return 0, err
	}
	return len(b), nil
}
