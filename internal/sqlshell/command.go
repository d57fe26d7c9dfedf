package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/terminal"
)

// errQuit ends the shell.
var errQuit = errors.New("the end was asked for")

// help is the output of \?.
const help = `A statement ends with a semicolon, or with \G, which shows each row as lines.
$$text$$ and $tag$text$tag$ are text as it stands, quotes included.

  \d              what can be read: views first, which answer questions, then the tables below them
  \d NAME         the columns of a view or a table: type, meaning, unit
  \x [on|off|auto]  rows as lines; auto (the beginning): where a table is wider than the terminal
  \timing [on|off]  how long each statement took
  \format [NAME]  the format of output, such as CSV or JSON; without a name: tables again
  \i FILE         runs the statements of a file
  \?              this help
  \q              the end; exit, quit and Ctrl-D end too

` + "Tab completes names. Up, Down and Ctrl-R find earlier statements. " +
	"Ctrl-C cancels a statement, or clears the line.\n" +
	"Statements are kept for the next time, but not those that begin with a blank " +
	"or may hold a secret (password, token, s3(...), url(...)).\n"

// command runs a line that begins with a backslash.
func (s *Shell) command(ctx context.Context, line string) error {
	name, argument, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(line), ";"), " ")
	argument = strings.TrimSpace(argument)
	switch name {
	case `\?`, `\h`, `\help`:
		fmt.Fprint(s.Out, help)
		return nil
	case `\q`:
		return errQuit
	case `\d`, `\d+`, `\dt`, `\dv`:
		if argument == "" {
			return s.list(ctx)
		}
		return s.columns(ctx, argument)
	case `\x`:
		return s.setExpanded(argument)
	case `\timing`:
		on, err := toggled(argument, s.timing)
		if err == nil {
			s.timing = on
			fmt.Fprintf(s.Err, "how long statements take is %s\n",
				map[bool]string{true: "shown", false: "not shown"}[on])
		}
		return err
	case `\format`:
		s.Format = argument
		return nil
	case `\i`:
		return s.include(ctx, argument)
	}
	return fmt.Errorf(`%s is no command: \? lists them`, name)
}

