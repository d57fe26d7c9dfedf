package clickhouse

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// target matches the table that a materialized view fills, in the view's CREATE as ClickHouse
// writes it.
var target = regexp.MustCompile(`^CREATE MATERIALIZED VIEW \S+ TO [^ .]+\.(\S+)`)

// unfilled returns the materialized views that were missing or different, or whose table was
// missing. Rows are missing in the tables of these views.
func (want schema) unfilled(have schema, exact bool) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		w := want[name]
		if w.kind() != "materialized view" {
			continue
		}
		h := have[name]
		lost := h == nil || exact && h.Create != w.Create
		if m := target.FindStringSubmatch(w.Create); m != nil && !lost {
			lost = have[m[1]] == nil
		}
		if lost {
			names = append(names, name)
		}
	}
	return names
}

// fill copies the existing rows through the materialized views again, partition by partition, and
// describes the result.
func (r *migration) fill(ctx context.Context, views []string) ([]string, error) {
	if len(views) == 0 {
		return nil, nil
	}
	all, err := r.server.Copyings(ctx, r.conn)
	if err != nil {
		return nil, err
	}
	var done []string
	for _, name := range views {
		i := slices.IndexFunc(all, func(c Copying) bool { return c.View == name })
		if i < 0 || strings.Count(all[i].Query, " FROM ") != 1 {
			return done, fmt.Errorf(
				"%w (database %s): the query of materialized view %s does not read exactly one table, "+
					"so the rows that it missed cannot be filled in",
				ErrSchema, r.server.Database, name)
		}
		rows, err := r.copyAgain(ctx, all[i])
		if err != nil {
			return done, err
		}
		if rows > 0 {
			done = append(done, fmt.Sprintf("table %s was filled again from the %d rows of %s",
				all[i].To, rows, all[i].From))
		}
	}
	return done, nil
}

// copyAgain copies all rows through a materialized view again, and returns their number.
func (r *migration) copyAgain(ctx context.Context, c Copying) (rows uint64, err error) {
	partitions, err := r.server.partitions(ctx, r.conn, c.From)
	if err != nil {
		return 0, err
	}
	for n, p := range partitions {
		r.Say(fmt.Sprintf("filling %s again from %s: partition %d of %d", c.To, c.From, n+1, len(partitions)))
		if err := r.exec(ctx, c.Again(r.server.Database, "_partition_id = "+QuoteText(p.id))); err != nil {
			return 0, fmt.Errorf("filling %s from partition %s of %s: %w", c.To, p.id, c.From, err)
		}
		rows += p.rows
	}
	return rows, nil
}
