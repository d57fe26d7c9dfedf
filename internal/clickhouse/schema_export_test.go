package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
)

// DescribeSchema describes the database of s in the form of schema.json.
func DescribeSchema(ctx context.Context, s Server) ([]byte, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	have, err := readSchema(ctx, conn, s.Database)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(have.moved(s.Database, describedDatabase), "", "  ")
	return append(b, '\n'), err
}

// MigrateFrom runs Migrate with other migrations.
func MigrateFrom(ctx context.Context, s Server, files fs.FS) (Migrated, error) {
	return MigratorOf(Migrator{Server: s}, files).Migrate(ctx)
}

// MigratorOf returns m with other migrations.
func MigratorOf(m Migrator, files fs.FS) Migrator {
	m.files = files
	return m
}

// MigrationsIn renders other migrations.
var MigrationsIn = migrationsIn

// RecordStatement records that statement number n of a step has completed for a partition.
func RecordStatement(ctx context.Context, s Server, m Migration, n int, partition string) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	return s.recordProgress(ctx, conn, progressKey{m.Version, uint32(n), partition}, m.Statements[n-1].hash(), "test", 0)
}

// Lock claims the schema as a runner does. The returned function releases it.
func Lock(ctx context.Context, s Server, program string, say func(string)) (context.Context, func() error, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, nil, err
	}
	locked, l, err := s.lockSchema(ctx, conn, program, say)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return locked, func() error { return errors.Join(l.release(ctx), conn.Close()) }, nil
}

// OwnStatements returns the statements that make the tables of records.
func OwnStatements(s Server) []Statement {
	var all []Statement
	for _, sql := range s.ownTables() {
		all = append(all, Statement{SQL: sql})
	}
	return all
}
