package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// refill copies rows of the partition once more into the tables that views fill: rows from offset
// from on, appended at since or later. An insert that was cut short may be in the table but not in
// its copies. A row that is copied twice is one row in the copy.
func (s *store) refill(ctx context.Context, p *partition, from int64, since time.Time) error {
	copyings, err := s.server.Copyings(ctx, s.conn)
	if err != nil {
		return err
	}
	rows := fmt.Sprintf(
		"dataset = %s AND topic = %s AND partition = %d AND offset >= %d AND appended_at >= toDateTime(%d, 'UTC')",
		clickhouse.QuoteText(s.dataset), clickhouse.QuoteText(p.table.topic), p.partition, from, since.Unix())
	for _, c := range copyings {
		if c.From != p.table.name {
			continue
		}
		if err := s.conn.Exec(s.consistent(ctx), c.Again(s.server.Database, rows)); err != nil {
			return fmt.Errorf("copying rows of %s into %s again: %w", c.From, c.To, err)
		}
	}
	return nil
}
