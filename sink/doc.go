// Package sink writes the topics into ClickHouse, with each row stored once.
//
//	bgp.routes      route_change_log  route changes only: ticks, states, gaps and tables make no
//	                                  rows (route_changes is a view of it)
//	bgp.visibility  visibility
//	bgp.prefixes    prefix_states
//	bgp.outages     outage_events   (outages is a view of it)
//	bgp.panel       panel
//	bgp.feeds       feeds
//	bgp.deadletter  deadletter
//
// How a row is stored once. A batch is a contiguous run of records of one Kafka partition. It never
// splits a record. It ends where the table's own partition (day or month of append time) changes.
// It is one block of one insert and therefore stored completely or not at all. It is acknowledged
// before the next batch of that table is sent. Offsets are committed after that. After an
// assignment, and after an insert of unknown outcome, the stage kills inserts that may still run
// for the Kafka partition, by the common prefix of their query ids, which are
// sink/<table>/<topic>/<partition>/<first offset>/<run>.<n>. It then reads the highest position in
// the table for each lane that occurs, and drops rows that are not above it. Views fill other
// tables with each insert. An insert that was cut short may be in the table but not in those, so
// its rows are copied there again (refill). After an assignment the rows of all records from the
// committed offset on are copied: few after a restart, all of the table if the group's offsets are
// gone. They are copied in pieces. Records of the partition wait for it, other partitions do not.
// Positions decide, not offsets: a dataset that is replayed from new topics adds nothing. Records
// that cannot be decoded go to the dead-letter topic.
//
// How a message is shown once. The topic can hold a message several times: a fill repeats messages
// of the live stream near its gap, a new owner repeats messages that its predecessor still wrote,
// and if the topic was lost, ingest writes everything since the newest table again. All records of
// a collector are in one Kafka partition, in order, so the first copy is in the table before the
// second one arrives. A source is a lane, or an epoch of lane live. It holds each message at most
// once. If another source may have stored the row, it is compared with rows of the other sources
// that (1) have the same peer, type, prefix, path id, SAFI and path, (2) have nearly the same time,
// (3) repeat no row. Each row pairs with at most one row of a source, because a peer may send a
// message twice. The row then stores the name of its partner in the column repeats, and the view
// route_changes leaves it out. As the partners are in the table, a sink that restarts in the middle
// of a fill decides as if it had not stopped.
//
// Rows are compared in windows. A window is here a span of event time of one collector, not a
// minute. It is read from the table in one query of bounded length, when all earlier rows of the
// partition are stored. An uninterrupted stream is never compared: the stage knows for each peer
// the two sources with the newest rows, and a record needs no window if it is more than a second
// (coarseTolerance) newer than the newest row of the other source.
//
// Goroutines: Run polls, decodes and commits; one writer per table inserts; one per Kafka partition
// refills after an assignment, one piece of one partition at a time. A mutex (Stage.mu) guards all
// partitions and the states of the writers between these goroutines and the client's rebalance
// callbacks. It is not held while waiting for ClickHouse or Kafka, with two exceptions, each at
// most lookLimit long: reading positions and windows, and producing a dead letter. An operation
// that exceeds its limit is retried. All goroutines end with Run.
//
// Memory is bounded per Kafka partition: while a full batch waits for the table's writer, the
// partition is paused. So there are at most one inserting, one waiting and one open batch, and one
// poll. A partition of route changes also keeps an entry for each peer (at most 17,408 for a
// collector) and four windows of usually 50,000 rows.
package sink
