// Package backlog holds back sources that can be read again (files, tables, fills) while they are too far ahead of the slowest stage.
//
// It asks Kafka how far the stages behind bgp.updates have read. No goroutine is started.
package backlog
