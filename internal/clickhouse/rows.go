package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
)

// Rows runs a statement over the HTTP interface with values bound to its parameters ({name:Type}) and decodes its rows, at most limit of
// them, from JSON, in which whole numbers are numbers. It returns how many octets they were. settings may be nil.
func Rows[T any](ctx context.Context, s Server, sql string, params, settings map[string]string, limit int) (rows []T, octets int, err error) {
	all := map[string]string{"wait_end_of_query": "1", "output_format_json_quote_64bit_integers": "0"}
	maps.Copy(all, settings)
	for name, value := range params {
		all["param_"+name] = value
	}
	body, err := s.HTTP(ctx, Query{SQL: sql, Format: "JSONEachRow", Database: s.Database, Settings: all})
	if err != nil {
		return nil, 0, fmt.Errorf("asking the store: %w", err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	d := json.NewDecoder(body)
	for len(rows) < limit {
		var row T
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, 0, fmt.Errorf("reading the store's answer: %w", err)
		}
		rows = append(rows, row)
	}
	return rows, int(d.InputOffset()), nil
}
