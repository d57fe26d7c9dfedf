package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhouse"
)

// furtherSQL returns queries that show what is behind an outage, each ready for `darkmap sql`. They use route_changes and
// outages alone.
func furtherSQL(o bgp.Outage) []string {
	from := o.Start.Add(-5 * time.Minute)
	to := o.Start.Add(10 * time.Minute)
	where := fmt.Sprintf("dataset = %s AND %s AND timestamp >= %s AND timestamp < %s", clickhouse.QuoteText(o.Dataset), sqlEntity(o), sqlTime(from), sqlTime(to))
	return []string{
		"SELECT toStartOfMinute(timestamp) AS minute, countIf(type = 'announce') AS announced, countIf(type = 'withdraw') AS withdrawn, uniqExact(peer_asn) AS peers " +
			"FROM darkmap.route_changes WHERE " + where + " GROUP BY minute ORDER BY minute",
		"SELECT collector, peer_asn, max(timestamp) AS withdrawn_at, count() AS withdrawals " +
			"FROM darkmap.route_changes WHERE " + where + " AND type = 'withdraw' GROUP BY collector, peer_asn ORDER BY withdrawn_at",
		"SELECT as_path, uniqExact(peer_asn) AS peers, count() AS announcements " +
			"FROM darkmap.route_changes WHERE " + where + " AND type = 'announce' GROUP BY as_path ORDER BY peers DESC, announcements DESC LIMIT 20",
	}
}

// sqlEntity is the condition that picks the entity's rows. Withdrawals carry no origin, so an AS is picked by the prefixes
// that it lost.
func sqlEntity(o bgp.Outage) string {
	prefixes := o.LostPrefixes
	switch {
	case o.Entity.Type == bgp.EntityCountry:
		return "country = " + clickhouse.QuoteText(o.Entity.Code)
	case o.Entity.Type == bgp.EntityRegion:
		return "region = " + clickhouse.QuoteText(o.Entity.Code)
	case o.Entity.Type == bgp.EntityPrefix:
		prefixes = []string{o.Entity.Code}
	case len(prefixes) == 0:
		return "1"
	}
	quoted := make([]string, len(prefixes))
	for i, p := range prefixes {
		quoted[i] = clickhouse.QuoteText(p)
	}
	return "prefix IN (" + strings.Join(quoted, ", ") + ")"
}

func sqlTime(t time.Time) string {
	return "toDateTime64('" + t.UTC().Format("2006-01-02 15:04:05") + "', 6, 'UTC')"
}
