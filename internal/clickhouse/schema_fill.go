package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// copying describes a materialized view: it fills the table to from the table from by a query. The groups of CREATE MATERIALIZED VIEW as
// ClickHouse writes it are to and the query; a comment stands before or behind the query.
var (
	copying    = regexp.MustCompile(`(?s)^CREATE MATERIALIZED VIEW \S+ TO (\S+) \(.*?\)(?: SQL SECURITY [A-Z]+)?(?: COMMENT '(?:[^'\\]|\\.)*')? AS ((?:SELECT|WITH) .*?)(?: COMMENT '.*)?$`)
	copiedFrom = regexp.MustCompile(`(?s)^(.* FROM )(\S+?)(?: AS (\S+))?((?: .*)?)$`)
)

// unfilled are the materialized views that were not there, or were others, or whose table was not there: that table lacks rows.
func (want schema) unfilled(have schema, exact bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w := want[name]
		if w.kind() != "materialized view" {
			continue
		}
		h := have[name]
		lost := h == nil || exact && h.Create != w.Create
		if m := copying.FindStringSubmatch(w.Create); m != nil && !lost {
			_, table, _ := strings.Cut(m[1], ".")
			lost = have[table] == nil
		}
		if lost {
			names = append(names, name)
		}
	}
	return names
}

// fill runs the queries of materialized views on the rows that are there, partition by partition, and says so. A row that is in the table
// already comes twice, which the tables that views fill make one under FINAL.
func (r *migration) fill(ctx context.Context, want schema, views []string) ([]string, error) {
	var done []string
	for _, name := range views {
		to, from, query, ok := want[name].copies()
		if !ok {
			return done, fmt.Errorf("%w (database %s): the query of materialized view %s is not one of one table, so what it missed cannot be filled", ErrSchema, r.server.Database, name)
		}
		partitions, err := r.server.partitions(ctx, r.conn, from)
		if err != nil {
			return done, err
		}
		var rows uint64
		for n, p := range partitions {
			r.Say(fmt.Sprintf("filling %s again from %s: partition %d of %d", to, from, n+1, len(partitions)))
			if err := r.exec(ctx, Statement{SQL: query}.For(p.id)); err != nil {
				return done, fmt.Errorf("filling %s from partition %s of %s: %w", to, p.id, from, err)
			}
			rows += p.rows
		}
		if rows > 0 {
			done = append(done, fmt.Sprintf("table %s was filled again from the %d rows of %s", to, rows, from))
		}
	}
	return done, nil
}

// copies returns the tables of a materialized view and the statement that copies one partition, for Statement.For.
func (t *tableSchema) copies() (to, from, statement string, ok bool) {
	m := copying.FindStringSubmatch(t.Create)
	if m == nil || strings.Count(m[2], " FROM ") != 1 {
		return "", "", "", false
	}
	q := copiedFrom.FindStringSubmatch(m[2])
	if q == nil || strings.HasPrefix(q[2], "(") {
		return "", "", "", false
	}
	_, to, _ = strings.Cut(m[1], ".")
	_, from, _ = strings.Cut(q[2], ".")
	alias := q[3]
	if alias == "" {
		alias = from
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quoteName(c.Name)
	}
	statement = fmt.Sprintf("INSERT INTO %s (%s) %s(SELECT * FROM %s WHERE _partition_id = %s) AS %s%s SETTINGS asterisk_include_alias_columns = 1, max_partitions_per_insert_block = 0",
		m[1], strings.Join(names, ", "), q[1], q[2], partitionMark, alias, q[4])
	return to, from, statement, true
}
