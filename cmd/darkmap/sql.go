package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/terminal"
)

// sqlCmd runs SQL on the store, embedded or not. It reads, unless it is told to write, and never makes a store.
type sqlCmd struct {
	Statement       string `arg:"" optional:"" help:"What to run; several statements are separated by semicolons. Without it they are read from standard input."`
	Format          string `help:"A ClickHouse output format, such as TSV, CSVWithNames or JSONEachRow (default pretty on a terminal, else TSV)." placeholder:"FORMAT"`
	Write           bool   `help:"Run the statements as the user who may change the store; without it they can only read."`
	PrintConnection bool   `help:"Say how other programs connect to the store, and run nothing."`
}

// maxStatements bounds what is read from standard input at a time.
const maxStatements = 16 << 20

// Run runs the statements.
func (c *sqlCmd) Run(ctx context.Context, g *globals) (err error) {
	if c.PrintConnection {
		return g.printConnection()
	}
	s := &session{g: g, write: c.Write}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	if c.Statement != "" {
		return c.runAll(ctx, s, c.Statement)
	}
	if terminal.IsTerminal(g.stdin) {
		return c.prompt(ctx, s)
	}
	b, err := io.ReadAll(io.LimitReader(g.input(ctx), maxStatements+1))
	if err != nil {
		return fmt.Errorf("reading statements: %w", err)
	}
	if len(b) > maxStatements {
		return fmt.Errorf("reading statements: more than %d bytes", maxStatements)
	}
	return c.runAll(ctx, s, string(b))
}

// who names the user and the database for a prompt.
func who(server clickhouse.Server) string {
	user := server.User
	if server.ReadOnly {
		user += " (reads only)"
	}
	return user + "@" + server.Database
}

// prompt reads statements from a terminal, each ended by a semicolon, until its end or exit. What fails is said.
func (c *sqlCmd) prompt(ctx context.Context, s *session) error {
	l, err := s.lease(ctx) // what cannot be opened is said before a question is asked
	if err != nil {
		return err
	}
	if err := l.release(); err != nil {
		return err
	}
	in := bufio.NewScanner(s.g.input(ctx))
	in.Buffer(nil, maxStatements)
	may := "statements can only read (--write lets them change the store)"
	if s.write {
		may = "statements can change the store"
	}
	fmt.Fprintf(s.g.stderr, "%s: %s; a statement ends with a semicolon, exit ends\n", l.server, may)
	first := who(l.server) + "> "
	var text strings.Builder
	for {
		mark := first
		if text.Len() > 0 {
			mark = strings.Repeat(" ", max(0, len(first)-3)) + "-> "
		}
		fmt.Fprint(s.g.stderr, mark)
		if !in.Scan() {
			fmt.Fprintln(s.g.stderr)
			return in.Err()
		}
		line := strings.TrimSpace(in.Text())
		if word := strings.TrimSuffix(line, ";"); text.Len() == 0 && (word == "exit" || word == "quit") {
			return nil
		}
		text.WriteString(in.Text() + "\n")
		statements, open := splitSQL(text.String())
		if open {
			continue
		}
		text.Reset()
		for _, statement := range statements {
			if err := c.runOne(ctx, s, statement); err != nil {
				if ctx.Err() != nil {
					return err
				}
				fmt.Fprintln(s.g.stderr, err)
			}
		}
	}
}

// runAll runs statements up to the first that fails.
func (c *sqlCmd) runAll(ctx context.Context, s *session, text string) error {
	statements, _ := splitSQL(text) // the last one needs no semicolon
	for _, statement := range statements {
		if err := c.runOne(ctx, s, statement); err != nil {
			return err
		}
	}
	return nil
}

// runOne runs one statement. One that only reads is run once more where its store ended before it answered.
func (c *sqlCmd) runOne(ctx context.Context, s *session, statement string) error {
	for again := false; ; again = true {
		l, err := s.awaitLease(ctx, again)
		if err != nil {
			return err
		}
		written, err := c.run(ctx, s, l, statement)
		if releaseErr := l.release(); err == nil {
			return releaseErr
		}
		_, refused := errors.AsType[*clickhouse.QueryError](err)
		switch {
		case ctx.Err() != nil, errors.Is(err, errClosedPipe), errors.Is(err, errWriting):
			return err
		case refused:
			return inWords(err, s.write)
		}
		why := s.lost(l, err)
		switch {
		case s.write:
			return fmt.Errorf("%w; whether the statement was carried out is not known: look before you run it again", why)
		case written > 0:
			return fmt.Errorf("%w; the output is not complete", why)
		case again:
			return why
		}
		fmt.Fprintf(s.g.stderr, "darkmap: %v; the statement only reads and is run again\n", why)
	}
}

// errWriting says that the output could not be written.
var errWriting = errors.New("writing the output")

// run runs one statement on the leased store and copies its output; written is how many octets of it. The server holds the output
// back until the statement is through, so that a failure is known as one and not part of the output.
func (c *sqlCmd) run(ctx context.Context, s *session, l *lease, statement string) (written int64, err error) {
	q := clickhouse.Query{
		SQL: statement, Format: c.Format, Database: l.server.Database, ID: queryID(),
		Settings: map[string]string{"wait_end_of_query": "1"},
	}
	if q.Format == "" && terminal.IsTerminal(s.g.stdout) {
		q.Format = "PrettyCompactMonoBlock"
	}
	out, err := l.server.HTTP(ctx, q)
	if err == nil {
		w := &countingWriter{w: s.g.stdout}
		_, err = io.Copy(w, out)
		err = errors.Join(err, out.Close())
		if written = w.n; w.err != nil {
			err = fmt.Errorf("%w: %w", errWriting, w.err)
		}
	}
	if ctx.Err() != nil {
		l.kill(ctx, q.ID)
		return written, ctx.Err()
	}
	return written, err
}

// countingWriter counts what it writes and keeps its error apart from those of the reader.
type countingWriter struct {
	w   io.Writer
	n   int64
	err error
}

// Write writes on.
func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	if err != nil {
		c.err = err
	}
	return n, err
}
