package grafana

// prefix shows the announcements and withdrawals of one prefix by its peers.
func prefix() board {
	const of = ofDataset +
		" AND prefix = ${code:singlequote} " +
		"AND begin = toIPv6OrNull(splitByChar('/', ${code:singlequote})[1]) AND $__timeFilter(timestamp)"
	const mine = "entity_type = 'prefix' AND entity_code = ${code:singlequote}"
	return board{
		name: "prefix", title: "darkmap: prefix", from: "now-24h",
		description: "One prefix: what peers announced and withdrew, who originated it, its outages. " +
			"Route changes are kept for 30 days.",
		variables:   []variable{storeChoice(), datasetChoice(), prefixChoice()},
		annotations: []annotation{marks("Outages", mine)},
		panels: []panel{
			{
				title: "What peers said", kind: bars, width: 24, height: 9, unit: "short",
				empty: "no peer said anything of it in this time", interval: "1m",
				description: "Announcements and withdrawals in each step of time. " +
					"Silence is no loss: a prefix that nobody touches makes no rows.",
				sql: `SELECT $__timeInterval(timestamp) AS time, ` +
					`if(type = 'announce', 'announcements', 'withdrawals') AS series, count() AS changes
FROM prefix_history
WHERE ` + of + `
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "Who originated it", kind: rows, width: 12, height: 9, empty: "nobody announced it in this time",
				description: "ASes at the end of the announced paths. More than one may be wanted, or a hijack. " +
					"Click an AS to see it.",
				sql: `SELECT concat('AS', toString(origin_as)) AS origin, any(origin_name) AS name, ` +
					`count() AS announcements, uniqExact(collector, peer_address) AS peers, max(timestamp) AS newest
FROM prefix_history
WHERE ` + of + ` AND type = 'announce' AND origin_as != 0
GROUP BY origin_as
ORDER BY announcements DESC, origin
LIMIT 100`,
				columns: []column{
					{
						name: "origin", title: "AS", width: 130,
						links: []link{{"This AS", url("as", "&var-code=${__value.text}&${__url_time_range}")}},
					},
					{name: "name", title: "Name"},
					{name: "announcements", title: "Announcements", unit: "short", width: 130},
					{name: "peers", title: "Peers", unit: "short", width: 80},
					{name: "newest", title: "Newest (UTC)", unit: "dateTimeAsIso", width: 170},
				},
			},
			{
				title: "The last word of each peer", kind: rows, width: 12, height: 9,
				empty: "no peer said anything of it in this time",
				description: "Who withdrew it last, and who announced it. " +
					"Peers that are not here have not changed their mind in this time.",
				sql: `SELECT collector, peer_asn, any(peer_name) AS peer_name, peer_address, ` +
					`argMax(type, timestamp) AS last, argMax(as_path, timestamp) AS path, max(timestamp) AS said
FROM prefix_history
WHERE ` + of + `
GROUP BY collector, peer_asn, peer_address
ORDER BY last DESC, said DESC, collector, peer_address
LIMIT 500`,
				columns: []column{
					{name: "collector", title: "Collector", width: 110},
					{name: "peer_asn", title: "AS", unit: "none", width: 110},
					{name: "peer_name", title: "Name"},
					{name: "peer_address", title: "Peer", width: 130},
					{name: "last", title: "Last word", width: 90},
					{name: "path", title: "Path"},
					{name: "said", title: "Said (UTC)", unit: "dateTimeAsIso", width: 170},
				},
			},
			outageTable("Its outages", "The newest first.", "it had no outage in this time", 24, 9,
				mine+" AND "+lasted, "start DESC"),
		},
	}
}
