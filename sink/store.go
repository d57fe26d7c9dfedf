package sink

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	dmclickhouse "github.com/darkmap/darkmap/internal/clickhouse"

	"github.com/darkmap/darkmap/internal/bgp"
)

// store reads from ClickHouse the highest positions, the newest rows and the windows. It also kills
// inserts and repeats copies. open connects at its first call. Once open, a store is safe for
// concurrent use.
type store struct {
	server  dmclickhouse.Server
	dataset string
	conn    driver.Conn
	// pieceLimit bounds a piece of a refill.
	pieceLimit time.Duration
}

func (s *store) open(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	conn, err := dmclickhouse.Open(ctx, s.server)
	if err != nil {
		return err
	}
	s.conn = conn
	return nil
}

func (s *store) close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

// consistent makes a read include all data that any replica has acknowledged.
func (s *store) consistent(ctx context.Context) context.Context {
	if s.server.Cluster == "" {
		return ctx
	}
	return clickhouse.Context(ctx,
		clickhouse.WithSettings(clickhouse.Settings{"select_sequential_consistency": 1}))
}

func (s *store) sql(text string) string { return strings.ReplaceAll(text, "{db}", s.server.Database) }

// kill kills the inserts whose query ids have the prefix, and waits for their end.
func (s *store) kill(ctx context.Context, prefix string) error {
	on := ""
	if s.server.Cluster != "" {
		on = "ON CLUSTER " + s.server.Cluster
	}
	if err := s.conn.Exec(ctx, "KILL QUERY "+on+" WHERE startsWith(query_id, ?) SYNC", prefix); err != nil {
		return fmt.Errorf("killing inserts %s*: %w", prefix, err)
	}
	return nil
}

// highest reads the highest position of a lane in the partition's table.
func (s *store) highest(ctx context.Context, p *partition, lane bgp.LaneKey) (mark, error) {
	args := []any{s.dataset, lane.Collector, string(lane.Lane)}
	if p.table.perPartition {
		args = append(args, p.table.topic, p.partition)
	}
	m := mark{set: true}
	err := s.conn.QueryRow(s.consistent(ctx), s.sql(p.table.highest), args...).Scan(&m.epoch, &m.sequence,
		&m.idx)
	if errors.Is(err, sql.ErrNoRows) {
		return mark{}, nil
	}
	if err != nil {
		return mark{},
			fmt.Errorf("reading the highest position of %s %s in %s: %w", lane.Collector, string(lane.Lane),
				p.table.name, err)
	}
	return m, nil
}
