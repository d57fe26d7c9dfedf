package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestLineOnTerminal checks that output goes above the line, which is drawn again; that no two
// texts share a line; and that no line is wider than the terminal.
func TestLineOnTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLine(&out)
	l.width = func() int { return 10 }
	l.Draw("12345678901234")
	if _, err := l.Write([]byte("log\n")); err != nil {
		t.Fatal(err)
	}
	if err := l.Print(l, "event"); err != nil {
		t.Fatal(err)
	}
	l.Report(time.Now(), "50 %")
	l.Clear()
	if _, err := l.Write([]byte("end\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := screen(out.String()), "log\nevent\nend\n"; got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
	if !strings.Contains(out.String(), "\x1b[K123456789\r") || strings.Contains(out.String(), "1234567890") {
		t.Errorf("got %q, want a line of 9 characters", out.String())
	}
}

// screen returns the terminal's display of a text.
func screen(text string) string {
	var done, line string
	for text != "" {
		switch {
		case strings.HasPrefix(text, "\r\x1b[K"):
			line, text = "", text[len("\r\x1b[K"):]
		case text[0] == '\n':
			done, line, text = done+line+"\n", "", text[1:]
		default:
			line, text = line+text[:1], text[1:]
		}
	}
	return done + line
}

// TestLineOnPipe checks for a line every ten seconds, without escape codes.
func TestLineOnPipe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := NewLine(&out)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l.Begin(now)
	for range 125 {
		now = now.Add(200 * time.Millisecond)
		l.Draw("not shown")
		l.Report(now, "half")
	}
	l.Clear()
	if got := out.String(); got != "darkmap: half\ndarkmap: half\n" {
		t.Errorf("got %q, want two lines", got)
	}
}
