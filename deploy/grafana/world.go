package grafana

// world shows all countries at a glance.
func world() board {
	const now = ofDataset + " AND " + ofFamily + " AND kind = 'outage'"
	count := func(title, what, entity string) panel {
		return panel{
			title: title, kind: numbers, width: 4, height: 4, unit: "short", empty: "none", red: 1,
			description: "How many " + what +
				" have lost routes at the moment, and do not have them back. " +
				"The time of the picker does not matter here.",
			sql: "SELECT uniqExact(entity_code) AS " + what + "\nFROM open_outages\nWHERE " + now +
				" AND entity_type = '" + entity + "'",
		}
	}
	return board{
		name: "world", title: "darkmap: world", from: "now-24h",
		description: "Which countries and networks lost their routes: now, and in the chosen time.",
		variables:   []variable{storeChoice(), datasetChoice(), familyChoice()},
		panels: []panel{
			count("Countries out now", "countries", "country"),
			count("Networks out now", "networks", "as"),
			count("Prefixes out now", "prefixes", "prefix"),
			{
				title: "Outages in this time", kind: numbers, width: 4, height: 4, unit: "short", empty: "none",
				description: "Outages of countries that lasted in the chosen time. " +
					"Losses of less than five minutes and what was taken back do not count.",
				sql: "SELECT count() AS outages\nFROM outages\nWHERE " + ofDataset + " AND " + ofFamily +
					" AND entity_type = 'country' AND " + confirmed + " AND " + lasted,
			},
			{
				title: "Worst now", kind: numbers, width: 8, height: 4, unit: "percent",
				empty: "nothing is known of the last hour", red: 20,
				description: "The most that one country lacks in the last hour of the chosen time, " +
					"percent of its usual address space.",
				sql: "SELECT maxOrNull(max_loss_percent) AS loss_percent\nFROM entity_hours\nWHERE " + ofDataset +
					" AND " + ofFamily +
					" AND entity_type = 'country' AND hour > $__toTime - INTERVAL 2 HOUR AND hour <= $__toTime",
			},
			{
				title: "Where", kind: worldMap, width: 14, height: 14, unit: "percent",
				empty: "nothing is known of the last hour", red: 20,
				description: "What countries lack in the last hour of the chosen time, " +
					"percent of their usual address space. Red is a fifth or more.",
				sql: `SELECT entity_code AS country, any(entity_name) AS name, max(max_loss_percent) AS loss_percent
FROM entity_hours
WHERE ` + ofDataset + " AND " + ofFamily + ` AND entity_type = 'country' ` +
					`AND hour > $__toTime - INTERVAL 2 HOUR AND hour <= $__toTime
GROUP BY entity_code
ORDER BY loss_percent DESC, country`,
				columns: []column{
					{name: "country", title: "Country", links: []link{
						{"This country", url("country", "&var-code=${__data.fields.country}&${__url_time_range}")},
					}},
					{name: "name", title: "Name"},
					{name: "loss_percent", title: "Lost"},
				},
			},
			worstCountries(),
			outageTable("Open outages", "Outages that go on: countries first, then the biggest losses.",
				"no outage is open", 24, 10,
				ofFamily+" AND state = 'open' AND kind = 'outage'",
				"entity_type = 'country' DESC, score DESC, entity_code, family"),
			{
				title: "Countries that lost a fifth or more", kind: lines, width: 12, height: 9, unit: "short",
				empty: "nothing is known of this time", interval: "1h",
				description: "In each hour, the number of countries whose worst minute lacked at least 20 % " +
					"of the usual address space.",
				sql: `SELECT $__timeInterval(hour) AS time, toString(family) AS series, ` +
					`uniqExactIf(entity_code, max_loss_percent >= 20) AS countries
FROM entity_hours
WHERE ` + ofDataset + " AND " + ofFamily + ` AND entity_type = 'country' AND $__timeFilter(hour)
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "Outages that began", kind: bars, width: 12, height: 9, unit: "short",
				empty: "no outage began in this time", interval: "1h",
				description: "How many outages began in each step of time, by kind of entity. " +
					"A country's outage comes with those of its networks and prefixes.",
				sql: `SELECT $__timeInterval(start) AS time, toString(entity_type) AS series, count() AS outages
FROM outages
WHERE ` + ofDataset + " AND " + ofFamily + " AND " + confirmed + ` AND $__timeFilter(start)
GROUP BY time, series
ORDER BY time, series`,
			},
			outageTable("Outages of countries in this time", "The newest first.",
				"no country had an outage in this time", 24, 11,
				ofFamily+" AND entity_type = 'country' AND "+confirmed+" AND "+lasted, "start DESC, entity_code, family"),
		},
	}
}

// worstCountries lists countries by the time that they were out, within the chosen time.
func worstCountries() panel {
	return panel{
		title: "Countries with outages", kind: rows, width: 10, height: 14,
		empty: "no country had an outage in this time",
		description: "Countries by the time that they were out, within the chosen time. " +
			"Each family counts by itself. Click a country to see it.",
		sql: `SELECT entity_code, any(entity_name) AS name, count() AS outages,
    sum(dateDiff('second', greatest(start, $__fromTime), ` +
			`least(ifNull(end, $__toTime), $__toTime))) AS seconds, max(peak_loss_percent) AS most_percent
FROM outages
WHERE ` + ofDataset + " AND " + ofFamily + " AND entity_type = 'country' AND " + confirmed +
			" AND " + lasted + `
GROUP BY entity_code
ORDER BY seconds DESC, entity_code
LIMIT 100`,
		columns: []column{
			{
				name: "entity_code", title: "Country", width: 80,
				links: []link{{"This country", url("country", "&var-code=${__value.text}&${__url_time_range}")}},
			},
			{name: "name", title: "Name"},
			{name: "outages", title: "Outages", unit: "short", width: 90},
			{name: "seconds", title: "Out for", unit: "dtdurations", width: 150},
			{name: "most_percent", title: "Most lost", unit: "percent", width: 100},
		},
	}
}
