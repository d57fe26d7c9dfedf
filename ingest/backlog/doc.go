// Package backlog makes sources that can be read again (files, tables, fills) wait while they are
// too far ahead of the slowest stage.
//
// It asks Kafka how far the stages behind bgp.updates have read. It starts no goroutine.
package backlog
