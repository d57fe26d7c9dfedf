// Package outagestore reads outages from ClickHouse.
//
// Its input are the tables outage_events and panel. Its output is the newest state of each outage
// of a dataset that passes a filter. ClickHouse preselects by dataset, time and type;
// outagelog.Filter decides, as everywhere. The package starts no goroutine.
package outagestore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// Found is the result of Select.
type Found struct {
	// Entries are in the order of outagelog.Sort, at most limit of them: those with the latest
	// start.
	Entries []outagelog.Entry
	// Matched is the number of outages that pass. Tally gives the reasons if none does.
	Matched int
	Tally   *outagelog.Tally
}

// pageSize is the number of outages whose objects are read at a time.
const pageSize = 500

// brief holds the fields of an outage that a filter tests, and the key of its newest record.
type brief struct {
	outage        bgp.Outage
	epoch, serial uint64
}

// Select returns the outages of a dataset that pass the filter, the newest limit of them. The
// duration of an open outage extends to the time up to which the dataset has decided.
func Select(
	ctx context.Context, s clickhouse.Server, dataset string, f outagelog.Filter, limit int,
) (*Found, error) {
	conn, err := clickhouse.Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	r := reader{conn: conn, database: s.Database, dataset: dataset}
	if r.countries, err = clickhouse.HasColumn(ctx, s, conn, "outage_events", "countries"); err != nil {
		return nil, err
	}
	found := &Found{Tally: outagelog.NewTally(f)}
	var passed []brief
	err = r.briefs(ctx, f, func(b brief) {
		if found.Tally.Add(b.outage) {
			passed = append(passed, b)
		}
	})
	if err != nil {
		return nil, err
	}
	found.Matched = len(passed)
	// The tally includes the outages that ClickHouse left out.
	if len(passed) == 0 && (!f.From.IsZero() || !f.To.IsZero() || len(f.Types) > 0) {
		found.Tally = outagelog.NewTally(f)
		return found, r.briefs(ctx, outagelog.Filter{}, func(b brief) { found.Tally.Add(b.outage) })
	}
	slices.SortFunc(passed, func(a, b brief) int { return b.outage.Start.Compare(a.outage.Start) })
	passed = passed[:min(len(passed), limit)]
	for page := range slices.Chunk(passed, pageSize) {
		entries, err := r.whole(ctx, page)
		if err != nil {
			return nil, err
		}
		found.Entries = append(found.Entries, entries...)
	}
	outagelog.Sort(found.Entries)
	return found, r.lengthen(ctx, found.Entries)
}

// reader reads the outages of one dataset.
type reader struct {
	conn              clickhouse.Conn
	database, dataset string
	countries         bool // the table has the column countries
}

// briefs calls fn with the newest state of every outage that can pass the filter's window and
// types, and of few others.
func (r reader) briefs(ctx context.Context, f outagelog.Filter, fn func(brief)) error {
	q, args := r.briefQuery(f)
	rows, err := r.conn.Query(ctx, q, args...)
	if err != nil {
		return fmt.Errorf("looking for outages of %s: %w", r.dataset, err)
	}
	for rows.Next() {
		var b brief
		var typ, kind, state, severity string
		var origins []uint32
		o := &b.outage
		err = rows.Scan(&o.ID, &o.Sequence, &b.epoch, &b.serial, &typ, &o.Entity.Code, &o.Family,
			&kind, &state, &severity, &o.Blip, &o.Start, &o.End, &origins, &o.Countries)
		if err == nil {
			err = o.Entity.Type.UnmarshalText([]byte(typ))
		}
		if err != nil {
			break
		}
		o.Kind, o.State, o.Severity = bgp.Kind(kind), bgp.State(state), bgp.Severity(severity)
		for _, a := range origins {
			o.Origins = append(o.Origins, bgp.AS{ASN: bgp.ASN(a)})
		}
		fn(b)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("looking for outages of %s: %w", r.dataset, err)
	}
	return nil
}

