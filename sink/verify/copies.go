package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// view is a materialized view that fills a table.
type view struct {
	clickhouse.Copying

	target clickhouse.Table
	// time is the column of event time. hash is SQL for the hash of the compared columns.
	time, hash string
	// begin and end bound the time at which Kafka appended the compared rows.
	begin, end time.Time
}

// checkCopies compares every table that a view fills. until holds for each source the time of
// arrival before which all rows are stored.
func checkCopies(ctx context.Context, d *Deps, until map[string]time.Time) ([]CopyReport, error) {
	conn, err := clickhouse.Open(ctx, d.ClickHouse)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	copyings, err := d.ClickHouse.Copyings(ctx, conn)
	if err != nil {
		return nil, err
	}
	var all []CopyReport
	for _, c := range copyings {
		r, err := (&view{Copying: c}).check(ctx, d, until)
		if err != nil {
			return all, fmt.Errorf("comparing %s with its source: %w", c.To, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// check compares a table with the result of its view over the source.
func (v *view) check(ctx context.Context, d *Deps, until map[string]time.Time) (CopyReport, error) {
	r := CopyReport{Table: v.To, View: v.View}
	if err := v.prepare(ctx, d, until, &r); err != nil || r.Why != "" {
		return r, err
	}
	times, err := v.differing(ctx, d, span{step: 24 * time.Hour}, &r.Rows)
	if err != nil {
		return r, err
	}
	steps := []time.Duration{24 * time.Hour, time.Hour, time.Minute}
	if v.time == "hour" {
		steps = steps[:2]
	}
	var rows uint64 // the rows of finer steps; they were counted before
	for i, step := range steps[1:] {
		var finer []time.Time
		for _, at := range r.looked(times) {
			more, err := v.differing(ctx, d, span{at, steps[i], step}, &rows)
			if err != nil {
				return r, err
			}
			finer = append(finer, more...)
		}
		times = finer
	}
	last := steps[len(steps)-1]
	for _, at := range r.looked(times) {
		if err := v.nameRows(ctx, d, span{at, last, last}, &r); err != nil {
			return r, err
		}
	}
	return r, nil
}

// span is a span of event time. If lasts is 0, it covers all event time. step is the length of its
// subdivisions.
type span struct {
	from        time.Time
	lasts, step time.Duration
}

// looked returns the first differing times, which are examined further. It counts the others.
func (r *CopyReport) looked(times []time.Time) []time.Time {
	n := min(len(times), maxPlaces)
	r.NotLooked += len(times) - n
	return times[:n]
}

// prepare sets the columns and the bounds of the comparison.
func (v *view) prepare(ctx context.Context, d *Deps, until map[string]time.Time, r *CopyReport) error {
	var err error
	if v.target, err = clickhouse.ReadTable(ctx, d.ClickHouse, r.Table); err != nil {
		return err
	}
	source, err := clickhouse.ReadTable(ctx, d.ClickHouse, v.From)
	if err != nil {
		return err
	}
	v.time = v.target.Time()
	end, known := until[source.Name]
	if v.time == "" || !known || !v.target.Has("appended_at") {
		r.Why = "this darkmap does not know its source, its time or when its rows were appended"
		return nil
	}
	without := []string{"dataset"}
	// Any of the names is valid here.
	for _, c := range v.target.Columns {
		if strings.Contains(c.Type, "anyLast") {
			without = append(without, c.Name)
		}
	}
	v.hash, v.begin, v.end = v.target.RowHash(without...), d.From, end
	if !d.To.IsZero() && d.To.Before(v.end) {
		v.end = d.To
	}
	for _, t := range []clickhouse.Table{v.target, source} {
		if t.Expires == "" {
			continue
		}
		var oldest struct{ At int64 }
		sql := "SELECT toUnixTimestamp(now() + toIntervalHour(1)) AS At"
		if life, ok := strings.CutPrefix(t.Expires, "appended_at + "); ok {
			sql = "SELECT toUnixTimestamp(now() + toIntervalHour(1) - " + life + ") AS At"
		}
		if err := d.ClickHouse.AskRow(ctx, clickhouse.Query{SQL: sql}, &oldest); err != nil {
			return err
		}
		if at := time.Unix(oldest.At, 0); at.After(v.begin) {
			v.begin = at
		}
	}
	return nil
}

// sides returns SQL for the rows of both sides within a span of event time: side, h, at (event
// time), appended, and place, the key as text.
func (v *view) sides(d *Deps, of span) string {
	where := "WHERE dataset = " + clickhouse.QuoteText(d.Dataset)
	if of.lasts > 0 {
		where += fmt.Sprintf(" AND %s >= %s AND %s < %s", v.time, clickhouse.QuoteTime(of.from), v.time,
			clickhouse.QuoteTime(of.from.Add(of.lasts)))
	}
	key := named(slices.DeleteFunc(slices.Clone(v.target.Key), func(k string) bool { return k == "dataset" }))
	one := func(side int, from string) string {
		return fmt.Sprintf(
			"SELECT %d AS side, %s AS h, appended_at AS appended, %s AS place, toDateTime(%s, 'UTC') AS at FROM %s %s",
			side, v.hash, key, v.time, from, where)
	}
	source := "(" + v.Query + ")"
	if v.target.Version != "" {
		source = fmt.Sprintf("(SELECT * FROM %s WHERE dataset = %s ORDER BY %s DESC LIMIT 1 BY %s)", source,
			clickhouse.QuoteText(d.Dataset), v.target.Version, strings.Join(v.target.Key, ", "))
	}
	return one(1, source) + " UNION ALL " + one(2, d.ClickHouse.Database+"."+v.To)
}

// bounds returns an SQL condition for the rows that are compared.
func (v *view) bounds(least, most string) string {
	return fmt.Sprintf("%s >= toDateTime(%d, 'UTC') AND %s < toDateTime(%d, 'UTC')", least,
		max(v.begin.Unix(), 0), most, max(v.end.Unix(), 0))
}

// query returns a query that reads with FINAL, so that each row is read once.
func query(sql string) clickhouse.Query {
	q := clickhouse.Query{SQL: sql, Settings: settings()}
	q.Settings["final"] = "1"
	return q
}

// differing returns the steps of a span in which the sides differ, and adds the number of the
// source's rows to rows.
func (v *view) differing(ctx context.Context, d *Deps, of span, rows *uint64) ([]time.Time, error) {
	var all []time.Time
	sql := fmt.Sprintf(`SELECT toUnixTimestamp(toStartOfInterval(at, toIntervalSecond(%d))) AS At,
			countIf(side = 1) AS Rows,
			countIf(side = 1) != countIf(side = 2) OR sumIf(h, side = 1) != sumIf(h, side = 2) AS Differs
		FROM (%s) WHERE %s GROUP BY At ORDER BY At`,
		int(of.step.Seconds()), v.sides(d, of), v.bounds("appended", "appended"))
	err := d.ClickHouse.AskRows(ctx, query(sql), func(dec *json.Decoder) error {
		var n struct {
			At      int64
			Rows    uint64
			Differs int
		}
		err := dec.Decode(&n)
		*rows += n.Rows
		if n.Differs != 0 {
			all = append(all, time.Unix(n.At, 0).UTC())
		}
		return err
	})
	return all, err
}

// nameRows names the rows of a span that exist on one side only or differ. It leaves out rows that
// arrived after the check began.
func (v *view) nameRows(ctx context.Context, d *Deps, of span, r *CopyReport) error {
	sql := fmt.Sprintf(`SELECT if(s, 'missing', 'strange') AS State, count() AS Rows, 0 AS More,
		groupArray(%d)(CAST((0, place, note), 'Tuple(Offset Int64, Position String, Note String)')) AS Places
	FROM (
		SELECT place, countIf(side = 1) > 0 AS s,
			if(countIf(side = 1) > 0 AND countIf(side = 2) > 0, 'it is there and says something else', '') AS note
		FROM (%s) GROUP BY place
		HAVING (countIf(side = 1) != countIf(side = 2) OR sumIf(h, side = 1) != sumIf(h, side = 2)) AND %s
		ORDER BY place
	) GROUP BY s`, maxPlaces, v.sides(d, of), v.bounds("min(appended)", "max(appended)"))
	return d.ClickHouse.AskRows(ctx, query(sql), func(dec *json.Decoder) error {
		var f found
		err := dec.Decode(&f)
		if f.State == "missing" {
			r.Missing.add(f.Rows, f.Places...)
		} else {
			r.Strange.add(f.Rows, f.Places...)
		}
		return err
	})
}
