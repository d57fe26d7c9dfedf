package grafana

import "strings"

// Variables that boards share. Their names are the same on all boards, so that a link keeps the
// chosen values. code is the subject of a board: a country, an AS, a prefix, a watch list.

func storeChoice() variable {
	return variable{
		name: "source", label: "Store", description: "The ClickHouse that darkmap writes to.",
		source: storePlugin,
	}
}

func datasetChoice() variable {
	return variable{
		name: "dataset", label: "Dataset",
		description: "live is what the feeds say now; others are demos, replays and simulations.",
		sql: `SELECT arrayJoin(if(count() = 0, ['live'], groupArray(name))) AS dataset
FROM (
    SELECT toString(dataset) AS name
    FROM (
        SELECT DISTINCT dataset FROM outage_history
        UNION DISTINCT
        SELECT DISTINCT dataset FROM panel_history WHERE $__timeFilter(timestamp)
    )
    ORDER BY name != 'live', name
)`,
	}
}

func familyChoice() variable {
	return variable{
		name: "family", label: "Family",
		description: "IPv4 and IPv6 are apart: a country that lost both has two outages.",
		options:     "ipv4,ipv6", all: true,
	}
}

// orNone adds the row "none" to a query of code and name that has no rows: an empty text is no
// parameter of a view.
func orNone(sql string) string {
	return `SELECT tupleElement(choice, 1) AS code, tupleElement(choice, 2) AS name
FROM (
    SELECT arrayJoin(if(count() = 0, [('none', 'none: nothing is known of this time')], ` +
		`groupArray((code, name)))) AS choice
    FROM (
    ` + sql + `
    )
)`
}

func countryChoice() variable {
	return variable{
		name: "code", label: "Country",
		description: "Countries of which something is known on the last day of the chosen time. " +
			"Codes are those of ISO 3166-1.",
		free: true,
		sql: orNone(`SELECT entity_code AS code, ` +
			`if(any(entity_name) = '' OR any(entity_name) = entity_code, entity_code, ` +
			`concat(any(entity_name), ' (', entity_code, ')')) AS name
    FROM entity_hours
    WHERE dataset = ${dataset:singlequote} AND entity_type = 'country' ` +
			`AND hour >= $__toTime - INTERVAL 1 DAY AND hour <= $__toTime
    GROUP BY entity_code
    ORDER BY name`),
	}
}

func asChoice() variable {
	return variable{
		name: "code", label: "AS",
		description: "ASes with an outage in the chosen time, those with most first. " +
			"Any other can be typed: AS64496.",
		free: true,
		sql: orNone(`SELECT entity_code AS code, ` +
			`if(any(entity_name) = '' OR any(entity_name) = entity_code, entity_code, ` +
			`concat(entity_code, ' ', any(entity_name))) AS name
    FROM outages
    WHERE dataset = ${dataset:singlequote} AND entity_type = 'as' AND ` + lasted + `
    GROUP BY entity_code
    ORDER BY count() DESC, entity_code
    LIMIT 1000`),
	}
}

func prefixChoice() variable {
	return variable{
		name: "code", label: "Prefix",
		description: "Prefixes with an outage in the chosen time, the newest first. " +
			"Any other can be typed: 192.0.2.0/24.",
		free: true,
		sql: `SELECT entity_code
FROM outages
WHERE dataset = ${dataset:singlequote} AND entity_type = 'prefix' AND ` + lasted + `
GROUP BY entity_code
ORDER BY max(start) DESC, entity_code
LIMIT 1000`,
	}
}

func listChoice() variable {
	return variable{
		name: "code", label: "Watch list",
		description: "Lists whose members had an event in the chosen time.", free: true,
		sql: `SELECT w.list, if(any(w.title) = '', w.list, any(w.title)) AS title
FROM outages
ARRAY JOIN watch AS w
WHERE dataset = ${dataset:singlequote} AND ` + lasted + `
GROUP BY w.list
ORDER BY title`,
	}
}

func outageChoice() variable {
	return variable{
		name: "outage", label: "Outage",
		description: "The newest 500 outages of the chosen time. Any other id can be typed.", free: true,
		sql: `SELECT id, concat(entity_code, ' ', toString(family), ' ', formatDateTime(start, '%F %R')) AS name
FROM outages
WHERE dataset = ${dataset:singlequote} AND ` + lasted + `
ORDER BY start DESC, id
LIMIT 500`,
	}
}

