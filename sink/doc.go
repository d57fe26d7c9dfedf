// Package sink writes the topics into ClickHouse, each row once.
//
//	bgp.routes      route_change_log  route changes only: ticks, states, gaps and tables make no rows
//	                                  (route_changes is a view of it)
//	bgp.visibility  visibility
//	bgp.prefixes    prefix_states
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
// lane that occurs; what is not above it is dropped. Views fill other tables with each insert; one that was cut short may be in
// the table and not there, so its rows are copied there again (refill). Positions decide, not offsets: a dataset that is replayed from new
// topics adds nothing. What cannot be decoded goes to the dead-letter topic.
//
// How a message comes to be shown once. The log holds messages again: a fill says what the live
// stream said near its gap, a new owner what its predecessor still wrote, an empty log everything
// since the newest table. All of a collector is in one Kafka partition, in order, so the first
// saying is in the table before the second one comes. A source (a lane, or an epoch of lane live)
// says each message once. A row that another source's row may show already is compared with those
// rows of the same peer, type, prefix, path id, SAFI and path, and nearly the same time, that
// repeat nothing themselves. It is paired with one of them at most, and that with one row of the
// source at most, for a peer may send the same twice. The row then keeps the name of its partner in
// the column repeats, and the view route_changes leaves it out. As the partners are in the table, a
// sink that starts again in the middle of a fill decides as one that ran on.
//
// Rows are compared in windows: some event time of one collector, read from the table in one query
// of bounded length, after all earlier rows of the part were inserted. A stream that runs on is
// never compared: per peer the two sources that reach farthest are known, and only a record that is
// not newer than the other source's newest row needs a window.
//
// Goroutines: Run polls, decodes and commits; one writer per table inserts. A mutex (Stage.mu)
// guards all partitions and writers' states between them and the client's rebalance callbacks. It
// is never held while ClickHouse or Kafka is waited for, except for reading positions and windows
// and for producing a dead letter, all of which have short limits; what could not be done in time
// is done again. All end with Run.
//
// Memory is bounded per Kafka partition: while a full batch waits for the table's writer the
// partition is paused, so that at most one inserting, one waiting and one open batch and one poll
// exist. Of route changes a partition also knows a place for each peer (at most 17,408 for a
// collector) and four windows of, as a rule, 50,000 rows.
package sink
