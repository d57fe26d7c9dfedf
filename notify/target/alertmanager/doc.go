// Package alertmanager fires and resolves alerts at Prometheus Alertmanagers (API v2).
//
// An alert's labels are its identity, and severity is one of them: when an incident's severity changes, one POST ends the old alert and fires
// the new one. The other labels are made of the incident's id alone, so that they stay although a wider event takes the incident over, and after
// a restart. Open alerts are sent again each minute, with an end in the far future, so that nothing resolves because darkmap is away; an end
// is said with the time of the end, for a quarter of an hour. Each instance is told everything; one that is down is no failure while another
// takes the alerts. The package starts goroutines for the time of a Send or
// Beat.
//
// A heartbeat is two alerts: one that ends by itself when no further heartbeat comes, and one that it inhibits until then.
package alertmanager
