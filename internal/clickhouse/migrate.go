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

	"github.com/ClickHouse/ch-go/proto"
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
func Migrations(s Server) ([]Migration, error) { return migrationsIn(schemas.ClickHouse, s) }

// migrationsIn is Migrations of other files, clickhouse/NNNN_name.sql.
func migrationsIn(files fs.FS, s Server) ([]Migration, error) {
	names, err := fs.Glob(files, "clickhouse/*.sql")
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
		b, err := fs.ReadFile(files, name)
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

// Migrated is what Migrate did.
type Migrated struct {
	// Steps is how many migrations were applied.
	Steps int
	// Repairs says, a sentence each, what was missing or different and was mended.
	Repairs []string
}

// Migrate brings the database to this program's schema: it applies the migrations that are missing, then compares the tables, views,
// columns, types, indexes and projections with those that the migrations make, and mends what can be mended without losing a row.
// It fails with ErrOldForm or ErrNewer, and changes nothing, where another program has made or migrated it, with ErrSchema where something is different that it may not change.
// Steps are recorded in schema_migrations, after they are done; every statement may run twice, so a step that was interrupted is
// repeated, and several processes may migrate at once.
func Migrate(ctx context.Context, s Server) (Migrated, error) {
	return migrate(ctx, s, schemas.ClickHouse)
}

func migrate(ctx context.Context, s Server, files fs.FS) (Migrated, error) {
	var result Migrated
	all, err := migrationsIn(files, s)
	if err != nil {
		return result, err
	}
	conn, err := Open(ctx, s)
	if err != nil {
		return result, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	if err := s.refuseOldFormOn(ctx, conn); err != nil {
		return result, err
	}
	done, err := applied(ctx, conn, s)
	if err != nil {
		return result, err
	}
	if done > uint32(len(all)) {
		return result, fmt.Errorf("migration %d of database %s: %w", done, s.Database, ErrNewer)
	}
	for _, m := range all[done:] {
		err := m.apply(ctx, conn, s)
		if err != nil && m.Version > 1 && Hopeless(err) { // something that an earlier step made may be missing
			repairs, repairErr := s.repair(ctx, conn, files, int(m.Version)-1)
			if len(repairs) == 0 {
				return result, errors.Join(err, repairErr)
			}
			result.Repairs = append(result.Repairs, repairs...)
			err = m.apply(ctx, conn, s)
		}
		if err != nil {
			return result, err
		}
		result.Steps++
	}
	repairs, err := s.repair(ctx, conn, files, len(all))
	result.Repairs = append(result.Repairs, repairs...)
	return result, err
}

// apply runs one step and records it.
func (m Migration) apply(ctx context.Context, conn driver.Conn, s Server) error {
	for i, statement := range m.Statements {
		if err := conn.Exec(ctx, statement); err != nil && !renamed(statement, err) {
			return fmt.Errorf("migrating to %04d_%s, statement %d: %w", m.Version, m.Name, i+1, err)
		}
	}
	record := fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name, applied_at) VALUES (?, ?, ?)", s.Database)
	if err := conn.Exec(ctx, record, m.Version, m.Name, time.Now().UTC()); err != nil {
		return fmt.Errorf("recording migration %d: %w", m.Version, err)
	}
	return nil
}

// renamed reports whether a RENAME failed because an earlier run has done it: its target is there.
func renamed(statement string, err error) bool {
	return Code(err) == int(proto.ErrTableAlreadyExists) && strings.HasPrefix(statement, "RENAME TABLE ")
}

// migrationsTable makes the table that records the steps.
func (s Server) migrationsTable() string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.schema_migrations %s (version UInt32 COMMENT 'number of the step', name String COMMENT 'its name', "+
		"applied_at DateTime64(3, 'UTC') COMMENT 'when it was taken') ENGINE = %s ORDER BY version COMMENT 'Steps that the schema has taken.'",
		s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "applied_at"))
}

// applied makes sure that the database and schema_migrations exist and returns the number of the last step taken.
func applied(ctx context.Context, conn driver.Conn, s Server) (uint32, error) {
	for _, statement := range []string{
		fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s %s", s.Database, s.onCluster()), s.migrationsTable(),
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

// SchemaVersion reads the number of the last migration of the database, and that of this program's last one. A database without
// darkmap's tables has 0. It fails with ErrOldForm where Migrate does. It needs no more than to read.
func SchemaVersion(ctx context.Context, s Server) (have, want uint32, err error) {
	all, err := Migrations(s)
	if err != nil {
		return 0, 0, err
	}
	want = uint32(len(all))
	if err := s.refuseOldForm(func(query string) (string, error) { return s.askText(ctx, query) }); err != nil {
		return 0, want, err
	}
	text, err := s.askText(ctx, "SELECT max(version) FROM "+s.Database+".schema_migrations")
	if e, ok := errors.AsType[*QueryError](err); ok && (e.Code == int(proto.ErrUnknownTable) || e.Code == int(proto.ErrUnknownDatabase)) {
		return 0, want, nil
	}
	if err != nil {
		return 0, want, fmt.Errorf("reading the schema's version: %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, want, fmt.Errorf("reading the schema's version: %w", err)
	}
	return uint32(n), want, nil
}
