package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/schemas"
)

// ErrNewer says that the database has migrations that this program does not know.
var ErrNewer = errors.New("the database was migrated by a newer darkmap")

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
// Every statement that has passed is recorded in schema_progress, with the partition that it was for, and every step in
// schema_migrations: an interrupted step goes on after its last statement. A statement may have passed without being recorded, so each may
// run twice, and several processes may migrate at once.
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
		err := m.apply(ctx, conn, s, false)
		if err != nil && m.Version > 1 && Hopeless(err) { // something that an earlier step made may be missing
			repairs, repairErr := s.repair(ctx, conn, files, int(m.Version)-1)
			if len(repairs) == 0 {
				return result, errors.Join(err, repairErr)
			}
			result.Repairs = append(result.Repairs, repairs...)
			err = m.apply(ctx, conn, s, true)
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

// apply runs the statements of one step that have not passed yet, and records each, then the step. With again, which is for after a
// repair, it repeats those that run once.
func (m Migration) apply(ctx context.Context, conn driver.Conn, s Server, again bool) error {
	passed, err := s.readProgress(ctx, conn)
	if err != nil {
		return err
	}
	for i, st := range m.Statements {
		partitions := []string{""}
		if st.Each != "" {
			if partitions, err = s.partitions(ctx, conn, st.Each); err != nil {
				return fmt.Errorf("migrating to %04d_%s, statement %d: %w", m.Version, m.Name, i+1, err)
			}
		}
		for _, partition := range partitions {
			k := progressKey{m.Version, uint32(i + 1), partition}
			if hash, ok := passed[k]; ok && hash == st.hash() && !(again && st.Each == "") {
				continue
			}
			if err := s.runStep(ctx, conn, k, st); err != nil {
				return fmt.Errorf("migrating to %04d_%s, statement %d%s: %w", m.Version, m.Name, k.statement, k.ofPartition(st.Each), err)
			}
		}
	}
	record := fmt.Sprintf("INSERT INTO %s.schema_migrations (version, name, applied_at) VALUES (?, ?, ?)", s.Database)
	if err := conn.Exec(ctx, record, m.Version, m.Name, time.Now().UTC()); err != nil {
		return fmt.Errorf("recording migration %d: %w", m.Version, err)
	}
	return nil
}

// runStep runs one statement, for one partition where it has any, and records it.
func (s Server) runStep(ctx context.Context, conn driver.Conn, k progressKey, st Statement) error {
	began := time.Now()
	if err := conn.Exec(ctx, st.For(k.partition)); err != nil && !renamed(st.SQL, err) {
		return err
	}
	return s.recordProgress(ctx, conn, k, st.hash(), time.Since(began))
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
		fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s %s", s.Database, s.onCluster()), s.migrationsTable(), s.progressTable(),
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
