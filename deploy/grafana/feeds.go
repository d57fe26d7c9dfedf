package grafana

// feeds shows how well darkmap sees: the collectors, and the voters of the panel.
func feeds() board {
	const of = ofDataset + " AND " + ofCollector
	return board{
		name: "feeds", title: "darkmap: feeds and panel", from: "now-24h",
		description: "How well we see. Collectors record BGP; " +
			"networks with a whole table that they hear are the panel, whose votes decide what is lost.",
		variables: []variable{storeChoice(), datasetChoice(), collectorChoice()},
		annotations: []annotation{{name: "Our gaps", colour: "orange", sql: `SELECT gap_begin AS time, ` +
			`least(gap_end, toDateTime64($__toTime, 6, 'UTC')) AS timeEnd, ` +
			`concat(collector, ': ', reason) AS text, collector AS tags
FROM feed_gaps
WHERE ` + of + ` AND gap_begin <= $__toTime AND gap_end >= $__fromTime
ORDER BY time
LIMIT 200`}},
		panels: []panel{
			{
				title: "Collectors up", kind: numbers, width: 6, height: 4, unit: "short",
				empty:       "no feed has said anything yet",
				description: "Collectors whose stream is up, of all of which anything is known.",
				sql: "SELECT countIf(state = 'up') AS up, count() AS known\nFROM feed_status\nWHERE " +
					of + "\nHAVING known > 0",
			},
			{
				title: "Voters", kind: numbers, width: 6, height: 4, unit: "short", empty: "no panel in this time",
				red:         0,
				description: "Networks that vote at the end of the chosen time. Below 20 there is no verdict.",
				sql: "SELECT argMaxOrNullIf(voters, timestamp, family = 'ipv4') AS ipv4, " +
					"argMaxOrNullIf(voters, timestamp, family = 'ipv6') AS ipv6\n" +
					"FROM panel_history\nWHERE " +
					ofDataset + " AND $__timeFilter(timestamp)",
				columns: []column{{name: "ipv4", title: "IPv4"}, {name: "ipv6", title: "IPv6"}},
			},
			{
				title: "Voters over time", kind: lines, width: 12, height: 8, unit: "short",
				empty: "no panel in this time", interval: "15m",
				description: "How many networks voted, the fewest of each step. " +
					"A drop is a loss of our sight, not of the world.",
				sql: `SELECT $__timeInterval(timestamp) AS time, toString(family) AS series, min(voters) AS voters
FROM panel_history
WHERE ` + ofDataset + ` AND $__timeFilter(timestamp)
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "How feeds stand", kind: rows, width: 12, height: 9, empty: "no feed has said anything yet",
				description: "The newest status of each collector. The lag is how old a message was when it came.",
				sql: `SELECT collector, source, state, reason, timestamp, peers_up, messages_per_second, lag_seconds
FROM feed_status
WHERE ` + of + `
ORDER BY state != 'up' DESC, collector`,
				columns: []column{
					{name: "collector", title: "Collector", width: 130},
					{name: "source", title: "Source", width: 90},
					{name: "state", title: "State", width: 90},
					{name: "reason", title: "Why"},
					{name: "timestamp", title: "Said (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "peers_up", title: "Peers up", unit: "short", width: 80},
					{name: "messages_per_second", title: "Messages", unit: "cps", width: 100},
					{name: "lag_seconds", title: "Lag", unit: "s", width: 80},
				},
			},
			{
				title: "Collectors in the panel over time", kind: lines, width: 12, height: 9, unit: "short",
				empty: "no panel in this time", interval: "15m",
				description: "Over how many collectors the voters are spread, the fewest of each step.",
				sql: `SELECT $__timeInterval(timestamp) AS time, toString(family) AS series, min(collectors) AS collectors
FROM panel_history
WHERE ` + ofDataset + ` AND $__timeFilter(timestamp)
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "Our gaps", kind: rows, width: 24, height: 9, empty: "nothing was missing in this time",
				description: "When messages of a collector were missing, why, and what answered: " +
					"archives fill a gap later. A gap is no outage of the world.",
				sql: `SELECT collector, gap_begin, gap_end, dateDiff('second', gap_begin, gap_end) AS seconds, ` +
					`multiIf(complete IS NULL, 'open', complete, 'filled', 'filled in part') AS state, reason, answer
FROM feed_gaps
WHERE ` + of + ` AND gap_begin <= $__toTime AND gap_end >= $__fromTime
ORDER BY gap_begin DESC, collector
LIMIT 200`,
				columns: []column{
					{name: "collector", title: "Collector", width: 130},
					{name: "gap_begin", title: "From (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "gap_end", title: "To (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "seconds", title: "Long", unit: "dtdurations", width: 130},
					{name: "state", title: "State", width: 110},
					{name: "reason", title: "Why"},
					{name: "answer", title: "Answer"},
				},
			},
			{
				title: "Who does not vote, and why", kind: rows, width: 24, height: 10,
				empty: "all known peers vote, or no panel is known of the last day",
				description: "Peers without a vote by the newest panel in the last day of the chosen time. " +
					"What the reasons mean stands in darkmap's docs/detection.md.",
				sql: `SELECT collector, peer_asn, any(peer_name) AS peer_name, peer_address, family, ` +
					`argMax(reason, timestamp) AS why, argMax(prefixes, timestamp) AS prefixes
FROM panel_peers
WHERE ` + of + ` AND timestamp >= $__toTime - INTERVAL 1 DAY AND timestamp <= $__toTime
GROUP BY collector, peer_asn, peer_address, family
HAVING NOT argMax(votes, timestamp)
ORDER BY collector, peer_asn, peer_address, family
LIMIT 1000`,
				columns: []column{
					{name: "collector", title: "Collector", width: 130},
					{name: "peer_asn", title: "AS", unit: "none", width: 110},
					{name: "peer_name", title: "Name"},
					{name: "peer_address", title: "Peer", width: 160},
					{name: "family", title: "Family", width: 80},
					{name: "why", title: "Why not", width: 140},
					{name: "prefixes", title: "Prefixes in its table", unit: "short", width: 150},
				},
			},
		},
	}
}
