package grafana

// outage shows one outage: its facts, its course, the wider outages that it is a part of and the
// narrower ones that are a part of it.
func outage() board {
	const this = ofDataset + " AND id = ${outage:singlequote}"
	const lost = "begin IN (SELECT toIPv6(splitByChar('/', arrayJoin(lost_prefixes))[1]) FROM outages WHERE " +
		this + ")"
	const minutes = "entity_minutes(dataset = ${dataset:singlequote}, " +
		"entity_type = ${entity_type:singlequote}, entity_code = ${entity_code:singlequote}, " +
		"family = ${entity_family:singlequote}, " + chosenTime + ")"
	return board{
		name: "outage", title: "darkmap: outage", from: "now-7d",
		description: "One outage: what is known of it, how it went, which routes it took, " +
			"what it was a part of. Choose it above, or come from another board.",
		variables: []variable{
			storeChoice(), datasetChoice(), outageChoice(),
			entityOf("entity_type", "toString(entity_type)", "country"),
			entityOf("entity_code", "entity_code", "none"),
			entityOf("entity_family", "toString(family)", "ipv4"),
		},
		annotations: []annotation{marks("This outage", "id = ${outage:singlequote}")},
		panels: []panel{
			facts(this),
			visible("of the entity", minutes),
			{
				title: "Lost over time", kind: lines, width: 12, height: 9, unit: "percent",
				empty: "nothing is known of the entity in this time", interval: "1m",
				description: "What the entity lacked, percent of its usual address space. " +
					"0 is as usual, 100 is all. The red span is the outage.",
				sql:     "SELECT minute AS time, loss_percent\nFROM " + minutes + "\nORDER BY time",
				columns: []column{{name: "loss_percent", title: "lost"}},
			},
			{
				title: "How it went", kind: rows, width: 12, height: 9, empty: "no outage has this id",
				description: "Every record in the life of the outage: when it was suspected, opened, " +
					"how it grew, when it closed.",
				sql: `SELECT decided_at, event, state, severity, peak_lost_prefixes, peak_loss_percent
FROM outage_history
WHERE ` + this + `
ORDER BY sequence`,
				columns: []column{
					{name: "decided_at", title: "Decided (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "event", title: "Event", width: 100},
					{name: "state", title: "State after it", width: 110},
					{name: "severity", title: "Severity", width: 90},
					{name: "peak_lost_prefixes", title: "Most prefixes lost", unit: "short", width: 140},
					{name: "peak_loss_percent", title: "Most lost", unit: "percent", width: 100},
				},
			},
			places(this),
			{
				title: "Prefixes that it lost", kind: rows, width: 12, height: 10,
				empty:       "the outage names no lost prefixes",
				description: "Of a big outage not all are named. Click a prefix to see who withdrew it.",
				sql: `SELECT arrayJoin(lost_prefixes) AS prefix, lost_prefixes_total AS of_all
FROM outages
WHERE ` + this + `
ORDER BY prefix
LIMIT 1000`,
				columns: []column{
					{
						name: "prefix", title: "Prefix", width: 220,
						links: []link{{"This prefix", url("prefix", "&var-code=${__value.text}&${__url_time_range}")}},
					},
					{name: "of_all", title: "How many were lost in all", unit: "short"},
				},
			},
			{
				title: "Who lost sight first", kind: rows, width: 12, height: 10,
				empty: "no withdrawals of its prefixes are stored: they are kept for 30 days",
				description: "Peers in the order in which they first withdrew one of the lost prefixes, " +
					"from ten minutes before the start to ten after. The first are near the cause.",
				sql: `SELECT collector, peer_asn, any(peer_name) AS peer_name, peer_address, ` +
					`min(timestamp) AS first, count() AS withdrawals
FROM prefix_history
WHERE ` + ofDataset + ` AND type = 'withdraw' AND ` + lost + `
    AND timestamp >= (SELECT toDateTime64(min(start), 6, 'UTC') FROM outages WHERE ` + this +
					`) - INTERVAL 10 MINUTE
    AND timestamp < (SELECT toDateTime64(min(start), 6, 'UTC') FROM outages WHERE ` + this +
					`) + INTERVAL 10 MINUTE
GROUP BY collector, peer_asn, peer_address
ORDER BY first, collector, peer_address
LIMIT 100`,
				columns: []column{
					{name: "collector", title: "Collector", width: 120},
					{name: "peer_asn", title: "AS", unit: "none", width: 110},
					{name: "peer_name", title: "Name"},
					{name: "peer_address", title: "Peer", width: 140},
					{name: "first", title: "First (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "withdrawals", title: "Withdrawals", unit: "short", width: 110},
				},
			},
			outageTable("Outages that are a part of it", "What fell with it, and is narrower.",
				"nothing narrower fell with it", 24, 9,
				"arrayExists(p -> p.id = ${outage:singlequote}, parents)", "entity_type DESC, score DESC, entity_code"),
			outageTable("Outages at the same time",
				"What else began within ten minutes of its start, and is no part of it: a common cause?",
				"nothing else began at that time", 24, 9,
				"id != ${outage:singlequote} AND "+confirmed+
					" AND entity_type IN ('as', 'country') AND "+
					"NOT arrayExists(p -> p.id = ${outage:singlequote}, parents)\n"+
					"    AND start >= (SELECT min(start) FROM outages WHERE "+
					this+") - INTERVAL 10 MINUTE AND start <= (SELECT min(start) FROM outages WHERE "+
					this+") + INTERVAL 10 MINUTE",
				"entity_type = 'country' DESC, score DESC, entity_code"),
		},
	}
}

// facts shows an outage as a list.
func facts(this string) panel {
	return panel{
		title: "What is known", kind: rows, width: 12, height: 9, empty: "no outage has this id",
		description: "The newest record of the outage. What the words mean stands in darkmap's docs/outage.md.",
		sql: `SELECT tupleElement(fact, 1) AS what, tupleElement(fact, 2) AS value
FROM (
    SELECT arrayJoin([
        ('In one line', headline), ('Summary', summary), ('State', state), ('Kind', kind), ` +
			`('Severity', severity), ('Start (UTC)', toString(start)),
        ('End (UTC)', ifNull(toString(end), 'it lasts')), ('Why it ended', end_reason), ` +
			`('Lasted, minutes', toString(round(duration_seconds / 60))),
        ('Most lost', concat(toString(peak_lost_prefixes), ' of ', toString(baseline_prefixes), ` +
			`' prefixes, ', toString(round(peak_loss_percent, 1)), ' % of the space')),
        ('Seen by', concat(toString(voters), ' networks on ', toString(collectors), ' collectors')),
        ('Watch lists', arrayStringConcat(arrayMap(w -> w.list, watch), ', ')), ` +
			`('Goes on as', successor), ('Comes from', predecessor), ('Id', id)
    ]) AS fact
    FROM outages
    WHERE ` + this + `
)
WHERE value != ''`,
		columns: []column{{name: "what", title: "What", width: 140}, {name: "value", title: "Value"}},
	}
}

// places leads to the countries, networks and wider outages of an outage.
func places(this string) panel {
	return panel{
		title: "Countries, networks and wider outages", kind: rows, width: 12, height: 9,
		empty: "no outage has this id",
		description: "What the outage is about, where its prefixes lie, who originated them, " +
			"who carried them, and what it was a part of. Click a code to see it.",
		sql: `SELECT tupleElement(fact, 1) AS what, tupleElement(fact, 2) AS code, ` +
			`tupleElement(fact, 3) AS name, tupleElement(fact, 4) AS board
FROM (
    SELECT arrayJoin(arrayConcat(
        [('It is about', if(entity_type = 'region', substring(entity_code, 1, 2), entity_code), ` +
			`entity_name, if(entity_type = 'region', 'country', toString(entity_type)))],
        arrayMap(c -> ('Country', c, dictGet('country_info', 'name', c), 'country'), countries),
        arrayMap((a, n) -> ('Originated by', concat('AS', toString(a)), n, 'as'), origins, ` +
			`arrayResize(origin_names, length(origins))),
        arrayMap((a, n) -> ('Upstream', concat('AS', toString(a)), n, 'as'), upstreams, ` +
			`arrayResize(upstream_names, length(upstreams))),
        arrayMap(p -> ('A part of', if(p.type = 'region', substring(p.code, 1, 2), p.code), ` +
			`concat(toString(round(p.share_percent)), ' % of it'), ` +
			`if(p.type = 'region', 'country', p.type)), parents)
    )) AS fact
    FROM outages
    WHERE ` + this + `
)
LIMIT 200`,
		columns: []column{
			{name: "what", title: "What", width: 120},
			{
				name: "code", title: "Code", width: 160,
				links: []link{{"See it", url("${__data.fields.board}", "&var-code=${__value.text}&${__url_time_range}")}},
			},
			{name: "name", title: "Name"},
			{name: "board", hidden: true},
		},
	}
}
