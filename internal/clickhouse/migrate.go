package clickhouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/schemas"
)

// ErrNewer means that the database has migrations that this program does not know.
var ErrNewer = errors.New("a newer darkmap has migrated it")

// Migrator migrates a database to this program's schema.
type Migrator struct {
	Server Server
	// Program names this program and its version. Records of steps contain it, and messages to
	// waiting processes.
	Program string
	// Retention is the configuration of how long the tables keep rows; nil leaves the tables
	// unchanged.
	Retention *RetentionConfig
	// Say receives messages about long operations: the wait for another runner, the progress of a
	// copy. Nil discards them.
	Say func(string)

	files fs.FS // nil: the files of this program
}

// Migrated is the result of Migrate.
type Migrated struct {
	// Steps counts the migrations that were applied.
	Steps int
	// Repairs describes the differences that were repaired, in one sentence each.
	Repairs []string
	// Retention describes the changes to how long tables keep rows, in one sentence each.
	Retention []string
}

// Migrate calls Migrator.Migrate without a record of the program. It leaves the times to live
// unchanged.
func Migrate(ctx context.Context, s Server) (Migrated, error) {
	return Migrator{Server: s}.Migrate(ctx)
}

// Migrate migrates the database to this program's schema. It applies the missing migrations. Then
// it compares the tables, views, columns, types, indexes and projections with those that the
// migrations make, and repairs them where no row is lost. It fails with ErrOldForm or ErrNewer, and
// changes nothing, if another version of the program has made or migrated the database. It fails
// with ErrSchema if a difference remains that it may not change.
//
// Migrate records each completed statement in schema_progress, with its partition, and each step in
// schema_migrations. An interrupted step continues after its last recorded statement. A statement
// may complete without a record, so each must be safe to run twice. If there is work to do, Migrate
// first claims the schema, and waits while another process holds it.
func (m Migrator) Migrate(ctx context.Context) (Migrated, error) {
	r, err := m.open(ctx)
	if err != nil {
		return Migrated{}, err
	}
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return Migrated{}, err
	}
	todo, err := r.todo(ctx)
	if err != nil || !todo {
		return Migrated{}, err
	}
	locked, lock, err := r.server.lockSchema(ctx, r.conn, r.Program, r.Say)
	if err != nil {
		return Migrated{}, err
	}
	done, err := r.migrate(locked)
	if cause := context.Cause(locked); err != nil && errors.Is(cause, ErrLockLost) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return done, errors.Join(err, lock.release(ctx))
}

// migration is one run of a Migrator.
type migration struct {
	Migrator
	server Server
	conn   driver.Conn
	steps  []Migration
}

// open connects, and rejects a database of another version of the program. It changes nothing.
func (m Migrator) open(ctx context.Context) (*migration, error) {
	if m.files == nil {
		m.files = schemas.ClickHouse
	}
	if m.Program == "" {
		m.Program = "darkmap"
	}
	if m.Say == nil {
		m.Say = func(string) {}
	}
	steps, err := migrationsIn(m.files, m.Server)
	if err != nil {
		return nil, err
	}
	conn, err := Open(ctx, m.Server)
	if err != nil {
		return nil, err
	}
	r := &migration{m, m.Server, conn, steps}
	err = r.server.refuseOldFormOn(ctx, conn)
	if err == nil {
		_, err = r.state(ctx)
	}
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *migration) close() { _ = r.conn.Close() } // nothing is pending

// todo reports whether anything is missing or different.
func (r *migration) todo(ctx context.Context) (bool, error) {
	st, err := r.state(ctx)
	if err != nil || st.done < len(r.steps) {
		return true, err
	}
	differences, err := r.differences(ctx, st.done)
	if err != nil || len(differences) > 0 {
		return true, err
	}
	changes, err := r.retention(ctx)
	return len(changes) > 0, err
}

// migrate does the work of Migrate. The caller has claimed the schema.
func (r *migration) migrate(ctx context.Context) (Migrated, error) {
	var result Migrated
	st, err := r.state(ctx)
	if err != nil {
		return result, err
	}
	for _, m := range r.steps[st.done:] {
		err := r.apply(ctx, m, false)
		// A product of an earlier step may be missing.
		if err != nil && m.Version > 1 && Hopeless(err) {
			repairs, repairErr := r.repair(ctx, int(m.Version)-1)
			if len(repairs) == 0 {
				return result, errors.Join(err, repairErr)
			}
			result.Repairs = append(result.Repairs, repairs...)
			err = r.apply(ctx, m, true)
		}
		if err != nil {
			return result, err
		}
		result.Steps++
	}
	repairs, err := r.repair(ctx, len(r.steps))
	result.Repairs = append(result.Repairs, repairs...)
	if err != nil {
		return result, err
	}
	result.Retention, err = r.keep(ctx)
	return result, err
}

