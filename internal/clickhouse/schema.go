package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// schema describes the tables and views of one database, by name.
type schema map[string]*tableSchema

// tableSchema is one table or view as ClickHouse describes it.
type tableSchema struct {
	Engine       string `json:"engine"`
	SortingKey   string `json:"sorting_key,omitempty"`
	PartitionKey string `json:"partition_key,omitempty"`
	// EngineFull is the engine with its keys, times to live and settings.
	EngineFull string `json:"-"`
	// Create is the statement that makes the table.
	Create string `json:"create"`
	// Columns are in the order of the table.
	Columns []columnSchema `json:"columns"`
	// Indexes and Projections hold the definitions by name, in the form of ALTER TABLE ADD.
	Indexes     map[string]string `json:"indexes,omitempty"`
	Projections map[string]string `json:"projections,omitempty"`
}

// columnSchema is one column.
type columnSchema struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// DefaultKind is DEFAULT, MATERIALIZED, ALIAS or empty; Default is its expression.
	DefaultKind string `json:"default_kind,omitempty"`
	Default     string `json:"default,omitempty"`
	Comment     string `json:"comment,omitempty"`
}

// definer matches the user who made a view. It is not part of the desired schema.
var definer = regexp.MustCompile(` DEFINER = \S+`)

// view reports whether the table is a plain view: it has no rows of its own and can be replaced.
func (t *tableSchema) view() bool { return t.Engine == "View" }

// kind returns the kind of the table in an operator's words.
func (t *tableSchema) kind() string {
	switch t.Engine {
	case "View":
		return "view"
	case "MaterializedView":
		return "materialized view"
	case "Dictionary":
		return "dictionary"
	}
	return "table"
}

// storage returns the engine without the prefix of its replicated form.
func (t *tableSchema) storage() string {
	return strings.TrimPrefix(strings.TrimPrefix(t.Engine, "Replicated"), "Shared")
}

// column returns the column of the name, or nil if the table has none.
func (t *tableSchema) column(name string) *columnSchema {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// definition returns the column in the form of ALTER TABLE ADD COLUMN.
func (c *columnSchema) definition() string {
	d := quoteName(c.Name) + " " + c.Type
	if c.DefaultKind != "" {
		d += " " + c.DefaultKind + " " + c.Default
	}
	if c.Comment != "" {
		d += " COMMENT " + QuoteText(c.Comment)
	}
	return d
}

func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "\\`") + "`" }

// QuoteTime returns a SQL literal for a time in microseconds. Do not compare a column of
// microseconds with a time in seconds by < or >. If ClickHouse 26.7 uses an index, it reads x <
// toDateTime(t) as x <= t - 1 s and omits the rows in between. A column of seconds may be compared
// with a QuoteTime.
func QuoteTime(t time.Time) string {
	return "toDateTime64('" + TimeText(t) + "', 6, 'UTC')"
}

// TimeText returns t as the value of a parameter {name:DateTime64(6, 'UTC')}.
func TimeText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// QuoteText returns text as a SQL literal.
func QuoteText(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// readSchema describes the database. It returns an empty schema if the database does not exist.
func readSchema(ctx context.Context, conn driver.Conn, database string) (schema, error) {
	all := schema{}
	err := each(ctx, conn,
		"SELECT name, engine, sorting_key, partition_key, engine_full, create_table_query "+
			"FROM system.tables WHERE database = ?",
		database, func(rows driver.Rows) error {
			var name string
			t := &tableSchema{Indexes: map[string]string{}, Projections: map[string]string{}}
			err := rows.Scan(&name, &t.Engine, &t.SortingKey, &t.PartitionKey, &t.EngineFull, &t.Create)
			t.Create = definer.ReplaceAllString(t.Create, "")
			all[name] = t
			return err
		})
	if err == nil {
		err = all.readColumns(ctx, conn, database)
	}
	if err == nil {
		err = all.readExtras(ctx, conn, database)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the schema of database %s: %w", database, err)
	}
	return all, nil
}

func (s schema) readColumns(ctx context.Context, conn driver.Conn, database string) error {
	q := "SELECT table, name, type, default_kind, default_expression, comment " +
		"FROM system.columns WHERE database = ? ORDER BY table, position"
	return each(ctx, conn, q, database, func(rows driver.Rows) error {
		var table string
		var c columnSchema
		if err := rows.Scan(&table, &c.Name, &c.Type, &c.DefaultKind, &c.Default, &c.Comment); err != nil {
			return err
		}
		if t := s[table]; t != nil { // the table may be newer than the list of tables
			t.Columns = append(t.Columns, c)
		}
		return nil
	})
}

// readExtras reads the indexes and projections.
func (s schema) readExtras(ctx context.Context, conn driver.Conn, database string) error {
	q := "SELECT table, name, expr, type_full, granularity FROM system.data_skipping_indices WHERE database = ?"
	err := each(ctx, conn, q, database, func(rows driver.Rows) error {
		var table, name, expr, kind string
		var granularity uint64
		if err := rows.Scan(&table, &name, &expr, &kind, &granularity); err != nil {
			return err
		}
		if t := s[table]; t != nil {
			t.Indexes[name] = fmt.Sprintf("INDEX %s %s TYPE %s GRANULARITY %d",
				quoteName(name), expr, kind, granularity)
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = each(ctx, conn, "SELECT table, name, query FROM system.projections WHERE database = ?",
		database, func(rows driver.Rows) error {
			var table, name, query string
			if err := rows.Scan(&table, &name, &query); err != nil {
				return err
			}
			if t := s[table]; t != nil {
				t.Projections[name] = fmt.Sprintf("PROJECTION %s (%s)", quoteName(name), query)
			}
			return nil
		})
	// Servers before 24.9 do not list projections, so these are not compared.
	if Code(err) == int(proto.ErrUnknownTable) {
		return nil
	}
	return err
}

// each runs a query and calls fn for every row. arg is the value of the query's ?, or "" if it has
// none.
func each(ctx context.Context, conn driver.Conn, query, arg string, fn func(driver.Rows) error) error {
	var args []any
	if arg != "" {
		args = append(args, arg)
	}
	rows, err := conn.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err = fn(rows); err != nil {
			break
		}
	}
	return errors.Join(err, rows.Err(), rows.Close())
}

// moved returns the schema with the name of the database replaced in every text.
func (s schema) moved(from, to string) schema {
	replace := func(text string) string {
		return strings.ReplaceAll(strings.ReplaceAll(text, quoteName(from)+".", to+"."), from+".", to+".")
	}
	out := make(schema, len(s))
	for name, t := range s {
		m := *t
		m.Create = replace(t.Create)
		m.Columns = make([]columnSchema, len(t.Columns))
		for i, c := range t.Columns {
			c.Default = replace(c.Default)
			m.Columns[i] = c
		}
		m.Projections = map[string]string{}
		for n, p := range t.Projections {
			m.Projections[n] = replace(p)
		}
		out[name] = &m
	}
	return out
}
