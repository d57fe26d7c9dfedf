package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// comparison compares rows with one table.
type comparison struct {
	d            *Deps
	topic, table string
	schema       clickhouse.Table
	// key holds the columns of the sorting key without dataset. hash is SQL for the hash of a row's
	// content, independent of the log from which the row was stored.
	key, hash string
	// position is SQL for the position of a row as text.
	position string
}

// fromLog holds the columns for the source of a row in the log, and repeats, which is derived from
// the table.
var fromLog = []string{"dataset", "topic", "partition", "offset", "appended_at", "received_at", "repeats"}

func newComparison(ctx context.Context, d *Deps, topic, table string) (*comparison, error) {
	t, err := clickhouse.ReadTable(ctx, d.ClickHouse, table)
	if err != nil {
		return nil, err
	}
	c := &comparison{d: d, topic: topic, table: d.ClickHouse.Database + "." + table, schema: t}
	c.key = strings.Join(slices.DeleteFunc(slices.Clone(t.Key), func(k string) bool { return k == "dataset" }),
		", ")
	c.hash = t.RowHash(fromLog...)
	// A record without received_at gets the time at which Kafka appended it.
	if t.Has("received_at") {
		c.hash = "cityHash64(" + c.hash + ", if(received_at = appended_at, 0, toUnixTimestamp64Micro(received_at)))"
	}
	var parts []string
	for _, name := range []string{"collector", "lane", "epoch", "sequence"} {
		switch {
		case t.Has("position_" + name):
			parts = append(parts, "position_"+name)
		case t.Has(name) && t.Has("lane"):
			parts = append(parts, name)
		}
	}
	if t.Has("idx") {
		parts = append(parts, "idx")
	}
	c.position = named(parts)
	return c, nil
}

// named returns SQL for the values of columns as text, each with the name of its column.
func named(columns []string) string {
	if len(columns) == 0 {
		return "''"
	}
	parts := make([]string, len(columns))
	for i, name := range columns {
		parts[i] = fmt.Sprintf("concat('%s ', toString(%s))", name, name)
	}
	return "arrayStringConcat([" + strings.Join(parts, ", ") + "], ', ')"
}

// expected is the name of the table of the rows made from the log.
const expected = "expected"

// stored returns SQL for the rows of the table with a key in the piece.
func (c *comparison) stored() string {
	return fmt.Sprintf("FROM %s WHERE dataset = %s AND (%s) IN (SELECT %s FROM %s)", c.table,
		clickhouse.QuoteText(c.d.Dataset), c.key, c.key, expected)
}

func (c *comparison) query(sql string, rows proto.Input) clickhouse.Query {
	q := clickhouse.Query{SQL: sql, Settings: settings()}
	if rows != nil {
		q.External = &clickhouse.External{Name: expected, Structure: c.schema.Structure(), Columns: rows}
	}
	return q
}

// settings returns the settings of all queries: no time limit, and spilling to disk before a query
// takes much memory.
func settings() map[string]string {
	return map[string]string{
		"max_execution_time": "0", "max_threads": "2", "use_query_condition_cache": "0",
		"max_query_size":                     "16777216",
		"max_bytes_before_external_group_by": "268435456", "max_bytes_before_external_sort": "268435456",
	}
}

// compare compares a piece and adds the faults to out. It returns the number of the table's rows
// that come from these records.
func (c *comparison) compare(ctx context.Context, rows proto.Input, partition int32,
	out *TableReport,
) (own uint64, err error) {
	var n struct{ Want, WantHash, WantAll, Have, HaveHash, HaveAll uint64 }
	const side = "SELECT count() AS n, sum(h) AS s, " +
		"sum(cityHash64(h, topic, partition, offset, appended_at)) AS a " +
		"FROM (SELECT %s AS h, topic, partition, offset, appended_at %s)"
	sql := fmt.Sprintf(
		"SELECT w.n AS Want, w.s AS WantHash, w.a AS WantAll, t.n AS Have, t.s AS HaveHash, t.a AS HaveAll "+
			"FROM ("+side+") AS w CROSS JOIN ("+side+") AS t",
		c.hash, "FROM "+expected, c.hash, c.stored())
	if err := c.d.ClickHouse.AskRow(ctx, c.query(sql, rows), &n); err != nil {
		return 0, err
	}
	if n.Want == n.Have && n.WantAll == n.HaveAll {
		return n.Want, nil
	}
	if n.Want != n.Have || n.WantHash != n.HaveHash {
		if err := c.nameFaults(ctx, rows, partition, out); err != nil {
			return 0, err
		}
	}
	var o struct{ Own uint64 }
	err = c.d.ClickHouse.AskRow(ctx,
		c.query(fmt.Sprintf(
			"SELECT count() AS Own %s AND (topic, partition, offset, appended_at, %s) "+
				"IN (SELECT topic, partition, offset, appended_at, %s FROM %s)",
			c.stored(), c.key, c.key, expected), rows), &o)
	out.Elsewhere += n.Have - min(o.Own, n.Have)
	return o.Own, err
}

// found is one result row of nameFaults.
type found struct {
	State      string
	Rows, More uint64
	Places     []Place
}

