// Package notify is the stage that tells people: bgp.outages.v1 to the targets of the configuration (docs/alerts.md).
package notify
