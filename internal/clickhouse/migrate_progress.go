package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// progressKey identifies one statement of a step, and the partition if the statement runs for each
// partition.
type progressKey struct {
	version, statement uint32 // statements are numbered from 1
	partition          string
}

// ofPartition returns the partition in the words of an error. table is the table of the partition.
func (k progressKey) ofPartition(table string) string {
	if k.partition == "" {
		return ""
	}
	return ", partition " + k.partition + " of " + table
}

// passedStatement is the record of one completed statement.
type passedStatement struct {
	hash uint64
	at   time.Time
}

// progress holds the completed statements.
type progress map[progressKey]passedStatement

// has reports whether the statement has completed. A statement whose text has changed since has
// not.
func (p progress) has(k progressKey, st Statement) bool {
	is, ok := p[k]
	return ok && is.hash == st.hash()
}

// takenStep is the record of one completed step.
type takenStep struct {
	name, program string
	at            time.Time
}

// schemaState is the state of a database's migrations according to its records.
type schemaState struct {
	// done is the number of the last completed step.
	done   int
	taken  map[uint32]takenStep
	passed progress
}

// migrationsTable returns the statement that makes the table of completed steps.
func (s Server) migrationsTable() string {
	return fmt.Sprintf(
		"CREATE TABLE IF NOT EXISTS %s.schema_migrations %s ("+
			"version UInt32 COMMENT 'number of the step', name String COMMENT 'its name', "+
			"applied_at DateTime64(3, 'UTC') COMMENT 'when it was taken', "+
			"program String COMMENT 'the darkmap that took it; empty where an older one did, which kept no record') "+
			"ENGINE = %s ORDER BY version COMMENT 'Steps that the schema has taken.'",
		s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "applied_at"))
}

// progressTable returns the statement that makes the table of completed statements.
func (s Server) progressTable() string {
	return fmt.Sprintf(
		"CREATE TABLE IF NOT EXISTS %s.schema_progress %s (version UInt32 COMMENT 'number of the step', "+
			"statement UInt32 COMMENT 'number of the statement within the step, from 1', "+
			"partition String COMMENT 'id of the partition that the statement was run for; "+
			"empty where it runs once', "+
			"hash UInt64 COMMENT 'a hash of the statement', "+
			"finished_at DateTime64(3, 'UTC') COMMENT 'when it had passed', "+
			"seconds Float64 COMMENT 'how long it took, seconds', program String COMMENT 'the darkmap that ran it') "+
			"ENGINE = %s ORDER BY (version, statement, partition) "+
			"COMMENT 'Statements of the schema''s steps that have passed: an interrupted step goes on after them.'",
		s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "finished_at"))
}

// ownTables returns the statements that make the tables of a Migrator's records.
func (s Server) ownTables() []string {
	return []string{s.migrationsTable(), s.progressTable(), s.lockTable()}
}

// prepare makes the database and the tables of records if they are missing.
func (r *migration) prepare(ctx context.Context) error {
	s := r.server
	var there uint64
	q := "SELECT count() FROM system.columns WHERE database = " + QuoteText(s.Database) +
		" AND table IN ('schema_migrations', 'schema_progress', 'schema_lock') AND name IN ('program', 'until')"
	if err := r.conn.QueryRow(ctx, q).Scan(&there); err != nil {
		return fmt.Errorf("preparing database %s: %w", s.Database, err)
	}
	if there == 3 {
		return nil
	}
	statements := append([]string{
		fmt.Sprintf("CREATE DATABASE IF NOT EXISTS %s %s", s.Database, s.onCluster()),
	}, s.ownTables()...)
	// Older databases have no column program.
	statements = append(statements, fmt.Sprintf(
		"ALTER TABLE %s.schema_migrations %s ADD COLUMN IF NOT EXISTS program String "+
			"COMMENT 'the darkmap that took it; empty where an older one did, which kept no record'",
		s.Database, s.onCluster()))
	for _, statement := range statements {
		if err := r.conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("preparing database %s: %w", s.Database, err)
		}
	}
	return nil
}

// state reads the state of the database's migrations. It is empty if the database has no tables of
// darkmap. It fails with ErrNewer if a newer program has completed or begun a step.
func (r *migration) state(ctx context.Context) (schemaState, error) {
	s := r.server
	st := schemaState{taken: map[uint32]takenStep{}, passed: progress{}}
	read := func(program string) error {
		return each(ctx, r.conn, fmt.Sprintf(
			"SELECT version, name, applied_at, %s FROM %s.schema_migrations FINAL", program, s.Database,
		), "", func(rows driver.Rows) error {
			var version uint32
			var step takenStep
			err := rows.Scan(&version, &step.name, &step.at, &step.program)
			st.taken[version] = step
			st.done = max(st.done, int(version))
			return err
		})
	}
	err := read("program")
	if Code(err) == int(proto.ErrUnknownIdentifier) { // an older database
		err = read("''")
	}
	if err != nil && !missing(err) {
		return st, fmt.Errorf("reading the schema's version: %w", err)
	}
	begun := uint32(0)
	err = each(ctx, r.conn, fmt.Sprintf(
		"SELECT version, statement, partition, hash, finished_at FROM %s.schema_progress FINAL", s.Database,
	), "", func(rows driver.Rows) error {
		var k progressKey
		var is passedStatement
		err := rows.Scan(&k.version, &k.statement, &k.partition, &is.hash, &is.at)
		st.passed[k] = is
		begun = max(begun, k.version)
		return err
	})
	if err != nil && !missing(err) {
		return st, fmt.Errorf("reading the progress of migrations: %w", err)
	}
	if have := max(uint32(st.done), begun); have > uint32(len(r.steps)) {
		return st, s.NewerError(have, uint32(len(r.steps)))
	}
	return st, nil
}

// recordStep records that a step has completed.
func (r *migration) recordStep(ctx context.Context, m Migration) error {
	record := fmt.Sprintf(
		"INSERT INTO %s.schema_migrations (version, name, applied_at, program) VALUES (?, ?, ?, ?)",
		r.server.Database)
	if err := r.conn.Exec(ctx, record, m.Version, m.Name, time.Now().UTC(), r.Program); err != nil {
		return fmt.Errorf("recording migration %d: %w", m.Version, err)
	}
	return nil
}

// recordProgress records that a statement has completed.
func (s Server) recordProgress(
	ctx context.Context, conn driver.Conn, k progressKey, hash uint64, program string, took time.Duration,
) error {
	q := fmt.Sprintf(
		"INSERT INTO %s.schema_progress (version, statement, partition, hash, finished_at, seconds, program) "+
			"VALUES (?, ?, ?, ?, ?, ?, ?)",
		s.Database)
	if err := conn.Exec(ctx, q, k.version, k.statement, k.partition, hash,
		time.Now().UTC(), took.Seconds(), program); err != nil {
		return fmt.Errorf("recording statement %d of migration %d: %w", k.statement, k.version, err)
	}
	return nil
}

// partition is an active partition of a table.
type partition struct {
	id   string
	rows uint64
}

// partitions lists the active partitions of a table. It returns none if the table does not exist.
func (s Server) partitions(ctx context.Context, conn driver.Conn, table string) ([]partition, error) {
	var all []partition
	q := "SELECT partition_id, sum(rows) FROM system.parts WHERE active AND database = " +
		QuoteText(s.Database) + " AND table = ? GROUP BY partition_id ORDER BY partition_id"
	err := each(ctx, conn, q, table, func(rows driver.Rows) error {
		var p partition
		err := rows.Scan(&p.id, &p.rows)
		all = append(all, p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the partitions of table %s: %w", table, err)
	}
	return all, nil
}
