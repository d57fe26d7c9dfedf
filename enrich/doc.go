// Package enrich turns bgp.updates.v1 into bgp.routes.v1. It decodes each BGP message, and adds
// origin, upstream, geography and owner to its route changes and to table chunks. States, gaps,
// ticks and clocks pass unchanged, octet for octet. The begin records of a collector, a gap or a
// check also get the address space of each place in the location files.
//
// The stage keeps no state between records. One input record gives one output record under the same
// position, in the same partition and order. It gives several parts if one would exceed 512 KiB. It
// gives no record if it holds no route of a family that darkmap reads (OPEN, KEEPALIVE,
// NOTIFICATION and ROUTE-REFRESH among them). A record that cannot be decoded goes to the
// dead-letter topic with the reason.
//
// The core is Enricher: bytes to bytes, no I/O. Stage is the shell around it. It uses one Enricher
// per partition, in Kafka transactions, and runs one goroutine that looks for changed files
// (Sources.Watch). All of its goroutines end with Run.
package enrich
