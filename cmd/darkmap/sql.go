package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
)

// sqlCmd runs SQL on the store, embedded or not.
type sqlCmd struct {
	Statement string `arg:"" optional:"" help:"What to run; several statements are separated by semicolons. Without it they are read from standard input."`
	Format    string `help:"A ClickHouse output format, such as TSV, CSVWithNames or JSONEachRow (default pretty on a terminal, else TSV)." placeholder:"FORMAT"`
}

// maxStatements bounds what is read from standard input at a time.
const maxStatements = 16 << 20

// Run runs the statements.
func (c *sqlCmd) Run(ctx context.Context, g *globals) (err error) {
	server, closeStore, err := g.reachStore(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	if c.Statement != "" {
		return c.runAll(ctx, g, server, c.Statement)
	}
	if isTerminal(g.stdin) {
		return c.prompt(ctx, g, server)
	}
	b, err := io.ReadAll(io.LimitReader(g.input(ctx), maxStatements+1))
	if err != nil {
		return fmt.Errorf("reading statements: %w", err)
	}
	if len(b) > maxStatements {
		return fmt.Errorf("reading statements: more than %d bytes", maxStatements)
	}
	return c.runAll(ctx, g, server, string(b))
}

// reachStore returns the store: that of the instance that runs on the data directory, else the configured one, else the
// embedded engine, started alone, and migrated if asked; stop ends what was started.
func (g *globals) reachStore(ctx context.Context, migrate bool) (s clickhouse.Server, stop func() error, err error) {
	nothing := func() error { return nil }
	running, err := datadir.ReadRun(g.DataDir)
	if err != nil {
		return s, nil, err
	}
	if running != nil && running.ClickHouse != nil {
		return *running.ClickHouse, nothing, nil
	}
	cfg, err := g.configuration()
	if err != nil {
		return s, nil, err
	}
	if !cfg.ClickHouse.Embedded() {
		s, err = cfg.ClickHouse.Server()
		return s, nothing, err
	}
	dir, err := datadir.Open(g.DataDir)
	if errors.Is(err, datadir.ErrLocked) { // it may only just have begun
		running, readErr := datadir.ReadRun(g.DataDir)
		switch {
		case readErr != nil || running == nil:
		case running.ClickHouse != nil:
			return *running.ClickHouse, nothing, nil
		default:
			err = fmt.Errorf("what runs has no store to ask (--no-store): %w", err)
		}
	}
	if err != nil {
		return s, nil, err
	}
	engine, err := startEngine(ctx, g, cfg, dir, 0)
	if err != nil {
		return s, nil, errors.Join(err, dir.Close())
	}
	s = engine.Server()
	stop = func() error { return errors.Join(engine.Close(), dir.Close()) }
	if migrate {
		_, err = clickhouse.Migrate(ctx, s)
	}
	if err == nil {
		err = dir.WriteRun(datadir.Run{Command: "sql", ClickHouse: &s})
	}
	if err != nil {
		return s, nil, errors.Join(err, stop())
	}
	return s, stop, nil
}

// prompt reads statements from a terminal, each ended by a semicolon, until its end or exit. What fails is said.
func (c *sqlCmd) prompt(ctx context.Context, g *globals, server clickhouse.Server) error {
	in := bufio.NewScanner(g.input(ctx))
	in.Buffer(nil, maxStatements)
	fmt.Fprintf(g.stderr, "%s; a statement ends with a semicolon, exit ends\n", server)
	var text strings.Builder
	for {
		mark := "darkmap> "
		if text.Len() > 0 {
			mark = "      -> "
		}
		fmt.Fprint(g.stderr, mark)
		if !in.Scan() {
			fmt.Fprintln(g.stderr)
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
			if err := c.runOne(ctx, g, server, statement); err != nil {
				if ctx.Err() != nil {
					return err
				}
				fmt.Fprintln(g.stderr, err)
			}
		}
	}
}

// runAll runs statements up to the first that fails.
func (c *sqlCmd) runAll(ctx context.Context, g *globals, server clickhouse.Server, text string) error {
	statements, _ := splitSQL(text) // the last one needs no semicolon
	for _, statement := range statements {
		if err := c.runOne(ctx, g, server, statement); err != nil {
			return err
		}
	}
	return nil
}

// runOne runs one statement and copies its output. The server holds the output back until the statement is through, so that a
// failure is known as one and not part of the output.
func (c *sqlCmd) runOne(ctx context.Context, g *globals, server clickhouse.Server, statement string) error {
	q := clickhouse.Query{
		SQL: statement, Format: c.Format, Database: server.Database, ID: "sql/" + rand.Text(),
		Settings: map[string]string{"wait_end_of_query": "1"},
	}
	if q.Format == "" && isTerminal(g.stdout) {
		q.Format = "PrettyCompactMonoBlock"
	}
	out, err := server.HTTP(ctx, q)
	if err == nil {
		_, err = io.Copy(g.stdout, out)
		err = errors.Join(err, out.Close())
	}
	if ctx.Err() != nil {
		c.kill(ctx, server, q.ID)
		return ctx.Err()
	}
	return err
}

// kill ends a statement that nobody waits for any more.
func (c *sqlCmd) kill(ctx context.Context, server clickhouse.Server, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if out, err := server.HTTP(ctx, clickhouse.Query{SQL: "KILL QUERY WHERE query_id = '" + id + "' ASYNC"}); err == nil {
		_ = out.Close()
	}
}
