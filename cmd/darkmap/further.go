package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// furtherSQL returns queries on the route changes behind an outage, each ready for `darkmap sql`.
// The queries read prefix_history if the outage names prefixes, because that is quick. Otherwise
// they read route_changes.
func furtherSQL(o bgp.Outage) []string {
	from := o.Start.Add(-5 * time.Minute)
	to := o.Start.Add(10 * time.Minute)
	view, entity := sqlEntity(o)
	rows := fmt.Sprintf(
		"FROM darkmap.%s WHERE dataset = %s AND %s AND timestamp >= %s AND timestamp < %s",
		view, clickhouse.QuoteText(o.Dataset), entity, clickhouse.QuoteTime(from), clickhouse.QuoteTime(to),
	)
	return []string{
		"SELECT toStartOfMinute(timestamp) AS minute, countIf(type = 'announce') AS announced, " +
			"countIf(type = 'withdraw') AS withdrawn, uniqExact(peer_asn) AS peers " +
			rows + " GROUP BY minute ORDER BY minute",
		"SELECT collector, peer_asn, max(timestamp) AS withdrawn_at, count() AS withdrawals " +
			rows + " AND type = 'withdraw' GROUP BY collector, peer_asn ORDER BY withdrawn_at",
		"SELECT as_path, uniqExact(peer_asn) AS peers, count() AS announcements " +
			rows + " AND type = 'announce' GROUP BY as_path ORDER BY peers DESC, announcements DESC LIMIT 20",
	}
}

// sqlEntity returns the view to read and the condition on the entity's rows. Withdrawals carry no
// origin, so the rows of an AS are found by the prefixes that it lost.
func sqlEntity(o bgp.Outage) (view, condition string) {
	prefixes := o.LostPrefixes
	switch {
	case o.Entity.Type == bgp.EntityCountry:
		return "route_changes", "country = " + clickhouse.QuoteText(o.Entity.Code)
	case o.Entity.Type == bgp.EntityRegion:
		return "route_changes", "region = " + clickhouse.QuoteText(o.Entity.Code)
	case o.Entity.Type == bgp.EntityPrefix:
		prefixes = []string{o.Entity.Code}
	case len(prefixes) == 0:
		return "route_changes", "1"
	}
	quoted := make([]string, len(prefixes))
	for i, p := range prefixes {
		quoted[i] = clickhouse.QuoteText(p)
	}
	return "prefix_history", "prefix IN (" + strings.Join(quoted, ", ") + ")"
}
