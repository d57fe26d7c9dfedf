package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// errEnough ends the reading of rows.
var errEnough = errors.New("enough rows were read")

// Rows runs a statement with AskRows and decodes its rows, at most limit of them. params holds
// values for the parameters of the statement ({name:Type}). octets is the size of the rows.
// settings may be nil.
func Rows[T any](
	ctx context.Context, s Server, sql string, params, settings map[string]string, limit int,
) (rows []T, octets int, err error) {
	all := map[string]string{"wait_end_of_query": "1"}
	maps.Copy(all, settings)
	for name, value := range params {
		all["param_"+name] = value
	}
	err = s.AskRows(ctx, Query{SQL: sql, Database: s.Database, Settings: all}, func(d *json.Decoder) error {
		if len(rows) == limit {
			return errEnough
		}
		var row T
		if err := d.Decode(&row); err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
		rows, octets = append(rows, row), int(d.InputOffset())
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, 0, fmt.Errorf("asking the store: %w", err)
	}
	return rows, octets, nil
}
