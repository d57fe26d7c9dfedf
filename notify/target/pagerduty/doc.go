// Package pagerduty pages through PagerDuty's Events API v2: trigger when an incident opens or changes, resolve when it ends. The incident's id is
// the dedup_key, so that a message that is sent twice is one alert, and an incident that opens again after its end is a new one. The package
// starts no goroutine.
package pagerduty
