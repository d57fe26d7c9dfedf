package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/schemas"
)

var comment = regexp.MustCompile(`(?m)^--.*\n`)

// ErrNewer says that the database has migrations that this program does not know.
var ErrNewer = errors.New("the database was migrated by a newer darkmap")

// Migration is one numbered step, rendered for its target.
type Migration struct {
	Version    uint32
	Name       string
	Statements []string
}

// Migrations renders all steps, in order, for s: plain engines, or Replicated ones ON CLUSTER where s names a cluster.
func Migrations(s Server) ([]Migration, error) {
	names, err := fs.Glob(schemas.ClickHouse, "clickhouse/*.sql")
	if err != nil {
		return nil, fmt.Errorf("listing migrations: %w", err)
	}
	all := make([]Migration, 0, len(names))
	for i, name := range names { // Glob sorts
		number, title, ok := strings.Cut(strings.TrimSuffix(path.Base(name), ".sql"), "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || version != uint64(i+1) {
			return nil, fmt.Errorf("migration %s: want the number %04d", name, i+1)
		}
		b, err := schemas.ClickHouse.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading a migration: %w", err)
		}
		sql, err := s.render(string(b))
		if err != nil {
			return nil, fmt.Errorf("rendering %s: %w", name, err)
		}
		all = append(all, Migration{uint32(version), title, statements(sql)})
	}
	return all, nil
}

func (s Server) render(text string) (string, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"database": func() string { return s.Database },
		"cluster":  s.onCluster,
		"engine":   s.engine,
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := t.Execute(&b, nil); err != nil {
		return "", err
	}
	return b.String(), nil
}

func (s Server) onCluster() string {
	if s.Cluster == "" {
		return ""
	}
	return "ON CLUSTER " + s.Cluster
}

// engine names a table engine with its arguments.
func (s Server) engine(name string, args ...string) string {
	if s.Cluster != "" {
		name = "Replicated" + name
		args = append([]string{"'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"}, args...)
	}
	if len(args) == 0 {
		return name
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// statements splits at semicolons that end a line, and leaves comment lines out.
func statements(sql string) []string {
	var out []string
	sql = comment.ReplaceAllString(sql, "")
	for part := range strings.SplitSeq(sql, ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Migrate brings the database to this program's schema and returns how many steps it took; 0 if nothing was to do. Steps are
// recorded in schema_migrations, after they are done; every statement may run twice, so a step that was interrupted is
// repeated, and several processes may migrate at once.
func Migrate(ctx context.Context, s Server) (int, error) {
	all, err := Migrations(s)
	if err != nil {
		return 0, err
	}
	conn, err := Open(ctx, s)
	if err != nil {
		return 0, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	done, err := applied(ctx, conn, s)
	if err != nil {
		return 0, err
	}
	if done > uint32(len(all)) {
		return 0, fmt.Errorf("migration %d of database %s: %w", done, s.Database, ErrNewer)
	}
	for _, m := range all[done:] {
		for i, statement := range m.Statements {
			if err := conn.Exec(ctx, statement); err != nil && !renamed(statement, err) {
				return 0, fmt.Errorf("migrating to %04d_%s, statement %d: %w", m.Version, m.Name, i+1, err)
			}
		}
		record := fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name, applied_at) VALUES (?, ?, ?)", s.Database)
		if err := conn.Exec(ctx, record, m.Version, m.Name, time.Now().UTC()); err != nil {
			return 0, fmt.Errorf("recording migration %d: %w", m.Version, err)
		}
	}
	return len(all) - int(done), nil
}

// renamed reports whether a RENAME failed because an earlier run has done it: its target is there.
func renamed(statement string, err error) bool {
	const tableAlreadyExists = 57
	e, ok := errors.AsType[*clickhouse.Exception](err)
	return ok && e.Code == tableAlreadyExists && strings.HasPrefix(statement, "RENAME TABLE ")
}

// applied makes sure that the database and schema_migrations exist and returns the number of the last step taken.
func applied(ctx context.Context, conn driver.Conn, s Server) (uint32, error) {
	for _, statement := range []string{
		fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s %s", s.Database, s.onCluster()),
		fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.schema_migrations %s (version UInt32 COMMENT 'number of the step', name String COMMENT 'its name', "+
			"applied_at DateTime64(3, 'UTC') COMMENT 'when it was taken') ENGINE = %s ORDER BY version COMMENT 'Steps that the schema has taken.'",
			s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "applied_at")),
	} {
		if err := conn.Exec(ctx, statement); err != nil {
			return 0, fmt.Errorf("preparing database %s: %w", s.Database, err)
		}
	}
	var done uint32
	if err := conn.QueryRow(ctx, fmt.Sprintf("SELECT max(version) FROM %s.schema_migrations", s.Database)).Scan(&done); err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	return done, nil
}
