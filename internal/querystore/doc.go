// Package querystore answers questions about a dataset at a time from the rows in ClickHouse
// (internal/query).
//
// Its input are the tables and views visibility, outages, outage_events, panel, panel_history,
// panel_verdicts, prefix_history and datasets. A prefix that is not lost has no rows in visibility,
// and tables have no rows in route_changes: facts that only those could give are unknown, and the
// answer reports that. The package only reads, as the store's reader, and starts no goroutine.
package querystore
