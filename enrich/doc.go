// Package enrich reads bgp.updates.v1 and writes bgp.routes.v1. It decodes each BGP message into
// route changes. To route changes and table chunks it adds origin, upstream, places (countries and
// regions) and owners. Most other records (states, gaps, ticks, clock records) pass unchanged,
// octet for octet. But CollectorUp, GapBegin and CheckBegin also get the address space of each
// place in the location files.
//
// The stage keeps no state between records. One input record gives one output record with the same
// position, in the same partition and order. If the output would exceed 512 KiB, it is split into
// parts. A message without a route of a family that darkmap reads gives no record, for example
// OPEN, KEEPALIVE, NOTIFICATION and a request for a route refresh. A record that cannot be decoded
// goes to the dead-letter topic with the reason.
//
// Enricher is the core: it turns octets into octets, without I/O. Stage reads and writes Kafka, in
// transactions, with one Enricher per partition. Run starts the loop of internal/kafka, and one
// goroutine that looks for changed files (Sources.Watch). All goroutines end with Run.
package enrich