// toggled parses on or off. Without an argument it returns the opposite of was.
func toggled(argument string, was bool) (bool, error) {
	switch argument {
	case "":
		return !was, nil
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return was, fmt.Errorf("%q: want on or off", argument)
}

func (s *Shell) setExpanded(argument string) error {
	if argument == "auto" {
		s.screen.Expanded = ExpandedAuto
		fmt.Fprintln(s.Err, "rows are shown as lines where a table is wider than the terminal")
		return nil
	}
	on, err := toggled(argument, s.screen.Expanded == ExpandedOn)
	if err != nil {
		return fmt.Errorf("%q: want on, off or auto", argument)
	}
	if s.screen.Expanded = ExpandedOff; on {
		s.screen.Expanded = ExpandedOn
	}
	fmt.Fprintf(s.Err, "rows are shown as %s\n", map[bool]string{true: "lines", false: "a table"}[on])
	return nil
}

// include runs the statements of a file up to the first that fails.
func (s *Shell) include(ctx context.Context, path string) error {
	if path == "" {
		return errors.New(`want the name of a file: \i FILE`)
	}
	b, err := ReadFile(path)
	if err != nil {
		return err
	}
	statements, _ := Split(b) // the last one needs no semicolon
	for _, statement := range statements {
		if err := s.statement(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// MaxText bounds the statements read at a time, in octets.
const MaxText = 16 << 20

// ReadFile reads the statements of a file.
func ReadFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading statements: %w", err)
	}
	if info.Size() > MaxText {
		return "", fmt.Errorf("reading statements: %s is longer than %d bytes", path, MaxText)
	}
	b, err := os.ReadFile(path) //nolint:gosec // the user names it
	if err != nil {
		return "", fmt.Errorf("reading statements: %w", err)
	}
	return string(b), nil
}

const (
	listQuery = `SELECT name,
	multiIf(engine = 'View', 'view', engine = 'Dictionary', 'dictionary',
		engine = 'MaterializedView', 'fills a table', 'table') AS kind,
	comment,
	arrayStringConcat(arrayDistinct(extractAll(create_table_query, '[{](\\w+) *:')), ', ') AS wants
FROM system.tables WHERE database = currentDatabase() AND NOT startsWith(name, '.')
ORDER BY indexOf(['view', 'dictionary', 'table'], kind) = 0,
	indexOf(['view', 'dictionary', 'table'], kind), name LIMIT 2000`
	tableQuery = `SELECT name, comment,
	arrayStringConcat(arrayDistinct(extractAll(create_table_query, '[{](\\w+ *: *[^}]*)[}]')), ', ') AS wants
FROM system.tables WHERE database = currentDatabase() AND lower(name) = lower({name:String})
ORDER BY name = {name:String} DESC LIMIT 1`
	columnsQuery = `SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {name:String} ORDER BY position`
)

// query runs a statement of the shell itself and returns the cells of its rows.
func (s *Shell) query(ctx context.Context, sql, name string) ([][]string, error) {
	q := clickhouse.Query{SQL: sql, Format: RowsFormat, Settings: Settings()}
	if name != "" {
		q.Settings["param_name"] = Parameter(sql, "name", name)
	}
	var c collected
	err := s.Store.Run(ctx, q, &c)
	return c.rows.cells, err
}

// list shows the views and tables that the reader may read.
func (s *Shell) list(ctx context.Context) error {
	found, err := s.query(ctx, listQuery, "")
	if err != nil {
		return err
	}
	called := false
	for _, row := range found {
		if row[3] != "" {
			row[1] += ", called with " + row[3]
			called = true
		}
	}
	note := `\d NAME shows the columns.`
	if called {
		note += " What is called with values is written NAME(dataset = 'live', ...)."
	}
	return s.describe(found, note)
}

// columns shows the columns of a view or a table.
func (s *Shell) columns(ctx context.Context, name string) error {
	name = strings.Trim(strings.TrimPrefix(name, "darkmap."), "`\"")
	tables, err := s.query(ctx, tableQuery, name)
	if err != nil {
		return err
	}
	if len(tables) == 0 {
		return fmt.Errorf(`there is no view or table %q: \d lists them`, name)
	}
	found, err := s.query(ctx, columnsQuery, tables[0][0])
	if err != nil {
		return err
	}
	note := tables[0][1]
	if wants := tables[0][2]; wants != "" {
		note += " Called with " + wants + "."
	}
	return s.describe(found, note)
}

// describe draws rows of a name, a type and a meaning. The meaning is on lines of its own below.
func (s *Shell) describe(found [][]string, note string) error {
	width, widest := s.Width(), 0
	for _, row := range found {
		widest = max(widest, terminal.Cells(terminal.Clean(row[0])))
	}
	var lines []string
	for _, row := range found {
		line := strings.TrimRight(terminal.Pad(terminal.Clean(row[0]), widest)+"  "+terminal.Clean(row[1]), " ")
		lines = append(lines, terminal.Wrap(line, width, widest+2)...)
		if row[2] != "" {
			lines = append(lines, terminal.Wrap("    "+terminal.Clean(row[2]), width, 4)...)
		}
	}
	if note = strings.TrimSpace(terminal.Clean(note)); note != "" {
		lines = append(lines, "")
		lines = append(lines, terminal.Wrap(note, width, 0)...)
	}
	_, err := fmt.Fprintln(s.Out, strings.Join(lines, "\n"))
	return err
}

// collected is an Output that keeps the rows.
type collected struct{ rows rows }

// Take reads the rows. It shows none of them, so it returns 0.
func (c *collected) Take(a *clickhouse.Answer) (int64, error) {
	r, err := readRows(a)
	c.rows = r
	return 0, err
}
