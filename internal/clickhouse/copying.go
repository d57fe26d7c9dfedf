package clickhouse

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Copying is a materialized view. It copies rows that are inserted into the table From to the table
// To. Both tables are in the view's database.
type Copying struct {
	View, From, To string
	// Query is the SELECT of the view as ClickHouse writes it, in one line.
	Query string

	// columns lists the columns that the view fills, in order.
	columns string
}

// Copyings lists the materialized views on the tables of the server's database.
func (s Server) Copyings(ctx context.Context, conn driver.Conn) ([]Copying, error) {
	db := QuoteText(s.Database)
	q := `SELECT v.name, any(f.name), extract(any(v.create_table_query), ' TO [^ .]+\\.(\\S+)'),
			arrayStringConcat(
				arrayMap(c -> concat('\x60', c.2, '\x60'), arraySort(groupArray((c.position, c.name)))), ', '),
			any(v.as_select)
		FROM system.tables AS v
		JOIN (SELECT name, arrayJoin(dependencies_table) AS view FROM system.tables
			WHERE database = ` + db + `) AS f ON f.view = v.name
		JOIN system.columns AS c ON c.database = v.database AND c.table = v.name
		WHERE v.database = ` + db + ` AND v.engine = 'MaterializedView' GROUP BY v.name ORDER BY v.name`
	var all []Copying
	err := each(ctx, conn, q, "", func(rows driver.Rows) error {
		var c Copying
		err := rows.Scan(&c.View, &c.From, &c.To, &c.columns, &c.Query)
		all = append(all, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the materialized views of database %s: %w", s.Database, err)
	}
	return all, nil
}

// Again returns a statement that copies those rows of From again that meet the condition. A row
// that is already in To is then there twice. FINAL merges the two, because the tables that views
// fill are made for that.
func (c Copying) Again(database, condition string) string {
	return fmt.Sprintf(
		"INSERT INTO %s.%s (%s) %s "+
			"SETTINGS additional_table_filters = {%s: %s}, max_partitions_per_insert_block = 0",
		quoteName(database), c.To, c.columns, c.Query,
		QuoteText(database+"."+c.From), QuoteText(condition))
}
