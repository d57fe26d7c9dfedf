// Package enrich turns bgp.updates.v1 into bgp.routes.v1: it decodes each BGP message, and adds origin, upstream, geography
// and owner to its route changes and to table chunks. States, gaps, ticks and clocks pass unchanged, octet for octet; those with
// which a collector, a gap or a check begins also say how much space the location files give each place.
//
// It keeps no state between records: one record in gives one record out under the same position, in the same partition and
// order, or several parts of one where it would exceed 512 KiB, or none where it holds no route of a family that darkmap
// reads (OPEN, KEEPALIVE, NOTIFICATION and ROUTE-REFRESH among them). A record that cannot be decoded goes to the
// dead-letter topic with the reason.
//
// The core is Enricher: bytes to bytes, no I/O. Stage is the shell around it: one Enricher per partition of a poll at a
// time, in Kafka transactions, and one goroutine that looks for changed files (Sources.Watch); both end with Run.
package enrich
