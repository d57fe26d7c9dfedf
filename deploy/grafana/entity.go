package grafana

import "fmt"

// country shows one country.
func country() board {
	b := entityBoard(
		"country", "Country",
		"One country: how visible it is, what it lost and when, its regions and networks, its neighbours.",
		countryChoice(),
	)
	const here = "has(countries, ${code:singlequote})"
	b.panels = append(
		b.panels,
		outageTable("Outages of its regions", "Codes of regions are those of ISO 3166-2.",
			"no region had an outage in this time", 12, 10,
			"entity_type = 'region' AND startsWith(entity_code, concat(${code:singlequote}, '-')) AND "+
				confirmed+" AND "+lasted,
			"start DESC, entity_code, family"),
		panel{
			title: "Networks with outages", kind: rows, width: 12, height: 10,
			empty:       "no network in this country had an outage in this time",
			description: "ASes that lost prefixes in this country, by how often. Click an AS to see it.",
			sql: `SELECT entity_code, any(entity_name) AS name, count() AS outages, sum(duration_seconds) AS seconds
FROM outages
WHERE ` + ofDataset + " AND entity_type = 'as' AND " + here + " AND " + confirmed + " AND " + lasted + `
GROUP BY entity_code
ORDER BY outages DESC, seconds DESC, entity_code
LIMIT 100`,
			columns: []column{
				{
					name: "entity_code", title: "AS", width: 130,
					links: []link{{"This AS", url("as", "&var-code=${__value.text}&${__url_time_range}")}},
				},
				{name: "name", title: "Name"},
				{name: "outages", title: "Outages", unit: "short", width: 90},
				{name: "seconds", title: "Out for, in sum", unit: "dtdurations", width: 150},
			},
		},
		outageTable("Outages of its neighbours",
			"Countries with which it has a border on land. One cable often serves several.",
			"no neighbour had an outage in this time", 24, 8,
			"entity_type = 'country' AND "+
				"has(dictGet('country_info', 'neighbours', ${code:singlequote}), entity_code) AND "+
				confirmed+" AND "+lasted,
			"start DESC, entity_code, family"),
	)
	return b
}

// as shows one autonomous system.
func as() board {
	b := entityBoard(
		"as", "AS",
		"One network: how visible its prefixes are, what it lost and when, behind which upstreams.",
		asChoice(),
	)
	const within = "arrayExists(p -> p.type = 'as' AND p.code = ${code:singlequote}, parents)"
	b.panels = append(
		b.panels,
		outageTable("Prefixes that fell with it",
			"Outages of prefixes that were a part of an outage of this AS.",
			"no prefix fell with it in this time", 12, 10,
			"entity_type = 'prefix' AND "+within+" AND "+lasted, "start DESC, entity_code, family"),
		panel{
			title: "Its upstreams", kind: rows, width: 12, height: 10,
			empty: "no outage of this AS names an upstream in this time",
			description: "ASes next to it on the paths of its outages. " +
				"One that is in all of them may be the cause. Click an AS to see it.",
			sql: `SELECT concat('AS', toString(u.1)) AS upstream, any(u.2) AS name, count() AS outages, ` +
				`max(start) AS newest
FROM outages
ARRAY JOIN arrayZip(upstreams, arrayResize(upstream_names, length(upstreams))) AS u
WHERE ` + ofDataset + " AND entity_type = 'as' AND entity_code = ${code:singlequote} AND " +
				confirmed + " AND " + lasted + `
GROUP BY upstream
ORDER BY outages DESC, upstream
LIMIT 100`,
			columns: []column{
				{
					name: "upstream", title: "AS", width: 130,
					links: []link{{"This AS", url("as", "&var-code=${__value.text}&${__url_time_range}")}},
				},
				{name: "name", title: "Name"},
				{name: "outages", title: "Outages", unit: "short", width: 90},
				{name: "newest", title: "Newest (UTC)", unit: "dateTimeAsIso", width: 170},
			},
		},
		outageTable("Other events of this AS",
			"What is no loss: routes that only a part of the peers hold, that come and go, "+
				"or that others originate; and losses of less than five minutes.",
			"there were no other events in this time", 24, 8,
			"entity_type = 'as' AND entity_code = ${code:singlequote} AND "+
				"(kind != 'outage' OR blip OR state = 'retracted') AND "+lasted,
			"start DESC, family",
			column{name: "kind", title: "Kind", width: 110}, column{name: "state", title: "State", width: 90}),
	)
	return b
}

