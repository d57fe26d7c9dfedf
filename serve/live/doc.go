// Package live folds the present of one dataset from Kafka, for the pages and programs that
// `darkmap serve` answers.
//
// In: records of bgp.outages.v1, bgp.visibility.v1, bgp.panel.v1 and bgp.feeds.v1, and the newest
// minute that detect has decided, which its commits name. Out: snapshots, which never change.
// Present holds the newest Snapshot. Fold is the pure part: it makes snapshots from records and
// times. Present.Run starts two goroutines, one that reads Kafka and one that makes a snapshot each
// second, and waits for both.
//
// A record belongs to the minute that it describes. The fold keeps the record until that minute is
// decided. So a snapshot holds whole minutes, and Snapshot.Changes returns the same minutes in
// every process that reads the same topics.
//
// Bounds: MaxEntities values of entities, MaxOutages outages, RingMinutes minutes of changes,
// MaxWaiting records of undecided minutes.
package live
