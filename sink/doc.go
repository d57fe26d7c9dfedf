// Package sink writes the topics into ClickHouse, each row once.
//
//	bgp.routes      route_changes   route changes only: ticks, states, gaps and tables make no rows
//	bgp.visibility  visibility
//	bgp.outages     outage_events   (outages is a view of it)
//	bgp.panel       panel
//	bgp.feeds       feeds
//	bgp.deadletter  deadletter
//
// How a row comes to be there once. A batch is a contiguous run of records of one Kafka partition; it never splits a record,
// ends where the table's own partition (day or month of append time) changes, is one block of one insert and so is there
// wholly or not at all, and is acknowledged before that table's next is sent. Offsets are committed after that. After an
// assignment, and after an insert whose outcome is unknown, the inserts that may still run for the Kafka partition are
// killed by their query id, sink/<table>/<topic>/<partition>/<n>, and the highest position in the table is read for each
// lane that occurs; what is not above it is dropped. Positions decide, not offsets: a dataset that is replayed from new
// topics adds nothing. What cannot be decoded goes to the dead-letter topic.
//
// Goroutines: Run polls, decodes and commits; one writer per table inserts. A mutex (Stage.mu) guards all partitions and
// writers' states between them and the client's rebalance callbacks. It is never held while ClickHouse or Kafka is waited
// for, except for reading positions and for producing a dead letter, both of which have short limits; what could not be
// done in time is done again. All end with Run.
//
// Memory is bounded per Kafka partition: while a full batch waits for the table's writer the partition is paused, so that
// at most one inserting, one waiting and one open batch and one poll exist.
package sink
