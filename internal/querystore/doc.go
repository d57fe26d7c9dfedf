// Package querystore answers questions about a dataset at a time from ClickHouse (internal/query), as far as its rows tell.
//
// In: visibility, outage_events, panel and prefix_history. A prefix that is not lost makes no rows of visibility, and tables make no rows of
// route_changes: what only they would tell is unknown, and the answer says so. It reads, as the store's reader; it starts no goroutine.
package querystore
