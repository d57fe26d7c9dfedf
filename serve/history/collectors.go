package history

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
)

// Collector is the state of a collector at a time of the past.
type Collector struct {
	Name string
	// State is a bgp.FeedState, or feedlog.Gone. It is empty if nothing reported it, as in datasets
	// that are played from files.
	State, Reason string
	// PeersUp, MessagesPerSecond and LagSeconds come from the newest status. Reported is the time
	// of that status, zero if none came.
	PeersUp           int
	MessagesPerSecond float64
	LagSeconds        float64
	LastGap, Reported time.Time
}

// collectorsSQL selects the newest status of each collector in the two hours before a time, and the
// newest change that ingest reported.
const collectorsSQL = `SELECT collector, maxIf(feeds.timestamp, event = 'status') AS status_at,
		argMaxIf((state, peers_up, messages_per_second, lag_seconds, last_gap),
			feeds.timestamp, event = 'status') AS s,
		argMaxIf((toString(event), reason),
			feeds.timestamp, event IN ('up', 'down', 'recovered') AND source != 'detect') AS change,
		maxIf(feeds.timestamp, event IN ('up', 'down', 'recovered') AND source != 'detect') AS change_at,
		toUnixTimestamp(status_at) AS reported, s.1 AS state, s.2 AS peers_up, s.3 AS messages, s.4 AS lag,
		toUnixTimestamp(s.5) AS gap, change.1 = 'down' AND change_at >= status_at AS down, change.2 AS reason
	FROM feeds WHERE dataset = {dataset:String} AND feeds.timestamp <= toDateTime64({at:UInt32}, 6, 'UTC')
		AND feeds.timestamp > toDateTime64({from:UInt32}, 6, 'UTC') AND peer_address = ''
	GROUP BY collector ORDER BY collector`

// Collectors lists the states of the collectors at a time, by name. The operator's own routers are
// listed only if the scope is private; otherwise hidden is their number.
func (s *Store) Collectors(
	ctx context.Context, sc Scope, at time.Time,
) (all []Collector, hidden int, err error) {
	type both struct {
		all    []Collector
		hidden int
	}
	got, err := answer(ctx, s, sc, fmt.Sprintf("collectors %d", at.Unix()),
		func(ctx context.Context, a *asker) (out both, err error) {
			type row struct {
				Collector string  `json:"collector"`
				Reported  int64   `json:"reported"`
				State     string  `json:"state"`
				PeersUp   int     `json:"peers_up"`
				Messages  float64 `json:"messages"`
				Lag       float64 `json:"lag"`
				Gap       int64   `json:"gap"`
				Down      bool    `json:"down"`
				Reason    string  `json:"reason"`
			}
			found, err := rows[row](ctx, a, collectorsSQL,
				sc.params("at", seconds(at), "from", seconds(at.Add(-feedlog.Back))))
			for _, r := range found {
				if !sc.Private && bgp.PrivateCollector(r.Collector) {
					out.hidden++
					continue
				}
				c := Collector{
					Name: r.Collector, State: r.State, PeersUp: r.PeersUp,
					MessagesPerSecond: r.Messages, LagSeconds: r.Lag,
				}
				if r.Gap > 0 {
					c.LastGap = time.Unix(r.Gap, 0).UTC()
				}
				if r.Reported > 0 {
					c.Reported = time.Unix(r.Reported, 0).UTC()
				}
				switch {
				case r.Down:
					c.State, c.Reason, c.PeersUp = string(bgp.FeedDown), r.Reason, 0
				case r.Reported > 0 && at.Sub(c.Reported) > feedlog.GoneAfter:
					c.State, c.Reason = string(feedlog.Gone), cmp.Or(r.Reason, "its last status is old")
				}
				out.all = append(out.all, c)
			}
			return out, err
		})
	return got.all, got.hidden, err
}
