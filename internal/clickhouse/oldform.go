package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrOldForm means that a darkmap from before the first release made the database. The database
// remains unchanged: its tables have the column session in their sorting keys, where it cannot be
// renamed. A new column epoch would be outside of the key, so that FINAL would merge rows of two
// epochs.
var ErrOldForm = errors.New("the database was made by a darkmap from before the first release")

// oldForm returns queries that detect the old form. The result of each is one text that names the
// old parts of the database, or an empty text. They look for the column in a sorting key, and for
// the old migrations, which remain even if a table was dropped.
func (s Server) oldForm() []string {
	return []string{
		"SELECT arrayStringConcat(arraySort(groupArray(concat('column ', table, '.', name))), ', ') " +
			"FROM system.columns WHERE database = " + QuoteText(s.Database) +
			" AND name IN ('session', 'position_session') AND is_in_sorting_key" +
			" AND table IN ('route_changes', 'route_change_log', 'visibility', 'outage_events', 'panel', 'feeds')",
		"SELECT arrayStringConcat(arraySort(groupUniqArray(" +
			"concat('migration ', toString(version), ' ', name))), ', ') " +
			"FROM " + s.Database + ".schema_migrations" +
			" WHERE (version, name) IN ((1, 'tables'), (2, 'feeds'), (3, 'route_change_log'), (4, 'outage_end'))",
	}
}

// refuseOldForm fails with ErrOldForm if the database has the old form. ask runs a query that
// returns one text and changes nothing.
func (s Server) refuseOldForm(ask func(query string) (string, error)) error {
	var found []string
	for _, query := range s.oldForm() {
		text, err := ask(query)
		if code := proto.Error(Code(err)); code == proto.ErrUnknownTable || code == proto.ErrUnknownDatabase {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking for the form of database %s: %w", s.Database, err)
		}
		if text != "" {
			found = append(found, text)
		}
	}
	if len(found) == 0 {
		return nil
	}
	drop := "drop it with all its rows: DROP DATABASE " + s.Database
	if s.Cluster != "" {
		drop += " " + s.onCluster()
	}
	drop += " SYNC"
	if s.Embedded {
		drop = "move the folder clickhouse of the data directory away"
	}
	return fmt.Errorf(
		"%w, and stays as it is: %s holds %s, and this darkmap wants the column epoch in its place; "+
			"name another database (clickhouse.database), or %s",
		ErrOldForm, s, strings.Join(found, ", "), drop)
}

// refuseOldFormOn runs refuseOldForm over a connection.
func (s Server) refuseOldFormOn(ctx context.Context, conn driver.Conn) error {
	return s.refuseOldForm(func(query string) (text string, err error) {
		err = conn.QueryRow(ctx, query).Scan(&text)
		return text, err
	})
}

// askText runs a query over the HTTP interface. The query returns one text without tabs and line
// breaks.
func (s Server) askText(ctx context.Context, query string) (string, error) {
	out, err := s.HTTP(ctx, Query{SQL: query, Format: "TSVRaw"})
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(out, maxMessage))
	return strings.TrimSpace(string(b)), errors.Join(err, out.Close())
}