// nameFaults names the rows of a piece that are missing, doubled or different.
func (c *comparison) nameFaults(ctx context.Context, rows proto.Input, partition int32,
	out *TableReport,
) error {
	var values, differing []string
	for _, col := range c.schema.Columns {
		if slices.Contains(fromLog, col.Name) || slices.Contains(c.schema.Key, col.Name) {
			continue
		}
		text := "ifNull(toString(`" + col.Name + "`), 'NULL')"
		values = append(values, "any("+text+") AS `stored "+col.Name+"`")
		differing = append(differing, "if("+text+" != `stored "+col.Name+"`, '"+col.Name+"', '')")
	}
	if len(values) == 0 {
		differing = []string{"''"}
	}
	expired := "0"
	if c.schema.Expires != "" {
		expired = "(" + c.schema.Expires + ") < now()"
	}
	for _, final := range []bool{false, true} {
		q := c.query(fmt.Sprintf(`SELECT state AS State, count() AS Rows, sum(more) AS More,
			groupArray(%d)(place) AS Places
		FROM (
			SELECT multiIf(n = 0, if(%s, 'dropped', 'missing'), low != h OR high != h, 'different',
					n > 1, 'doubled', 'right') AS state,
				if(n > 1, n - 1, 0) AS more,
				CAST((offset, %s, if(n = 0, '', arrayStringConcat(arrayFilter(x -> x != '', [%s]), ', '))),
					'Tuple(Offset Int64, Position String, Note String)') AS place
			FROM (SELECT *, %s AS h FROM %s) AS e
			LEFT JOIN (SELECT %s FROM (SELECT *, %s AS h %s) GROUP BY %s) AS t USING (%s)
			ORDER BY offset
		) WHERE state != 'right' GROUP BY state`,
			maxPlaces, expired, c.position, strings.Join(differing, ", "), c.hash, expected,
			strings.Join(append([]string{c.key, "count() AS n, min(h) AS low, max(h) AS high"}, values...),
				", "), c.hash, c.stored(), c.key, c.key), rows)
		if final {
			q.Settings["final"] = "1"
		}
		doubled := false
		err := c.d.ClickHouse.AskRows(ctx, q, func(d *json.Decoder) error {
			var f found
			err := d.Decode(&f)
			doubled = doubled || f.More > 0
			out.take(f, partition, final)
			return err
		})
		if err != nil || !doubled {
			return err
		}
	}
	return nil
}

// inPiece returns SQL for rows whose columns name a range of records as their origin.
func (c *comparison) inPiece(partition int32, from, to int64, first, last time.Time) string {
	return fmt.Sprintf(
		"FROM %s WHERE dataset = %s AND topic = %s AND partition = %d AND offset >= %d AND offset < %d "+
			"AND appended_at >= toDateTime(%d, 'UTC') AND appended_at <= toDateTime(%d, 'UTC')",
		c.table, clickhouse.QuoteText(c.d.Dataset), clickhouse.QuoteText(c.topic),
		partition, from, to, first.Unix(), last.Unix())
}

// countByPiece counts, by a piece's first offset, the rows whose columns name the records of the
// piece as their origin.
func (c *comparison) countByPiece(ctx context.Context, partition int32, pieces []piece, end int64,
	first, last time.Time,
) (map[int64]uint64, error) {
	froms := make([]string, len(pieces))
	for i, p := range pieces {
		froms[i] = fmt.Sprintf("toInt64(%d)", p.from)
	}
	have := map[int64]uint64{}
	sql := fmt.Sprintf("SELECT roundDown(offset, [%s]) AS First, count() AS Rows %s GROUP BY First",
		strings.Join(froms, ", "), c.inPiece(partition, pieces[0].from, end, first, last))
	err := c.d.ClickHouse.AskRows(ctx, c.query(sql, nil), func(d *json.Decoder) error {
		var n struct {
			First int64
			Rows  uint64
		}
		err := d.Decode(&n)
		have[n.First] = n.Rows
		return err
	})
	return have, err
}

// nameStrangers names the rows whose columns name the records as their origin but that are not
// among rows.
func (c *comparison) nameStrangers(ctx context.Context, rows proto.Input, partition int32,
	from, to int64, first, last time.Time, out *TableReport,
) error {
	sql := fmt.Sprintf(`SELECT 'strange' AS State, count() AS Rows, 0 AS More,
			groupArray(%d)(CAST((offset, %s, ''), 'Tuple(Offset Int64, Position String, Note String)')) AS Places
		FROM (SELECT * %s AND (%s) NOT IN (SELECT %s FROM %s) ORDER BY offset)`,
		maxPlaces, c.position, c.inPiece(partition, from, to, first, last), c.key, c.key, expected)
	return c.d.ClickHouse.AskRows(ctx, c.query(sql, rows), func(d *json.Decoder) error {
		var f found
		err := d.Decode(&f)
		out.take(f, partition, false)
		return err
	})
}

// countBefore counts the rows of a partition that were stored from records that Kafka appended
// before first.
func (c *comparison) countBefore(ctx context.Context, partition int32, first time.Time) (uint64, error) {
	var n struct{ Rows uint64 }
	sql := fmt.Sprintf(
		"SELECT count() AS Rows FROM %s WHERE dataset = %s AND topic = %s AND partition = %d "+
			"AND appended_at < toDateTime(%d, 'UTC')",
		c.table, clickhouse.QuoteText(c.d.Dataset), clickhouse.QuoteText(c.topic), partition, first.Unix())
	err := c.d.ClickHouse.AskRow(ctx, c.query(sql, nil), &n)
	return n.Rows, err
}
