package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/darkmap/darkmap/internal/terminal"
)

// Every is the time between two lines of progress where no terminal is there to draw on.
const Every = 10 * time.Second

// Line draws one line of progress at the end of a terminal. Other output to the terminal goes
// through Write or Print, which erase the line, write, and draw it again. If w is not a terminal,
// Report writes a line every Every, and Draw writes nothing. It is safe for concurrent use.
type Line struct {
	mu sync.Mutex
	w  io.Writer
	// width returns the columns of the terminal, 0 if they are unknown. It is nil if w is not a
	// terminal.
	width func() int
	text  string    // the text on the screen; empty: none
	said  time.Time // time of the last line of Report
}

// NewLine returns a Line on w.
func NewLine(w io.Writer) *Line {
	l := &Line{w: w}
	if terminal.IsTerminal(w) {
		l.width = func() int { return terminal.Width(w) }
	}
	return l
}

// Terminal reports whether w is a terminal, so that the line is drawn.
func (l *Line) Terminal() bool { return l.width != nil }

// Draw replaces the drawn text by text.
func (l *Line) Draw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width != nil {
		l.text = text
		l.show()
	}
}

// Begin starts the interval of Report at now: without a terminal its first line comes Every later.
func (l *Line) Begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = now
}

// Report draws text. Without a terminal it writes text as a line, at most once in Every.
func (l *Line) Report(now time.Time, text string) {
	l.Draw(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width == nil && now.Sub(l.said) >= Every {
		l.said = now
		fmt.Fprintln(l.w, "darkmap: "+text)
	}
}

// Clear erases the line.
func (l *Line) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.erase()
	l.text = ""
}

// Write writes b to the writer of the line, above the progress.
func (l *Line) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.above(l.w, b)
}

// Print writes a line to w above the progress. w may be the same terminal.
func (l *Line) Print(w io.Writer, line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w == io.Writer(l) {
		w = l.w
	}
	_, err := l.above(w, []byte(line+"\n"))
	return err
}

// above writes b to w and draws the line again after it. The caller holds mu.
func (l *Line) above(w io.Writer, b []byte) (int, error) {
	l.erase()
	n, err := w.Write(b)
	if len(b) > 0 && b[len(b)-1] == '\n' {
		l.show()
	}
	return n, err
}

// erase erases the drawn line. The caller holds mu.
func (l *Line) erase() {
	if l.text != "" {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}

// show draws the line. It cuts a text that is wider than the terminal, because a wrapped line
// cannot be erased. The caller holds mu.
func (l *Line) show() {
	if l.text == "" {
		return
	}
	text := l.text
	if width := l.width(); width > 0 && utf8.RuneCountInString(text) >= width {
		text = string([]rune(text)[:max(width-1, 0)])
	}
	fmt.Fprintf(l.w, "\r\x1b[K%s", text)
}

// Busy reports how long work without a known share has been running: a drawn line from one second
// on, and without a terminal a written line every Every. stop ends it.
func (l *Line) Busy(text string) (stop func()) {
	return l.Follow(func(running time.Duration) string { return fmt.Sprintf("%s, for %s", text, Span(running)) })
}

// Follow reports text every second. It calls text, in a goroutine of its own, with the time since
// Follow was called. stop ends the goroutine and clears the line.
func (l *Line) Follow(text func(running time.Duration) string) (stop func()) {
	began, end, ended := time.Now(), make(chan struct{}), make(chan struct{})
	l.Begin(began)
	go func() { // ends with stop
		defer close(ended)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-end:
				return
			case now := <-t.C:
				l.Report(now, text(now.Sub(began)))
			}
		}
	}()
	return func() {
		close(end)
		<-ended
		l.Clear()
	}
}