// entityBoard returns the part that the boards of a country and of an AS share.
func entityBoard(name, noun, description string, choice variable) board {
	const code = "entity_code = ${code:singlequote}"
	of := fmt.Sprintf("entity_type = '%s' AND %s", name, code)
	minutes := func(family string) string {
		return fmt.Sprintf(
			"entity_minutes(dataset = ${dataset:singlequote}, entity_type = '%s', "+
				"entity_code = ${code:singlequote}, family = '%s', %s)",
			name, family, chosenTime,
		)
	}
	return board{
		name: name, title: "darkmap: " + noun, description: description, from: "now-7d",
		variables:   []variable{storeChoice(), datasetChoice(), choice},
		annotations: []annotation{marks("Outages", of)},
		panels: []panel{
			{
				title: "Lost", kind: numbers, width: 8, height: 4, unit: "percent",
				empty: "nothing is known of the last two hours", red: 20,
				description: "What is missing at the end of the chosen time, percent of the usual address space.",
				sql: "SELECT argMaxOrNullIf(loss_percent, timestamp, family = 'ipv4') AS ipv4, " +
					"argMaxOrNullIf(loss_percent, timestamp, family = 'ipv6') AS ipv6\n" +
					"FROM entity_history\nWHERE " +
					ofDataset + " AND " + of + " AND timestamp >= $__toTime - INTERVAL 2 HOUR AND timestamp <= $__toTime",
				columns: []column{{name: "ipv4", title: "IPv4"}, {name: "ipv6", title: "IPv6"}},
			},
			{
				title: "Out for", kind: numbers, width: 8, height: 4, unit: "dtdurations", empty: "never",
				description: "How long outages lasted within the chosen time, in sum.",
				sql: "SELECT sumIf(seconds, family = 'ipv4') AS ipv4, sumIf(seconds, family = 'ipv6') AS ipv6\n" +
					"FROM (\n    SELECT family, dateDiff('second', greatest(start, $__fromTime), " +
					"least(ifNull(end, $__toTime), $__toTime)) AS seconds\n" +
					"    FROM outages\n    WHERE " +
					ofDataset + " AND " + of + " AND " + confirmed + " AND " + lasted + "\n)",
				columns: []column{{name: "ipv4", title: "IPv4"}, {name: "ipv6", title: "IPv6"}},
			},
			{
				title: "Outages", kind: numbers, width: 8, height: 4, unit: "short", empty: "none",
				description: "How many outages lasted in the chosen time, and how many of them are open.",
				sql: "SELECT count() AS outages, countIf(state = 'open') AS open\nFROM outages\nWHERE " +
					ofDataset + " AND " + of + " AND " + confirmed + " AND " + lasted,
				columns: []column{{name: "outages", title: "In this time"}, {name: "open", title: "Open"}},
			},
			visible("IPv4", minutes("ipv4")),
			visible("IPv6", minutes("ipv6")),
			lostOverTime(minutes("ipv4"), minutes("ipv6")),
			outageTable("Its outages", "The newest first.", "it had no outage in this time", 24, 9,
				of+" AND "+confirmed+" AND "+lasted, "start DESC, family"),
		},
	}
}

// visible shows the number of visible prefixes and the usual number.
func visible(family, minutes string) panel {
	return panel{
		title: "Prefixes, " + family, kind: lines, width: 12, height: 9, unit: "short",
		empty: "nothing is known of " + family + " in this time", interval: "1m",
		description: "How many prefixes were visible, and how many usually are. " +
			"A drop below the usual line is a loss.",
		sql:     "SELECT minute AS time, prefixes, baseline_prefixes\nFROM " + minutes + "\nORDER BY time",
		columns: []column{{name: "prefixes", title: "visible"}, {name: "baseline_prefixes", title: "usual"}},
	}
}

// lostOverTime shows the loss of both families. ipv4 and ipv6 are their views entity_minutes.
func lostOverTime(ipv4, ipv6 string) panel {
	return panel{
		title: "Lost over time", kind: lines, width: 24, height: 8, unit: "percent",
		empty: "nothing is known of this time", interval: "1m",
		description: "What was missing, percent of the usual address space. 0 is as usual, 100 is all. " +
			"Red spans are outages.",
		sql: `SELECT minute AS time, series, loss_percent
FROM (
    SELECT minute, family AS series, loss_percent FROM ` + ipv4 + `
    UNION ALL
    SELECT minute, family AS series, loss_percent FROM ` + ipv6 + `
)
ORDER BY time, series`,
	}
}
