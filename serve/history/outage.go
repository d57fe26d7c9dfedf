package history

import (
	"context"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
)

// Outage is an outage with all its records.
type Outage struct {
	// Newest is the newest record.
	Newest outagelog.Entry
	// Revisions lists the records, the first one first.
	Revisions []Revision
}

// Revision is one record of an outage.
type Revision struct {
	Sequence  uint32       `json:"sequence"`
	Event     bgp.Event    `json:"event"`
	State     bgp.State    `json:"state"`
	Severity  bgp.Severity `json:"severity"`
	DecidedAt time.Time    `json:"-"`
	// Entry is the whole record.
	Entry outagelog.Entry `json:"-"`
}

// outageSQL reads each record once. The ids are sorted, so that one id needs few granules.
const outageSQL = `SELECT sequence, event, state, severity,
		toUnixTimestamp64Micro(decided_at) AS decided, json FROM outage_events
	WHERE dataset = {dataset:String} AND id = {id:String}
	ORDER BY sequence, position_epoch DESC, position_sequence DESC LIMIT 1 BY sequence`

// Outage returns an outage by its id. It returns ErrNotFound if the scope may see no such outage.
func (s *Store) Outage(ctx context.Context, sc Scope, id string) (Outage, error) {
	return answer(ctx, s, sc, "outage "+id, func(ctx context.Context, a *asker) (Outage, error) {
		type row struct {
			Revision
			Decided int64  `json:"decided"`
			JSON    string `json:"json"`
		}
		found, err := rows[row](ctx, a, outageSQL, sc.params("id", id))
		if err != nil {
			return Outage{}, err
		}
		var out Outage
		for _, r := range found {
			e, ok, err := entry(sc, r.JSON)
			if err != nil {
				return Outage{}, err
			}
			if !ok {
				continue
			}
			r.DecidedAt, r.Entry = time.UnixMicro(r.Decided).UTC(), e
			out.Revisions, out.Newest = append(out.Revisions, r.Revision), e
		}
		if len(out.Revisions) == 0 {
			return Outage{}, ErrNotFound
		}
		return out, nil
	})
}