// apply runs the remaining statements of one step and records each, then the step. After a repair,
// again makes it repeat the statements that run once.
func (r *migration) apply(ctx context.Context, m Migration, again bool) error {
	st, err := r.state(ctx)
	if err != nil {
		return err
	}
	for i, statement := range m.Statements {
		partitions := []partition{{}}
		if statement.Each != "" {
			if partitions, err = r.server.partitions(ctx, r.conn, statement.Each); err != nil {
				return fmt.Errorf("migrating to %04d_%s, statement %d: %w", m.Version, m.Name, i+1, err)
			}
		}
		for n, part := range partitions {
			k := progressKey{m.Version, uint32(i + 1), part.id}
			if st.passed.has(k, statement) && (!again || statement.Each != "") {
				continue
			}
			if part.id != "" {
				r.Say(fmt.Sprintf("%04d_%s: copying partition %d of %d of %s",
					m.Version, m.Name, n+1, len(partitions), statement.Each))
			}
			if err := r.run(ctx, k, statement); err != nil {
				return fmt.Errorf("migrating to %04d_%s, statement %d%s: %w",
					m.Version, m.Name, k.statement, k.ofPartition(statement.Each), err)
			}
		}
	}
	return r.recordStep(ctx, m)
}

// run runs one statement, for the partition of k if it has one, and records it.
func (r *migration) run(ctx context.Context, k progressKey, statement Statement) error {
	began := time.Now()
	if err := r.exec(ctx, statement.For(k.partition)); err != nil {
		if done, asked := r.renamed(ctx, statement.SQL, err); !done {
			return errors.Join(err, asked)
		}
	}
	return r.server.recordProgress(ctx, r.conn, k, statement.hash(), r.Program, time.Since(began))
}

// exec runs a statement without a time limit, because a copy of rows may take hours. The statement
// ends when ctx ends.
func (r *migration) exec(ctx context.Context, sql string) error {
	if !r.server.Embedded {
		return r.conn.Exec(ctx, sql)
	}
	id := "migrate/" + rand.Text()
	err := r.server.ask(ctx, Query{SQL: sql, ID: id})
	if ctx.Err() != nil { // over HTTP the statement would continue
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), scratchDrop)
		defer cancel()
		return errors.Join(context.Cause(ctx), err,
			r.server.Ask(limited, "KILL QUERY WHERE query_id = "+QuoteText(id)+" SYNC"))
	}
	return err
}

// renames matches a statement that renames a table, with the old and the new name.
var renames = regexp.MustCompile(`^RENAME TABLE (?:IF EXISTS )?(\S+) TO (\S+)`)

// renamed reports whether a RENAME failed because an earlier run has done it: its target exists.
func (r *migration) renamed(ctx context.Context, statement string, err error) (bool, error) {
	m := renames.FindStringSubmatch(statement)
	code := proto.Error(Code(err))
	if m == nil || code != proto.ErrTableAlreadyExists && code != proto.ErrUnknownTable {
		return false, nil
	}
	var there uint8
	if err := r.conn.QueryRow(ctx, "EXISTS TABLE "+m[2]).Scan(&there); err != nil {
		return false, fmt.Errorf("looking for %s: %w", m[2], err)
	}
	return there == 1, nil
}

// SchemaVersion returns the number of the last migration of the database (have), and of this
// program's last migration (want). For a database without darkmap's tables have is 0. For a
// database in the middle of a step of a newer program it is the number of that step. SchemaVersion
// fails with ErrOldForm if Migrate does. It needs only the right to read.
func SchemaVersion(ctx context.Context, s Server) (have, want uint32, err error) {
	all, err := Migrations(s)
	if err != nil {
		return 0, 0, err
	}
	want = uint32(len(all))
	if err := s.refuseOldForm(func(query string) (string, error) { return s.askText(ctx, query) }); err != nil {
		return 0, want, err
	}
	have, err = s.highestVersion(ctx, "schema_migrations")
	if err != nil {
		return 0, want, err
	}
	begun, err := s.highestVersion(ctx, "schema_progress")
	if begun > want {
		have = max(have, begun)
	}
	return have, want, err
}

// highestVersion reads the highest version in one of darkmap's tables. It returns 0 if the table
// does not exist.
func (s Server) highestVersion(ctx context.Context, table string) (uint32, error) {
	text, err := s.askText(ctx, "SELECT max(version) FROM "+s.Database+"."+table)
	if missing(err) {
		return 0, nil
	}
	var n uint64
	if err == nil {
		n, err = strconv.ParseUint(text, 10, 32)
	}
	if err != nil {
		return 0, fmt.Errorf("reading the schema's version: %w", err)
	}
	return uint32(n), nil
}

// missing reports whether a query failed because its table or database does not exist.
func missing(err error) bool {
	code := proto.Error(Code(err))
	return code == proto.ErrUnknownTable || code == proto.ErrUnknownDatabase
}

// NewerError returns ErrNewer with both versions and the remedy. have is higher than want.
func (s Server) NewerError(have, want uint32) error {
	return fmt.Errorf(
		"database %s has version %d of the schema, and this program knows %d: %w; use that one, or a newer one",
		s.Database, have, want, ErrNewer)
}
