package history

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// originatedSQL asks the view origin_prefixes_at.
const originatedSQL = `SELECT ` + originatedColumns + `
	FROM origin_prefixes_at(dataset = {dataset:String}, origin = {origin:UInt32}, at = {at:String})
	ORDER BY state = 'lost' DESC, state = 'partly' DESC, space DESC, begin, length LIMIT {limit:UInt32}`

const originatedColumns = `toString(family) AS family, prefix, toString(state) AS state,
	toUnixTimestamp(since) AS since, since_at_least, origins, CAST([], 'Array(String)') AS origin_names,
	upstreams, upstream_names, seen_by, voters, usual_percent, country, space, NULL AS until,
	toUnixTimestamp(said_at) AS said`

// Originated lists the prefixes that an AS originated at a time, at most limit of them. Lost ones
// come first, then partly visible ones, then those with the most space.
func (s *Store) Originated(
	ctx context.Context, sc Scope, origin bgp.ASN, at time.Time, limit int,
) ([]Holder, error) {
	question := fmt.Sprintf("originated %d %d %d", origin, at.Unix(), limit)
	return answer(ctx, s, sc, question, func(ctx context.Context, a *asker) ([]Holder, error) {
		return holders(ctx, a, originatedSQL, sc.params(
			"origin", strconv.FormatUint(uint64(origin), 10),
			"at", sqlTime(at), "limit", strconv.Itoa(limit)))
	})
}
