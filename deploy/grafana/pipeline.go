package grafana

// pipeline shows darkmap itself, from the feeds to the store, by the store and by Prometheus.
func pipeline() board {
	// Route changes are many: their queries read six hours at most.
	const routes = ofDataset +
		" AND timestamp >= greatest($__fromTime, $__toTime - INTERVAL 6 HOUR) AND timestamp <= $__toTime\n" +
		"    AND appended_at >= greatest($__fromTime, $__toTime - INTERVAL 6 HOUR) - INTERVAL 1 HOUR"
	metrics := func(title, description, unit string, series ...metric) panel {
		return panel{
			title:       title,
			description: description + " From Prometheus, which has to scrape darkmap's /metrics.",
			kind:        lines, width: 12, height: 8, unit: unit,
			empty: "Prometheus has no such metric", series: series,
		}
	}
	return board{
		name: "pipeline", title: "darkmap: pipeline", from: "now-6h",
		description: "darkmap itself: how much comes in, how late it is, what is dropped, what waits. " +
			"The upper half asks the store, the lower half Prometheus.",
		variables: []variable{
			storeChoice(), datasetChoice(),
			{
				name: "prometheus", label: "Prometheus", description: "The Prometheus that scrapes darkmap.",
				source: "prometheus",
			},
		},
		panels: []panel{
			{
				title: "Newest in the store", kind: rows, width: 8, height: 8,
				empty: "the store has nothing of this dataset and time",
				description: "How old the newest of each kind in the chosen time is, by our clock. " +
					"Of a live dataset visibility is at most an hour old, the panel a quarter of one; " +
					"a replay ends when it ends.",
				sql: `SELECT what, newest, dateDiff('second', newest, now()) AS age_seconds
FROM (
    SELECT 'outages' AS what, toDateTime(max(decided_at)) AS newest FROM outage_history WHERE ` +
					ofDataset + ` AND $__timeFilter(decided_at)
    UNION ALL
    SELECT 'visibility', max(hour) FROM entity_hours WHERE ` + ofDataset +
					` AND entity_type = 'country' AND $__timeFilter(hour)
    UNION ALL
    SELECT 'feeds', toDateTime(max(timestamp)) FROM feed_status WHERE ` + ofDataset + `
    UNION ALL
    SELECT 'panel', toDateTime(max(timestamp)) FROM panel_history WHERE ` + ofDataset +
					` AND $__timeFilter(timestamp)
)
WHERE toUnixTimestamp(newest) > 0
ORDER BY what`,
				columns: []column{
					{name: "what", title: "What"},
					{name: "newest", title: "Newest (UTC)", unit: "dateTimeAsIso", width: 170},
					{name: "age_seconds", title: "Age", unit: "dtdurations", width: 150},
				},
			},
			{
				title: "Route changes", kind: bars, width: 8, height: 8, unit: "short",
				empty: "no route changes in this time: they are kept for 30 days", interval: "1m",
				description: "Route changes in the store by the minute or longer step, " +
					"of the last six hours of the chosen time.",
				sql: `SELECT $__timeInterval(timestamp) AS time, toString(type) AS series, count() AS changes
FROM route_changes
WHERE ` + routes + `
GROUP BY time, series
ORDER BY time, series`,
			},
			{
				title: "From the collector to us", kind: lines, width: 8, height: 8, unit: "s",
				empty: "no route changes in this time: they are kept for 30 days", interval: "1m",
				description: "How much later than the collector we had a route change: " +
					"half of them sooner than the lower line, 99 of 100 sooner than the upper one. " +
					"What fills a gap is late by nature and left out.",
				sql: `SELECT $__timeInterval(timestamp) AS time, ` +
					`round(quantile(0.5)(toFloat64(received_at - timestamp)), 2) AS half_seconds, ` +
					`round(quantile(0.99)(toFloat64(received_at - timestamp)), 2) AS most_seconds
FROM route_changes
WHERE ` + routes + ` AND NOT startsWith(lane, 'fill/')
GROUP BY time
ORDER BY time`,
				columns: []column{
					{name: "half_seconds", title: "half of them"},
					{name: "most_seconds", title: "99 of 100"},
				},
			},
			metrics("Records by stage", "Records that each stage takes, by the second.", "cps",
				metric{"sum(rate(darkmap_enrich_records_in_total[5m]))", "enrich"},
				metric{"sum(rate(darkmap_detect_records_in_total[5m]))", "detect"},
				metric{"sum(rate(darkmap_sink_records_in_total[5m]))", "sink"},
				metric{"sum(rate(darkmap_notify_records_in_total[5m]))", "notify"}),
			metrics("Since the last success",
				"How long ago each stage last finished a batch. A stage that grows here stands still.", "s",
				metric{"time() - max(darkmap_enrich_last_success_timestamp_seconds)", "enrich"},
				metric{"time() - max(darkmap_detect_last_success_timestamp_seconds)", "detect"},
				metric{"time() - max(darkmap_sink_last_success_timestamp_seconds)", "sink"},
				metric{"time() - max(darkmap_notify_last_success_timestamp_seconds)", "notify"}),
			metrics("How far detection is",
				"How far the open window of one minute lies behind the clock. Two to three minutes are usual.", "s",
				metric{
					"time() - max by (family) (darkmap_detect_window_timestamp_seconds)",
					"behind the clock, {{family}}",
				}),
			metrics("Messages by collector", "BGP messages that came in, by the second.", "cps",
				metric{"sum by (collector) (rate(darkmap_ingest_messages_total[5m]))", "{{collector}}"}),
			metrics("Rows by table", "Rows that ClickHouse has taken, by the second.", "cps",
				metric{"sum by (table) (rate(darkmap_sink_rows_total[5m]))", "{{table}}"}),
			metrics("Dropped",
				"Records that a stage has left out, by the second, and why. "+
					"present is a record that was stored before: harmless.",
				"cps",
				metric{"sum by (reason) (rate(darkmap_enrich_records_dropped_total[5m]))", "enrich: {{reason}}"},
				metric{"sum by (reason) (rate(darkmap_detect_records_dropped_total[5m]))", "detect: {{reason}}"},
				metric{"sum by (reason) (rate(darkmap_sink_records_dropped_total[5m]))", "sink: {{reason}}"}),
			metrics("Alerts that wait", "Since when the oldest message waits for a target. 0 is good.", "s",
				metric{"max by (target) (darkmap_notify_oldest_waiting_seconds)", "{{target}}"}),
			metrics("Time of a batch", "How long 99 of 100 batches take.", "s",
				metric{"histogram_quantile(0.99, sum by (le) (rate(darkmap_enrich_batch_seconds_bucket[5m])))", "enrich"},
				metric{"histogram_quantile(0.99, sum by (le) (rate(darkmap_detect_batch_seconds_bucket[5m])))", "detect"},
				metric{"histogram_quantile(0.99, sum by (le) (rate(darkmap_sink_batch_seconds_bucket[5m])))", "sink"}),
		},
	}
}
