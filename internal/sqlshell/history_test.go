package sqlshell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func failing(t *testing.T) func(error) {
	t.Helper()
	return func(err error) { t.Errorf("the history failed: %v", err) }
}

func TestHistory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no", "such", "history")
	h, other := OpenHistory(path, failing(t)), OpenHistory(path, failing(t))
	for _, statement := range []string{"SELECT 1,\n2;", "SELECT 1,\n2;", " SELECT 'begins with a blank';", "CREATE USER a IDENTIFIED BY 'x';", "SELECT * FROM s3('http://x', 'key', 'secret');", "  \n"} {
		if _, err := h.Write(statement); err != nil {
			t.Error(err)
		}
	}
	if _, err := other.Write("SELECT 3;"); err != nil {
		t.Error(err)
	}
	if h.Len() != 4 {
		t.Errorf("within the session: got %q, want all but repetitions and blanks", h.lines)
	}
	if again := OpenHistory(path, failing(t)); strings.Join(again.lines, "|") != "SELECT 1,\n2;|SELECT 3;" {
		t.Errorf("the next session got %q", again.lines)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("got mode %v, %v", info.Mode(), err)
	}
}

// TestHistoryIsBounded checks that a file that is too long is cut to the newest statements, and
// that lines that are no statements are ignored.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "history")
	var text strings.Builder
	text.WriteString("not JSON\n")
	for n := range 2*maxHistory + 5 {
		fmt.Fprintf(&text, "\"SELECT %d;\"\n", n)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	h := OpenHistory(path, failing(t))
	if last, err := h.GetLine(h.Len() - 1); err != nil || h.Len() != maxHistory || last != fmt.Sprintf("SELECT %d;", 2*maxHistory+4) {
		t.Errorf("got %d statements, the last %q, %v", h.Len(), last, err)
	}
	if _, err := h.GetLine(h.Len()); err == nil {
		t.Error("there is a line behind the last")
	}
	b, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || strings.Count(string(b), "\n") != maxHistory || info.Mode() != 0o600 {
		t.Errorf("the file has %d lines, %v, %v", strings.Count(string(b), "\n"), info.Mode(), err)
	}
}

// TestHistoryFails checks that an error of the file is reported once, and that the session goes on.
func TestHistoryFails(t *testing.T) {
	t.Parallel()
	told := 0
	h := OpenHistory(t.TempDir(), func(error) { told++ }) // a folder
	if _, err := h.Write("SELECT 1;"); err != nil || told != 1 || h.Len() != 1 {
		t.Errorf("got %v, told %d times, %d statements", err, told, h.Len())
	}
	target := filepath.Join(t.TempDir(), "target")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	OpenHistory(link, func(error) { told++ })
	if _, err := os.Stat(target); err == nil || told != 2 {
		t.Error("a link was followed")
	}
}
