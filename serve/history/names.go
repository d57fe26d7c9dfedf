package history

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// namedSQL finds regions, networks and watch lists by a part of their name: those of the dataset
// with a value in the last two days, and networks that the AS data name.
const namedSQL = `SELECT type, code, any(name) AS name, max(known) AS known FROM (
		SELECT toString(entity_type) AS type, entity_code AS code, toString(entity_name) AS name, 1 AS known
		FROM visibility
		WHERE dataset = {dataset:String} AND entity_type IN ('as', 'region', 'watch')
			AND timestamp >= toDateTime({at:UInt32}, 'UTC') - INTERVAL 2 DAY
			AND timestamp <= toDateTime({at:UInt32}, 'UTC')
			AND entity_name ILIKE {like:String}
		GROUP BY type, code, name
		UNION ALL
		SELECT 'as' AS type, concat('AS', toString(asn)) AS code, name, 0 AS known FROM as_info
		WHERE name ILIKE {like:String} OR organisation ILIKE {like:String} LIMIT 1000)
	GROUP BY type, code ORDER BY known DESC, type = 'region' DESC, length(name), code LIMIT {limit:UInt32}`

// Named lists regions, networks and watch lists whose name contains text, without regard to case.
// Those of the dataset with a value in the two days before at come first. It leaves out watch lists
// that the viewer may not see.
func (s *Store) Named(
	ctx context.Context, sc Scope, text string, at time.Time, limit int,
) ([]bgp.Entity, error) {
	question := fmt.Sprintf("named %q %d %d", text, at.Unix(), limit)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) ([]bgp.Entity, error) {
		type row struct {
			Type bgp.EntityType `json:"type"`
			Code string         `json:"code"`
			Name string         `json:"name"`
		}
		like := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
		found, err := rows[row](ctx, a, namedSQL,
			sc.params("at", seconds(at), "like", like, "limit", strconv.Itoa(limit)))
		var public map[string]bool
		if err == nil && !sc.Private {
			public, err = publicLists(ctx, a, sc.Dataset)
		}
		out := make([]bgp.Entity, 0, len(found))
		for _, r := range found {
			if r.Type != bgp.EntityWatch || sc.Private || public[r.Code] {
				out = append(out, bgp.Entity{Type: r.Type, Code: r.Code, Name: r.Name})
			}
		}
		return out, err
	})
}
