package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Table describes a table for programs that compare and copy rows.
type Table struct {
	// Name is the name of the table, without the database.
	Name string
	// Columns lists the columns with stored values, in order.
	Columns []Column
	// Key lists the plain columns of the sorting key, without its expressions. FINAL merges rows
	// with equal values in them.
	Key []string
	// Version is the column by which FINAL chooses among rows with equal Key: it keeps the row with
	// the highest value. It is empty if such rows are equal.
	Version string
	// Expires is a SQL expression for the time after which a row may be deleted. It is empty if the
	// table keeps its rows forever.
	Expires string
}

// Column is a column of a Table.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// versionOf matches the last argument of the engine that takes a version.
var versionOf = regexp.MustCompile(`^(?:Replicated)?ReplacingMergeTree\((?:[^)]*, )?([a-z_]+)\)`)

// ReadTable describes a table of the server's database.
func ReadTable(ctx context.Context, s Server, name string) (Table, error) {
	t := Table{Name: name}
	err := s.AskRows(ctx, Query{
		SQL: "SELECT name, type FROM system.columns WHERE database = " + QuoteText(s.Database) +
			" AND table = " + QuoteText(name) +
			" AND default_kind NOT IN ('ALIAS', 'EPHEMERAL') ORDER BY position",
	}, func(d *json.Decoder) error {
		var c Column
		err := d.Decode(&c)
		t.Columns = append(t.Columns, c)
		return err
	})
	if err != nil {
		return t, fmt.Errorf("looking at the columns of %s: %w", name, err)
	}
	var info struct{ Key, Engine string }
	err = s.AskRow(ctx, Query{
		SQL: "SELECT sorting_key AS Key, engine_full AS Engine FROM system.tables WHERE database = " +
			QuoteText(s.Database) + " AND name = " + QuoteText(name),
	}, &info)
	if err != nil {
		return t, fmt.Errorf("looking at table %s: %w", name, err)
	}
	for name := range strings.SplitSeq(info.Key, ", ") {
		if t.Has(name) {
			t.Key = append(t.Key, name)
		}
	}
	if m := versionOf.FindStringSubmatch(info.Engine); m != nil && t.Has(m[1]) {
		t.Version = m[1]
	}
	if m := timeToLive.FindStringSubmatch(info.Engine); m != nil {
		for _, part := range topLevel(m[1]) {
			if !moves.MatchString(part) {
				t.Expires = strings.TrimSuffix(part, " DELETE")
			}
		}
	}
	return t, nil
}

// Has reports whether the table has a column.
func (t *Table) Has(name string) bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.Name == name })
}

// Time returns the column of event time. It is empty if the table has none.
func (t *Table) Time() string {
	for _, name := range []string{"timestamp", "hour", "decided_at", "appended_at"} {
		if t.Has(name) {
			return name
		}
	}
	return ""
}

// Structure returns the columns of the table in the form of CREATE TABLE.
func (t *Table) Structure() string {
	parts := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		parts[i] = quoteName(c.Name) + " " + c.Type
	}
	return strings.Join(parts, ", ")
}

// Names returns the quoted names of the columns, except those in without.
func (t *Table) Names(without ...string) []string {
	var all []string
	for _, c := range t.Columns {
		if !slices.Contains(without, c.Name) {
			all = append(all, quoteName(c.Name))
		}
	}
	return all
}

// RowHash returns a SQL expression for a hash of a row's columns, except those in without. The hash
// is a UInt64 and never NULL. Two sets of rows in any order are equal if the sums of their hashes
// are equal.
func (t *Table) RowHash(without ...string) string {
	var parts []string
	for _, c := range t.Columns {
		if !slices.Contains(without, c.Name) {
			parts = append(parts, c.hashed())
		}
	}
	return "cityHash64(" + strings.Join(parts, ", ") + ")"
}

// hashed returns a SQL expression for the hashed form of the column. A value that consists of
// several is hashed as text, and NULL as a text that no other value has.
func (c Column) hashed() string {
	name := quoteName(c.Name)
	kind, _, _ := strings.Cut(c.Type, "(")
	switch kind {
	case "Nullable":
		return "ifNull(toString(" + name + "), '\\0')"
	case "Array", "Map", "Tuple", "SimpleAggregateFunction":
		return "toString(" + name + ")"
	}
	return name
}

// AskRows runs a query over the HTTP interface. take reads its rows; each is a JSON object with the
// names of the columns. The query must not contain a FORMAT.
func (s Server) AskRows(ctx context.Context, q Query, take func(*json.Decoder) error) error {
	settings := map[string]string{"output_format_json_quote_64bit_integers": "0"}
	maps.Copy(settings, q.Settings)
	q.Format, q.Settings = "JSONEachRow", settings
	answer, err := s.HTTP(ctx, q)
	if err != nil {
		return err
	}
	d := json.NewDecoder(answer)
	for err == nil && d.More() {
		err = take(d)
	}
	if err == nil {
		_, err = d.Token() // truncated output ends with its error
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return errors.Join(err, answer.Close())
}

// AskRow runs a query that returns one row, and decodes the row into out.
func (s Server) AskRow(ctx context.Context, q Query, out any) error {
	n := 0
	err := s.AskRows(ctx, q, func(d *json.Decoder) error {
		n++
		return d.Decode(out)
	})
	if err == nil && n != 1 {
		err = fmt.Errorf("asking ClickHouse: %d rows came, not 1", n)
	}
	return err
}

// DeleteRows deletes rows of a table and waits until they are deleted. where is a SQL condition.
func DeleteRows(ctx context.Context, s Server, table, where string) error {
	q := Query{
		SQL:      fmt.Sprintf("ALTER TABLE %s.%s %s DELETE WHERE %s", s.Database, table, s.onCluster(), where),
		Settings: map[string]string{"mutations_sync": "2"},
	}
	if err := s.ask(ctx, q); err != nil {
		return fmt.Errorf("deleting rows of %s: %w", table, err)
	}
	return nil
}

// KillQueries ends the queries whose ids begin with prefix, and waits for their end.
func KillQueries(ctx context.Context, s Server, prefix string) error {
	if err := s.Ask(ctx, "KILL QUERY "+s.onCluster()+
		" WHERE startsWith(query_id, "+QuoteText(prefix)+") SYNC"); err != nil {
		return fmt.Errorf("ending queries %s*: %w", prefix, err)
	}
	return nil
}
