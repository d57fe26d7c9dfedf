package terminal

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// Width returns the number of columns of w; 0, unlimited, if w is not a terminal.
func Width(w any) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// IsTerminal reports whether w is a terminal.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Unicode reports whether the locale has characters beyond ASCII.
func Unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.Contains(strings.ToUpper(v), "UTF")
		}
	}
	return false
}
