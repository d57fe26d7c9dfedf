// Package live folds the present of one dataset from Kafka, for the pages and programs that `darkmap serve` answers.
//
// In: records of bgp.outages.v1, bgp.visibility.v1, bgp.panel.v1 and bgp.feeds.v1, and the newest minute that detect has decided, which its
// commits name. Out: a Snapshot, which never changes once it is made; Present holds the newest one. A Fold is the pure part: records and
// times in, snapshots out. Present.Run owns two goroutines, one that reads Kafka and one that makes a snapshot each second, and waits for both.
//
// A record belongs to the minute that it is about. The fold keeps it until that minute is decided: so a snapshot holds whole minutes, and the
// minutes that Snapshot.Changes returns are the same in every process that reads the same topics.
//
// Bounds: MaxEntities values of entities, MaxOutages outages, RingMinutes minutes of changes, MaxWaiting records of minutes that are not decided.
package live
