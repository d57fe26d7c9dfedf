package sqlshell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/reeflective/readline"
	"golang.org/x/term"

	"github.com/darkmap/darkmap/internal/terminal"
)

// Edits reports whether lines can be edited: in and out are one terminal with a movable cursor.
func Edits(in *os.File, out any) bool {
	kind := os.Getenv("TERM")
	return terminal.IsTerminal(in) && terminal.IsTerminal(out) && kind != "" && kind != "dumb" &&
		in == os.Stdin && out == os.Stdout
}

// editor reads statements with a line editor, several lines at a time. The line editor reads
// os.Stdin and writes os.Stdout.
type editor struct {
	shell *readline.Shell
	s     *Shell
}

// editorSettings are the settings that the editor needs. They override the user's inputrc.
var editorSettings = map[string]any{
	"cursor-position-probe":        false, // a terminal that does not answer would hang it
	"convert-meta":                 false, // é is a letter, not Alt-i
	"input-meta":                   true,
	"output-meta":                  true,
	"completion-ignore-case":       true,
	"menu-complete-display-prefix": true, // the first Tab shows the names, the next ones choose
	"autopairs":                    false,
	"history-autosuggest":          false,
}

func newEditor(s *Shell, history *History) *editor {
	e := &editor{shell: readline.NewShell(), s: s}
	maps.Copy(e.shell.Config.Vars, editorSettings)
	e.shell.History.Delete()
	e.shell.History.Add("statements", history)
	e.shell.AcceptMultiline = func(line []rune) bool { return complete(string(line)) }
	e.shell.Keymap.Register(map[string]func(){"self-insert": e.insert})
	return e
}

// insert inserts the typed characters. The library's own insert keeps only the first rune of a
// character.
func (e *editor) insert() {
	e.shell.History.SkipSave()
	keys := e.shell.Keys.Caller()
	typed := make([]rune, 0, len(keys))
	for _, r := range keys {
		if r >= ' ' && r != 0x7f || r == '\t' {
			typed = append(typed, r)
		}
	}
	e.shell.Cursor().InsertAt(typed...)
}

// read reads a line in a goroutine, because a read cannot be interrupted.
func (e *editor) read(ctx context.Context, prompt string) (string, error) {
	e.shell.Prompt.Primary(func() string { return prompt })
	e.shell.Prompt.Secondary(func() string { return strings.Repeat(" ", max(0, len(prompt)-3)) + "-> " })
	e.shell.Completer = func(line []rune, cursor int) readline.Completions {
		return e.complete(ctx, line, cursor)
	}
	type result struct {
		text string
		err  error
	}
	before, stateErr := term.GetState(int(e.s.In.Fd()))
	done := make(chan result, 1)
	go func() { // ends with the line; if ctx ends first, the process is about to end
		text, err := e.shell.Readline()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		if errors.Is(r.err, readline.ErrInterrupt) {
			r.err = errInterrupt
		}
		return r.text, r.err
	case <-ctx.Done():
		if stateErr == nil {
			_ = term.Restore(int(e.s.In.Fd()), before) // the process ends
		}
		fmt.Fprintln(e.s.Err)
		return "", ctx.Err()
	}
}

// complete offers names. The library replaces the text after the last blank, so each name is
// offered with that text before it.
func (e *editor) complete(ctx context.Context, line []rune, cursor int) readline.Completions {
	e.s.catalogue.load(ctx)
	before := string(line[:cursor])
	words, prefix := e.s.catalogue.complete(before, string(line[cursor:]))
	begin := before[strings.LastIndexAny(before, " \t\n")+1:]
	begin = strings.TrimSuffix(begin, prefix)
	offered := make([]readline.Completion, 0, len(words))
	for _, w := range words {
		note := w.Note
		if note == "" {
			note = w.Kind
		}
		offered = append(offered, readline.Completion{
			Value: begin + w.Text, Display: terminal.Clean(w.Text),
			Description: terminal.Clip(terminal.Clean(note), maxNote),
		})
	}
	c := readline.CompleteRaw(offered).NoSort().NoSpace('.', '(')
	c.PREFIX = begin + prefix
	return c
}

// maxNote bounds the shown meaning of a name, in cells.
const maxNote = 60

// plainLines reads lines of a terminal that cannot edit, or whose output goes elsewhere.
type plainLines struct {
	s     *Shell
	lines <-chan string
	err   error // set before lines is closed
}

func newPlain(s *Shell) *plainLines {
	lines := make(chan string)
	p := &plainLines{s: s, lines: lines}
	go func() { // ends with the input; the process ends with the shell
		defer close(lines)
		in := bufio.NewScanner(s.In)
		in.Buffer(nil, MaxText)
		for in.Scan() {
			lines <- in.Text()
		}
		p.err = in.Err()
	}()
	return p
}

// read reads lines up to the end of the statements.
func (p *plainLines) read(ctx context.Context, prompt string) (string, error) {
	var text strings.Builder
	for mark := prompt; ; mark = strings.Repeat(" ", max(0, len(prompt)-3)) + "-> " {
		fmt.Fprint(p.s.Err, mark)
		select {
		case <-ctx.Done():
			fmt.Fprintln(p.s.Err)
			return "", ctx.Err()
		case <-p.s.Interrupts:
			fmt.Fprintln(p.s.Err)
			return text.String(), errInterrupt
		case line, more := <-p.lines:
			if !more {
				fmt.Fprintln(p.s.Err)
				if p.err != nil {
					return "", p.err
				}
				return "", io.EOF
			}
			if text.WriteString(line + "\n"); complete(text.String()) {
				return text.String(), nil
			}
		}
	}
}
