package querystore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/query"
)

// Store answers from one store.
type Store struct{ server clickhouse.Server }

// New returns a Store. It opens a connection for each statement.
func New(s clickhouse.Server) *Store { return &Store{server: s} }

// view is a dataset at a time, with the maximum length of lists.
type view struct {
	dataset string
	at      time.Time
	limit   int
}

// maxRows bounds the rows read from an answer.
const maxRows = 20_000

// ask runs a statement with parameters and decodes its rows.
func ask[T any](ctx context.Context, s *Store, sql string, params map[string]string) ([]T, error) {
	rows, _, err := clickhouse.Rows[T](ctx, s.server, sql, params, nil, maxRows)
	return rows, err
}

// params returns the parameters of every statement and more ones. The time has microseconds, as the
// columns do (clickhouse.QuoteTime).
func (v view) params(more ...string) map[string]string {
	p := map[string]string{"dataset": v.dataset, "at": clickhouse.TimeText(v.at)}
	for i := 0; i+1 < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

// End returns the event time up to which a dataset goes; zero if the store has no row of it.
func (s *Store) End(ctx context.Context, dataset string) (time.Time, error) {
	rows, err := ask[struct {
		T int64 `json:"t"`
	}](ctx, s, `WITH (
			SELECT toDateTime(max(timestamp), 'UTC') FROM panel_history WHERE dataset = {dataset:String}
		) AS panel_end
		SELECT max(x) AS t FROM (
		SELECT toUnixTimestamp(max(timestamp)) + 60 * (count() > 0) AS x FROM visibility
			WHERE dataset = {dataset:String} AND timestamp >= panel_end - INTERVAL 1 HOUR
		UNION ALL SELECT toUnixTimestamp(panel_end)
		UNION ALL SELECT toUnixTimestamp(max(decided_at)) FROM outages WHERE dataset = {dataset:String})`,
		view{dataset: dataset}.params())
	if err != nil || len(rows) == 0 || rows[0].T == 0 {
		return time.Time{}, err
	}
	return time.Unix(rows[0].T, 0).UTC(), nil
}

// Datasets lists the names of the datasets that have rows.
func (s *Store) Datasets(ctx context.Context) ([]string, error) {
	rows, err := ask[struct {
		Dataset string `json:"dataset"`
	}](ctx, s,
		"SELECT dataset FROM (SELECT DISTINCT dataset FROM panel_history "+
			"UNION DISTINCT SELECT DISTINCT dataset FROM datasets) ORDER BY dataset",
		nil)
	var names []string
	for _, r := range rows {
		names = append(names, r.Dataset)
	}
	return names, err
}

// Record returns the newest record of an outage by a time, as bgp.Outage in JSON; nil if there is
// none.
func (s *Store) Record(ctx context.Context, dataset, id string, at time.Time) ([]byte, error) {
	rows, err := ask[struct {
		JSON string `json:"json"`
	}](ctx, s, `SELECT json FROM outage_events
		WHERE dataset = {dataset:String} AND id = {id:String} AND decided_at <= {at:DateTime64(6,'UTC')}
		ORDER BY sequence DESC, position_epoch DESC, position_sequence DESC LIMIT 1`,
		view{dataset: dataset, at: at}.params("id", id))
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []byte(rows[0].JSON), nil
}

// Outages lists the outages of an entity in their state at a time, the latest start first.
func (s *Store) Outages(
	ctx context.Context, dataset string, t bgp.EntityType, code string, at time.Time,
) ([]query.Outage, error) {
	// The ids of both families have this prefix, and the table is ordered by id.
	id := bgp.OutageID(t, code, bgp.IPv4, time.Unix(0, 0))
	id = id[:len(id)-len("ipv4-19700101T0000Z")]
	rows, err := ask[struct {
		JSON string `json:"json"`
	}](ctx, s, `SELECT json FROM outage_events
		WHERE dataset = {dataset:String} AND startsWith(id, {id:String}) AND entity_code = {code:String}
			AND decided_at <= {at:DateTime64(6,'UTC')}
		ORDER BY id, sequence DESC, position_epoch DESC, position_sequence DESC LIMIT 1 BY id`,
		view{dataset: dataset, at: at}.params("id", id, "code", code))
	if err != nil {
		return nil, err
	}
	var all []query.Outage
	for _, r := range rows {
		var o query.Outage
		if err := json.Unmarshal([]byte(r.JSON), &o); err != nil {
			return nil, fmt.Errorf("reading an outage of %s: %w", code, err)
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b query.Outage) int { return b.Start.Compare(a.Start) })
	return all, nil
}
