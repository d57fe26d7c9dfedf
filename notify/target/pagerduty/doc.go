// Package pagerduty pages through PagerDuty's Events API v2: it sends trigger when an incident
// opens or changes, and resolve when it ends. The incident's id is the dedup_key, so a message that
// is sent twice is one alert, and an incident that opens again after its end is a new alert. The
// package starts no goroutine.
package pagerduty
