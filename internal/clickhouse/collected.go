package clickhouse

import (
	"context"
	"fmt"
)

// Collected reports whether the dataset has rows of live sources or archives, which no replay made.
// A replay enters its dataset in the table datasets before its first row.
func Collected(ctx context.Context, s Server, dataset string) (bool, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return false, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	count := func(table string) (n uint64, err error) {
		q := fmt.Sprintf("SELECT count() FROM (SELECT 1 FROM %s.%s WHERE dataset = ? LIMIT 1)", s.Database, table)
		if err := conn.QueryRow(ctx, q, dataset).Scan(&n); err != nil {
			return 0, fmt.Errorf("looking for dataset %s: %w", dataset, err)
		}
		return n, nil
	}
	if n, err := count("datasets"); err != nil || n > 0 {
		return false, err
	}
	for _, table := range datasetTables {
		if n, err := count(table); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}
