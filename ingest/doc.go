// Package ingest brings what a source says into bgp.updates.v1: one collector, one ordered stream.
//
// Input: a source (file: captures). Output: UpdateRecords keyed by collector, clock records in every partition, and dead
// letters for what could not be read. One goroutine reads and produces; the producer's buffer is bounded, and a source that
// can be read again waits where it is too far ahead of the slowest consumer.
package ingest
