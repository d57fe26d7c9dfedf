package clickhouse

import (
	"context"
	"encoding/json"
)

// DescribeSchema describes the database of s the way that schema.json does.
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

// MigrateFrom is Migrate with other migrations, MigrationsIn renders them.
var (
	MigrateFrom  = migrate
	MigrationsIn = migrationsIn
)

// RecordStatement records that statement number n of a step has passed for a partition.
func RecordStatement(ctx context.Context, s Server, m Migration, n int, partition string) error {
	conn, err := Open(ctx, s)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	return s.recordProgress(ctx, conn, progressKey{m.Version, uint32(n), partition}, m.Statements[n-1].hash(), 0)
}
