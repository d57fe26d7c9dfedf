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

// Line draws one line of progress at the end of a terminal. All else that is written to the terminal goes through Write or Print,
// which take the line away, write, and draw it again. Where w is no terminal Report writes a line now and then, and Draw writes
// nothing. It is safe for concurrent use.
type Line struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // of the terminal, 0 where it is not known; nil: w is none
	text  string     // that is drawn; empty: none
	said  time.Time  // of the last line of Report
}

// NewLine returns a Line on w.
func NewLine(w io.Writer) *Line {
	l := &Line{w: w}
	if terminal.IsTerminal(w) {
		l.width = func() int { return terminal.Width(w) }
	}
	return l
}

// Terminal reports whether the line is drawn.
func (l *Line) Terminal() bool { return l.width != nil }

// Draw draws text in the place of what was drawn before.
func (l *Line) Draw(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width != nil {
		l.text = text
		l.show()
	}
}

// Begin says that what Report tells of begins now: the first line that is written without a terminal comes Every later.
func (l *Line) Begin(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.said = now
}

// Report is Draw; without a terminal it writes text as a line, once every Every.
func (l *Line) Report(now time.Time, text string) {
	l.Draw(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width == nil && now.Sub(l.said) >= Every {
		l.said = now
		fmt.Fprintln(l.w, "darkmap: "+text)
	}
}

// Clear takes the line away.
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

// Print writes a line to w, which may be the same terminal, above the progress.
func (l *Line) Print(w io.Writer, line string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w == io.Writer(l) {
		w = l.w
	}
	_, err := l.above(w, []byte(line+"\n"))
	return err
}

// above needs the lock.
func (l *Line) above(w io.Writer, b []byte) (int, error) {
	l.erase()
	n, err := w.Write(b)
	if len(b) > 0 && b[len(b)-1] == '\n' {
		l.show()
	}
	return n, err
}

// erase needs the lock.
func (l *Line) erase() {
	if l.text != "" {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}

// show needs the lock. A line that does not fit is cut: what wraps cannot be erased.
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

// Busy says for how long something has been under way that has no share: drawn after a second, and written as a line every Every
// where there is no terminal. stop ends it.
func (l *Line) Busy(text string) (stop func()) {
	return l.Follow(func(running time.Duration) string { return fmt.Sprintf("%s, for %s", text, Span(running)) })
}

// Follow reports every second what text returns, which is given for how long that has gone on. stop ends it and clears the line. text is
// called by another goroutine.
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
