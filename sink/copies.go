package sink

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// filler is a materialized view: it selects from a table of the sink and fills another.
type filler struct {
	target, columns, selects string
}

// fillers lists the materialized views on a table.
func (s *store) fillers(ctx context.Context, table string) (all []filler, err error) {
	rows, err := s.conn.Query(ctx, `SELECT extract(any(t.create_table_query), ' TO (\S+)'), arrayStringConcat(arrayMap(c -> c.2, arraySort(groupArray((c.position, c.name)))), ', '), any(t.as_select)
		FROM system.tables AS t JOIN system.columns AS c ON c.database = t.database AND c.table = t.name
		WHERE t.database = ? AND t.engine = 'MaterializedView' AND t.name IN (SELECT arrayJoin(dependencies_table) FROM system.tables WHERE database = ? AND name = ?)
		GROUP BY t.name`, s.server.Database, s.server.Database, table)
	if err != nil {
		return nil, fmt.Errorf("looking for the views on %s: %w", table, err)
	}
	for rows.Next() {
		var f filler
		if err = rows.Scan(&f.target, &f.columns, &f.selects); err != nil {
			break
		}
		all = append(all, f)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("looking for the views on %s: %w", table, err)
	}
	return all, nil
}

// refill copies the part's rows from an offset on, appended at since or later, once more into the tables that views fill. An insert that
// was cut short may be in the table and not in its copies. A row that is copied twice is one row there.
func (s *store) refill(ctx context.Context, p *part, from int64, since time.Time) error {
	views, err := s.fillers(ctx, p.table.name)
	if err != nil {
		return err
	}
	rows := fmt.Sprintf("dataset = %s AND topic = %s AND partition = %d AND offset >= %d AND appended_at >= toDateTime(%d, 'UTC')",
		quoted(s.dataset), quoted(p.table.topic), p.partition, from, since.Unix())
	limited := clickhouse.Context(s.consistent(ctx), clickhouse.WithSettings(clickhouse.Settings{
		"additional_table_filters":        fmt.Sprintf("{%s: %s}", quoted(s.server.Database+"."+p.table.name), quoted(rows)),
		"max_partitions_per_insert_block": 0,
	}))
	for _, v := range views {
		if err := s.conn.Exec(limited, fmt.Sprintf("INSERT INTO %s (%s) %s", v.target, v.columns, v.selects)); err != nil {
			return fmt.Errorf("copying rows of %s into %s again: %w", p.table.name, v.target, err)
		}
	}
	return nil
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