// briefQuery returns the query of briefs.
func (r reader) briefQuery(f outagelog.Filter) (q string, args []any) {
	countries := "countries"
	if !r.countries {
		countries = "CAST([], 'Array(String)') AS countries"
	}
	q = "SELECT id, sequence, position_epoch, position_sequence, toString(entity_type) AS type, " +
		"entity_code, toString(family) AS fam, kind, state, severity, blip, start, end, origins, " +
		countries +
		" FROM " + r.database +
		".outage_events WHERE dataset = ? " +
		"ORDER BY id, sequence DESC, position_epoch DESC, position_sequence DESC LIMIT 1 BY id"
	q = "SELECT id, sequence, position_epoch, position_sequence, type, entity_code, fam, kind, state, " +
		"severity, blip, start, end, origins, countries FROM (" +
		q + ") WHERE 1"
	args = []any{r.dataset}
	if !f.From.IsZero() {
		q += " AND (end IS NULL OR end >= toDateTime(?, 'UTC'))"
		args = append(args, seconds(f.From))
	}
	if !f.To.IsZero() {
		q += " AND start <= toDateTime(?, 'UTC')"
		args = append(args, seconds(f.To))
	}
	if len(f.Types) > 0 {
		types := make([]string, len(f.Types))
		for i, t := range f.Types {
			types[i] = clickhouse.QuoteText(t.String())
		}
		q += " AND type IN (" + strings.Join(types, ", ") + ")"
	}
	return q, args
}

// seconds returns t in Unix seconds, within the range of the columns.
func seconds(t time.Time) int64 { return min(max(t.Unix(), 0), 1<<32-1) }

// whole reads the objects of a page of outages.
func (r reader) whole(ctx context.Context, page []brief) ([]outagelog.Entry, error) {
	keys := make([]string, len(page))
	for i, b := range page {
		keys[i] = fmt.Sprintf("(%s, %d, %d, %d)", clickhouse.QuoteText(b.outage.ID),
			b.outage.Sequence, b.epoch, b.serial)
	}
	q := "SELECT id, any(json) FROM " + r.database +
		".outage_events WHERE dataset = ? AND (id, sequence, position_epoch, position_sequence) IN (" +
		strings.Join(keys, ", ") + ") GROUP BY id"
	rows, err := r.conn.Query(ctx, q, r.dataset)
	if err != nil {
		return nil, fmt.Errorf("reading outages of %s: %w", r.dataset, err)
	}
	var out []outagelog.Entry
	for rows.Next() {
		var id, object string
		var e outagelog.Entry
		if err = rows.Scan(&id, &object); err != nil {
			break
		}
		if err = json.Unmarshal([]byte(object), &e.Outage); err != nil {
			err = fmt.Errorf("outage %s: %w", id, err)
			break
		}
		e.Outage.Previous, e.JSON = nil, []byte(object)
		out = append(out, e)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return nil, fmt.Errorf("reading outages of %s: %w", r.dataset, err)
	}
	return out, nil
}

// lengthen extends the duration of open outages to the time up to which the dataset has decided.
func (r reader) lengthen(ctx context.Context, all []outagelog.Entry) error {
	if !slices.ContainsFunc(all, func(e outagelog.Entry) bool { return e.Outage.End == nil }) {
		return nil
	}
	var until time.Time
	q := fmt.Sprintf("SELECT greatest((SELECT max(decided_at) FROM %[1]s.outage_events WHERE dataset = ?), "+
		"(SELECT max(timestamp) FROM %[1]s.panel WHERE dataset = ?))",
		r.database)
	if err := r.conn.QueryRow(ctx, q, r.dataset, r.dataset).Scan(&until); err != nil {
		return fmt.Errorf("looking how far %s has decided: %w", r.dataset, err)
	}
	for i := range all {
		if o := &all[i].Outage; o.End == nil && until.After(o.Start) {
			o.DurationSeconds = max(o.DurationSeconds, int64(until.Sub(o.Start).Seconds()))
		}
	}
	return nil
}
