// Package alertmanager fires and resolves alerts at Prometheus Alertmanagers (API v2).
//
// The labels of an alert are its identity, and severity is one of them. If an incident's severity
// changes, one POST ends the old alert and fires the new one. The other labels depend on the
// incident's id alone, so they stay the same if a wider event joins the incident, and after a
// restart. Open alerts are sent again each minute with an end in the far future, so that no alert
// resolves because darkmap is down. An end is sent with its time for a quarter of an hour. Every
// instance gets all alerts. An instance that is down is no failure while another accepts the
// alerts. The package starts goroutines for the duration of a Send or Beat.
//
// A heartbeat consists of two alerts: one that ends by itself if no further heartbeat comes, and
// one that the first inhibits until then.
package alertmanager
