package grafana

// watch shows the events of a watch list.
func watch() board {
	const listed = "arrayExists(w -> w.list = ${code:singlequote}, watch)"
	return board{
		name: "watch", title: "darkmap: watch list", from: "now-30d",
		description: "What happened to the members of a watch list: ASes, prefixes and countries that you chose. " +
			"A list knows what happens after it was written.",
		variables:   []variable{storeChoice(), datasetChoice(), listChoice()},
		annotations: []annotation{marks("Outages", listed)},
		panels: []panel{
			{
				title: "Open events", kind: numbers, width: 6, height: 4, unit: "short", empty: "none", red: 1,
				description: "How many events of members go on at the moment.",
				sql:         "SELECT count() AS events\nFROM open_outages\nWHERE " + ofDataset + " AND " + listed,
			},
			{
				title: "Events in this time", kind: numbers, width: 6, height: 4, unit: "short", empty: "none",
				description: "Events of members that lasted in the chosen time, " +
					"those of less than five minutes included.",
				sql: "SELECT count() AS events\nFROM outages\nWHERE " + ofDataset + " AND " + listed +
					" AND state != 'retracted' AND " + lasted,
			},
			{
				title: "Events that began", kind: bars, width: 12, height: 8, unit: "short",
				empty: "no event began in this time", interval: "1h",
				description: "How many events of members began in each step of time, by kind. " +
					"origin is a hijack or a mistake: a network that the list does not name.",
				sql: `SELECT $__timeInterval(start) AS time, kind AS series, count() AS events
FROM outages
WHERE ` + ofDataset + " AND " + listed + ` AND state != 'retracted' AND $__timeFilter(start)
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "Members", kind: rows, width: 12, height: 9, empty: "no member had an event in this time",
				description: "Members with events in the chosen time, and how often. Members without any are not here.",
				sql: `SELECT w.member AS member, count() AS events, countIf(state = 'open') AS open, ` +
					`sum(duration_seconds) AS seconds, max(start) AS newest
FROM outages
ARRAY JOIN watch AS w
WHERE ` + ofDataset + " AND w.list = ${code:singlequote} AND state != 'retracted' AND " + lasted + `
GROUP BY member
ORDER BY open DESC, events DESC, member
LIMIT 500`,
				columns: []column{
					{name: "member", title: "Member"},
					{name: "events", title: "Events", unit: "short", width: 80},
					{name: "open", title: "Open", unit: "short", width: 70},
					{name: "seconds", title: "Lasted, in sum", unit: "dtdurations", width: 150},
					{name: "newest", title: "Newest (UTC)", unit: "dateTimeAsIso", width: 170},
				},
			},
			{
				title: "Who announced what is not theirs", kind: rows, width: 12, height: 9,
				empty: "no foreign origin was seen in this time",
				description: "Prefixes of members that another AS originated than the list names, " +
					"and how many networks believed it. Click an AS to see it.",
				sql: `SELECT u.prefix AS prefix, concat('AS', toString(u.origin)) AS origin, ` +
					`arrayStringConcat(arrayMap(a -> concat('AS', toString(a)), u.expected), ', ') AS expected,
    u.share_percent AS share_percent, u.rpki AS rpki, start, end
FROM outages
ARRAY JOIN unexpected AS u
WHERE ` + ofDataset + " AND " + listed + " AND kind = 'origin' AND " + lasted + `
ORDER BY start DESC, prefix, origin
LIMIT 200`,
				columns: []column{
					{
						name: "prefix", title: "Prefix", width: 160,
						links: []link{{"This prefix", url("prefix", "&var-code=${__value.text}&${__url_time_range}")}},
					},
					{
						name: "origin", title: "Announced by", width: 130,
						links: []link{{"This AS", url("as", "&var-code=${__value.text}&${__url_time_range}")}},
					},
					{name: "expected", title: "The list names"},
					{name: "share_percent", title: "Believed by", unit: "percent", width: 100},
					{name: "rpki", title: "RPKI", width: 80},
					{name: "start", title: "Start (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "end", title: "End (UTC)", unit: "dateTimeAsIso", width: 170},
				},
			},
			outageTable("Events of its members", "The newest first.", "no member had an event in this time", 24, 10,
				listed+" AND state != 'retracted' AND "+lasted, "start DESC, entity_code",
				column{name: "kind", title: "Kind", width: 100}, column{name: "state", title: "State", width: 90}),
		},
	}
}
