package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/plaintext"
	"github.com/darkmap/darkmap/internal/terminal"
)

// Store runs statements.
type Store interface {
	// Run runs a statement and passes its output to out. When ctx ends, Run cancels the statement
	// and returns the error of ctx.
	Run(ctx context.Context, q clickhouse.Query, out Output) error
}

// Shell reads statements from a terminal and shows their output.
type Shell struct {
	Store Store
	// Prompt names the user and the database.
	Prompt string
	// In is the terminal. Out receives the output, Err everything else.
	In       *os.File
	Out, Err io.Writer
	// Format is the format of statements that name none; empty: tables.
	Format string
	// HistoryFile keeps statements across sessions; empty: none.
	HistoryFile string
	// Interrupts receives Ctrl-C while a statement runs.
	Interrupts <-chan os.Signal

	screen    Screen
	timing    bool
	lines     lineReader
	catalogue catalogue
}

// Width returns the number of columns of the terminal.
func (s *Shell) Width() int { return terminal.Width(s.Out) }

// lineReader reads typed text: complete statements, or a command. It returns errInterrupt with the
// text so far after Ctrl-C, and io.EOF at the end of input.
type lineReader interface {
	read(ctx context.Context, prompt string) (string, error)
}

// errInterrupt reports Ctrl-C at the prompt.
var errInterrupt = errors.New("interrupted")

// Run reads and runs statements until the end of input, exit, or the end of ctx, whose error it
// then returns. It prints the error of a failed statement and goes on.
func (s *Shell) Run(ctx context.Context) error {
	s.screen = Screen{W: s.Out, Width: s.Width}
	s.timing = true
	s.catalogue = catalogue{
		now: time.Now,
		ask: func(ctx context.Context, sql string) ([][]string, error) {
			return s.query(ctx, sql, "")
		},
	}
	history := OpenHistory(s.HistoryFile, func(err error) { fmt.Fprintln(s.Err, "darkmap:", err) })
	if Edits(s.In, s.Out) {
		s.lines = newEditor(s, history)
	} else {
		s.lines = newPlain(s)
	}
	for interrupted := false; ; {
		text, err := s.lines.read(ctx, s.Prompt+"> ")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errInterrupt):
			if text = strings.TrimSpace(text); text == "" && interrupted {
				return nil
			}
			if interrupted = text == ""; interrupted {
				fmt.Fprintln(s.Err, "Ctrl-C again, Ctrl-D or exit ends")
			}
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("reading statements: %w", err)
		}
		interrupted = false
		switch err := s.entry(ctx, text); {
		case errors.Is(err, errQuit):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrOutput) && !terminal.IsTerminal(s.Out):
			return err
		case err != nil:
			fmt.Fprintln(s.Err, plaintext.CleanLines(err.Error()))
		}
	}
}

// complete reports whether the typed text can run: its statements are ended, or it is a command.
func complete(text string) bool {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, `\`) || ends(text) {
		return true
	}
	_, open := Split(text)
	return !open
}

func ends(text string) bool {
	switch strings.ToLower(strings.TrimSuffix(strings.TrimSpace(text), ";")) {
	case "exit", "quit":
		return true
	}
	return false
}

// entry runs typed text up to the first statement that fails.
func (s *Shell) entry(ctx context.Context, text string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for len(s.Interrupts) > 0 { // interrupts from before this entry
		<-s.Interrupts
	}
	watched := make(chan struct{})
	go func() { // ends with the entry
		defer close(watched)
		select {
		case <-s.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer func() { cancel(); <-watched }()
	err := s.run(ctx, text)
	if err != nil && errors.Is(err, context.Canceled) {
		return errors.New("cancelled")
	}
	return err
}

func (s *Shell) run(ctx context.Context, text string) error {
	if ends(text) {
		return errQuit
	}
	if strings.HasPrefix(strings.TrimSpace(text), `\`) {
		return s.command(ctx, text)
	}
	statements, _ := Split(text)
	for _, statement := range statements {
		if err := s.statement(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// statement runs one statement and shows its output.
func (s *Shell) statement(ctx context.Context, statement Statement) error {
	q := clickhouse.Query{SQL: statement.SQL, Format: s.Format, Settings: map[string]string{}}
	screen := s.screen
	if q.Format == "" {
		q.Format, q.Settings = RowsFormat, Settings()
	}
	if statement.Vertical {
		screen.Expanded = ExpandedOn
	}
	var out Output = &screen
	if !terminal.IsTerminal(s.Out) {
		if screen.Rows = -1; s.Format == "" {
			q.Format, q.Settings = "TSV", nil
		}
		out = Stream{s.Out}
	}
	began := time.Now()
	if err := s.Store.Run(ctx, q, out); err != nil {
		return err
	}
	if changes(statement.SQL) {
		s.catalogue.forget()
	}
	note := screen.Note()
	if s.timing {
		took := fmt.Sprintf("%.3f s", time.Since(began).Seconds())
		if note != "" {
			took = "; " + took
		}
		note += took
	}
	if note != "" {
		fmt.Fprintln(s.Err, note)
	}
	return nil
}

// changing are the first words of statements that may change the names in the catalogue.
var changing = []string{"CREATE", "DROP", "ALTER", "RENAME", "EXCHANGE", "ATTACH", "DETACH", "UNDROP", "USE"}

// changes reports whether a statement may change the names in the catalogue.
func changes(sql string) bool {
	first := words(sql, 1)
	return len(first) == 1 && slices.Contains(changing, first[0])
}
