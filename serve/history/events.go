package history

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/outagelog"
)

// Event is a record of an outage, and the time of its decision.
type Event struct {
	outagelog.Entry
	DecidedAt time.Time
}

// Events lists the newest records of the outages that pass the query, the newest first. It ignores
// From, To, MinDuration, Sort and Cursor of the query.
func (s *Store) Events(ctx context.Context, sc Scope, q OutagesQuery) ([]Event, error) {
	if q.Limit < 1 || q.Limit > MaxOutages {
		q.Limit = 100
	}
	c := &conditions{params: sc.params("limit", strconv.Itoa(q.Limit))}
	q.ofSort(c)
	q.ofPlace(c)
	const newest = `
		ORDER BY decided_at DESC, id, sequence DESC, position_epoch DESC, position_sequence DESC
		LIMIT 1 BY id, sequence LIMIT {limit:UInt32}`
	sql := `SELECT toUnixTimestamp64Micro(decided_at) AS decided, json FROM outage_events
		WHERE dataset = {dataset:String} AND (id, sequence, position_epoch, position_sequence) IN (
			SELECT id, sequence, position_epoch, position_sequence FROM outage_events
			WHERE dataset = {dataset:String}` + sc.shown() + c.sql.String() + newest + `)` + newest
	return answer(ctx, s, sc, "events "+sql+fmt.Sprint(c.params),
		func(ctx context.Context, a *asker) ([]Event, error) {
			found, err := rows[struct {
				Decided int64  `json:"decided"`
				JSON    string `json:"json"`
			}](ctx, a, sql, c.params)
			if err != nil {
				return nil, err
			}
			out := make([]Event, 0, len(found))
			for _, r := range found {
				e, ok, err := entry(sc, r.JSON)
				if err != nil {
					return nil, err
				}
				if ok {
					out = append(out, Event{e, time.UnixMicro(r.Decided).UTC()})
				}
			}
			return out, nil
		})
}
