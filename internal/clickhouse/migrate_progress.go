package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// progressKey names one statement of a step, and one partition where it runs for each.
type progressKey struct {
	version, statement uint32 // statement counts from 1
	partition          string
}

// ofPartition names the partition in an error; table is the one whose partition it is.
func (k progressKey) ofPartition(table string) string {
	if k.partition == "" {
		return ""
	}
	return ", partition " + k.partition + " of " + table
}

// progress are the statements of a step that have passed, with the hashes of their texts. A statement whose text is another now has
// not passed.
type progress map[progressKey]uint64

// progressTable makes the table that records the statements of steps.
func (s Server) progressTable() string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s.schema_progress %s (version UInt32 COMMENT 'number of the step', "+
		"statement UInt32 COMMENT 'number of the statement within the step, from 1', "+
		"partition String COMMENT 'id of the partition that the statement was run for; empty where it runs once', "+
		"hash UInt64 COMMENT 'a hash of the statement', finished_at DateTime64(3, 'UTC') COMMENT 'when it had passed', "+
		"seconds Float64 COMMENT 'how long it took, seconds') "+
		"ENGINE = %s ORDER BY (version, statement, partition) COMMENT 'Statements of the schema''s steps that have passed: an interrupted step goes on after them.'",
		s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "finished_at"))
}

// readProgress reads which statements have passed.
func (s Server) readProgress(ctx context.Context, conn driver.Conn) (progress, error) {
	passed := progress{}
	q := fmt.Sprintf("SELECT version, statement, partition, hash FROM %s.schema_progress FINAL", s.Database)
	err := each(ctx, conn, q, "", func(rows driver.Rows) error {
		var k progressKey
		var hash uint64
		err := rows.Scan(&k.version, &k.statement, &k.partition, &hash)
		passed[k] = hash
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the progress of migrations: %w", err)
	}
	return passed, nil
}

// recordProgress records that a statement has passed.
func (s Server) recordProgress(ctx context.Context, conn driver.Conn, k progressKey, hash uint64, took time.Duration) error {
	q := fmt.Sprintf("INSERT INTO %s.schema_progress (version, statement, partition, hash, finished_at, seconds) VALUES (?, ?, ?, ?, ?, ?)", s.Database)
	if err := conn.Exec(ctx, q, k.version, k.statement, k.partition, hash, time.Now().UTC(), took.Seconds()); err != nil {
		return fmt.Errorf("recording statement %d of migration %d: %w", k.statement, k.version, err)
	}
	return nil
}

// partitions lists the ids of a table's active partitions.
func (s Server) partitions(ctx context.Context, conn driver.Conn, table string) ([]string, error) {
	var ids []string
	q := "SELECT DISTINCT partition_id FROM system.parts WHERE active AND database = " + quoteText(s.Database) + " AND table = ? ORDER BY partition_id"
	err := each(ctx, conn, q, table, func(rows driver.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the partitions of table %s: %w", table, err)
	}
	return ids, nil
}
