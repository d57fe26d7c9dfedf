package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/sqlshell"
	"github.com/darkmap/darkmap/internal/terminal"
)

// sqlCmd runs SQL on the store, embedded or not. Without --write, statements can only read. It
// never makes a store.
type sqlCmd struct {
	Statement       string            `arg:"" optional:"" help:"What to run; several statements are separated by semicolons. Without it they are read from standard input, with history and completion where that is a terminal."`
	File            string            `help:"Read the statements from a file." placeholder:"FILE" type:"path"`
	Param           map[string]string `help:"A value for {NAME:Type} in the statements; may be repeated." placeholder:"NAME=VALUE" mapsep:"none"`
	Format          string            `help:"A ClickHouse output format, such as TSV, CSVWithNames or JSONEachRow (default a table on a terminal, what the end of --output says, else TSV)." placeholder:"FORMAT"`
	Output          string            `help:"Write the output to a file when the statement is through: .parquet, .csv, .tsv, .json, .jsonl, .arrow, .orc and others choose the format, .gz or .zst behind them packs it." placeholder:"FILE" type:"path"`
	Force           bool              `help:"Let --output replace a file."`
	Write           bool              `help:"Run the statements as the user who may change the store; without it they can only read."`
	PrintConnection bool              `help:"Say how other programs connect to the store, and run nothing."`
}

// Run runs the statements.
func (c *sqlCmd) Run(ctx context.Context, g *globals) (err error) {
	if c.PrintConnection {
		return g.printConnection()
	}
	out, err := c.output(g)
	if err = errors.Join(err, checkParams(c.Param)); err != nil {
		return usageError(err)
	}
	s := &session{g: g, write: c.Write}
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	store := &sqlStore{session: s, params: c.Param}
	if c.Statement == "" && c.File == "" && c.Output == "" && terminal.IsTerminal(g.stdin) {
		return c.prompt(ctx, store)
	}
	text, err := c.text(ctx, g)
	if err != nil {
		return err
	}
	statements, _ := sqlshell.Split(text) // the last statement needs no semicolon
	for _, statement := range statements {
		if err := store.Run(ctx, c.query(statement.SQL, out), out); err != nil {
			return err
		}
		if screen, ok := out.(*sqlshell.Screen); ok && screen.More {
			fmt.Fprintln(g.stderr, "darkmap:", screen.Note())
		}
	}
	return nil
}

// text returns the statements from the command line, the file or standard input.
func (c *sqlCmd) text(ctx context.Context, g *globals) (string, error) {
	switch {
	case c.Statement != "" && c.File != "":
		return "", usageError(errors.New("statements are on the command line and in --file: want one of them"))
	case c.Statement != "":
		return c.Statement, nil
	case c.File != "" && c.File != playback.Stdin:
		return sqlshell.ReadFile(c.File)
	}
	b, err := io.ReadAll(io.LimitReader(g.input(ctx), sqlshell.MaxText+1))
	if err != nil {
		return "", fmt.Errorf("reading statements: %w", err)
	}
	if len(b) > sqlshell.MaxText {
		return "", fmt.Errorf("reading statements: more than %d bytes", sqlshell.MaxText)
	}
	return string(b), nil
}

// output returns the destination of the statements' output. Its errors are wrong usage.
func (c *sqlCmd) output(g *globals) (sqlshell.Output, error) {
	switch {
	case c.Output == "" && c.Force:
		return nil, errors.New("--force is for --output, which is missing")
	case c.Output == "" && terminal.IsTerminal(g.stdout):
		return &sqlshell.Screen{W: g.stdout, Width: func() int { return terminal.Width(g.stdout) }}, nil
	case c.Output == "" || c.Output == playback.Stdin:
		return sqlshell.Stream{W: g.stdout}, nil
	}
	f := &sqlshell.File{Path: c.Output, Force: c.Force}
	if c.Format == "" {
		if f.Format = sqlshell.FormatOf(c.Output); f.Format == "" {
			return nil, fmt.Errorf(
				"the ending of %s is that of no format: want --format, or one of the endings %s, "+
					"optionally followed by .gz or .zst",
				c.Output, sqlshell.Endings(),
			)
		}
	}
	return f, f.Check()
}

// query returns a statement in the format that the output needs.
func (c *sqlCmd) query(sql string, out sqlshell.Output) clickhouse.Query {
	q := clickhouse.Query{SQL: sql, Format: c.Format}
	if q.Format != "" {
		return q
	}
	switch out := out.(type) {
	case *sqlshell.Screen:
		q.Format, q.Settings = sqlshell.RowsFormat, sqlshell.Settings()
	case *sqlshell.File:
		q.Format = out.Format
	}
	return q
}

// who names the user and the database for a prompt.
func who(server clickhouse.Server) string {
	user := server.User
	if server.ReadOnly {
		user += " (reads only)"
	}
	return user + "@" + server.Database
}

// prompt reads statements from a terminal.
func (c *sqlCmd) prompt(ctx context.Context, s *sqlStore) error {
	l, err := s.session.lease(ctx) // fail before the first prompt if the store cannot be opened
	if err != nil {
		return err
	}
	if err := l.release(); err != nil {
		return err
	}
	g := s.session.g
	may := "statements can only read (--write lets them change the store)"
	if s.session.write {
		may = "statements can change the store"
	}
	fmt.Fprintf(
		g.stderr, "%s: %s. A statement ends with a semicolon, \\? helps, \\d lists what there is, exit ends.\n",
		l.server, may,
	)
	interrupts := make(chan os.Signal, 1)
	signal.Reset(os.Interrupt) // Ctrl-C ends a statement, and not the program
	signal.Notify(interrupts, os.Interrupt)
	// While the program waits at its end for other processes' statements, Ctrl-C ends the program.
	defer signal.Stop(interrupts)
	in, _ := g.stdin.(*os.File) // a terminal
	shell := &sqlshell.Shell{
		Store: s, Prompt: who(l.server), In: in, Out: g.stdout, Err: g.stderr, Format: c.Format,
		HistoryFile: historyFile(), Interrupts: interrupts,
	}
	return shell.Run(ctx)
}

// historyFile returns the file that keeps the statements of a terminal, or "" if the user has no
// state folder. The file lies outside of the data directory: a folder that holds this file alone
// would be taken for the folder of another program.
func historyFile() string {
	state, err := datadir.Default()
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(state), "darkmap-sql-history")
}

// checkParams checks the names of parameters.
func checkParams(params map[string]string) error {
	for name := range params {
		if name == "" || strings.ContainsAny(name, " \t={}:") {
			return fmt.Errorf("--param %q: want NAME=VALUE", name)
		}
	}
	return nil
}