// entityOf returns a hidden variable with one property of the chosen outage's entity, for queries
// that cannot join it. Its value is none if the outage does not exist.
func entityOf(name, sql, none string) variable {
	return variable{
		name: name, label: name, description: "Follows from the outage.", hidden: true,
		sql: "SELECT if(count() = 0, '" + none + "', any(" + sql +
			")) FROM outages WHERE dataset = ${dataset:singlequote} AND id = ${outage:singlequote}",
	}
}

func collectorChoice() variable {
	return variable{
		name: "collector", label: "Collector", description: "Who records BGP for us.", all: true, several: true,
		sql: "SELECT collector FROM feed_status WHERE dataset = ${dataset:singlequote} ORDER BY collector",
	}
}

// Conditions that queries share.
const (
	// Outages that lasted in the chosen time.
	lasted = "start <= $__toTime AND (end IS NULL OR end >= $__fromTime)"
	// Outages that were reported: neither blips nor retracted.
	confirmed = "kind = 'outage' AND NOT blip AND state != 'retracted'"
	ofDataset = "dataset = ${dataset:singlequote}"
	ofFamily  = "$__conditionalAll(family IN (${family:singlequote}), $family)"
	// The arguments of entity_minutes are literals: the view takes no expressions, so $__fromTime
	// cannot be used.
	chosenTime  = "from = '${__from:date:seconds}', to = '${__to:date:seconds}', step = $__interval_s"
	ofCollector = "$__conditionalAll(collector IN (${collector:singlequote}), $collector)"
	// Columns for links: the board of an entity and the board's name for the entity, and the time
	// of an outage with an hour before and after it.
	linkColumns = `if(entity_type = 'region', 'country', toString(entity_type)) AS board, ` +
		`if(entity_type = 'region', substring(entity_code, 1, 2), entity_code) AS board_code,
    id, toString(toUnixTimestamp(start) * 1000 - 3600000) AS from_ms, ` +
		`toString(toUnixTimestamp(ifNull(end, toDateTime(decided_at))) * 1000 + 3600000) AS to_ms`
)

// toOutage leads from a row with linkColumns to the outage, and to the board of its entity.
func toOutage() []link {
	const times = "&from=${__data.fields.from_ms}&to=${__data.fields.to_ms}"
	return []link{
		{"The outage", url("outage", "&var-outage=${__data.fields.id}"+times)},
		{
			"All of this entity",
			url("${__data.fields.board}", "&var-code=${__data.fields.board_code}&${__url_time_range}"),
		},
	}
}

// outageColumns show linkColumns and the columns of outages that tables share.
func outageColumns() []column {
	return []column{
		{name: "entity_type", title: "Kind of entity", width: 110},
		{name: "entity_code", title: "Entity", width: 170, links: toOutage()},
		{name: "entity_name", title: "Name"},
		{name: "family", title: "Family", width: 80},
		{name: "start", title: "Start (UTC)", unit: "dateTimeAsIso", width: 170},
		{name: "end", title: "End (UTC)", unit: "dateTimeAsIso", width: 170},
		{name: "duration_seconds", title: "Lasted", unit: "dtdurations", width: 150},
		{name: "severity", title: "Severity", width: 90},
		{name: "peak_loss_percent", title: "Most lost", unit: "percent", width: 100},
		{name: "board", hidden: true},
		{name: "board_code", hidden: true},
		{name: "id", hidden: true},
		{name: "from_ms", hidden: true},
		{name: "to_ms", hidden: true},
	}
}

// outageTable returns a table of outages.
func outageTable(
	title, description, empty string, width, height uint32, where, order string, more ...column,
) panel {
	var names strings.Builder
	for _, c := range more {
		names.WriteString(", " + c.name)
	}
	sql := "SELECT entity_type, entity_code, entity_name, family, start, end, duration_seconds, " +
		"severity, peak_loss_percent" + names.String()
	return panel{
		title: title, description: description + " Click an entity to see the outage, or all of the entity.",
		empty: empty, kind: rows, width: width, height: height,
		sql: sql + ",\n    " + linkColumns + "\nFROM outages\nWHERE " + ofDataset + " AND " + where +
			"\nORDER BY " + order + "\nLIMIT 200",
		columns: append(outageColumns(), more...),
	}
}

// marks returns the outages of an entity as spans of time.
func marks(name, where string) annotation {
	return annotation{name: name, colour: "red", sql: `SELECT start AS time, ` +
		`ifNull(end, toDateTime($__toTime)) AS timeEnd, headline AS text, ` +
		`concat(toString(family), ',', severity) AS tags
FROM outages
WHERE ` + ofDataset + " AND " + lasted + " AND " + confirmed + " AND " + where + `
ORDER BY time
LIMIT 200`}
}
