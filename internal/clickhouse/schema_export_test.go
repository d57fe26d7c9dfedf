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
