// Package kafka is where darkmap meets Kafka: the configuration, the embedded broker, the topics, and the few loops that
// stages share. Clients are franz-go's own; nothing wraps them.
//
// The embedded broker is franz-go's kfake, an evaluation broker: one process, no replication. Clients need its password (auth.go). Before it
// opens its folder, all of it is checked and mended (statecheck.go, logcheck.go, logmend.go); a control record stands where records are lost (Lost).
// What would write on a full disk is refused before it is begun (disk_space.go): docs/adr/0019. What it writes stands on
// disk, with some 90 octets of index in memory per batch: five million records through updates and routes keep the whole
// process at 205 MB. Without a folder everything is in memory: for tests only. It does not stamp records with its own
// time (message.timestamp.type is kept but ignored), so producers must leave a record's timestamp zero: the client then
// sends its clock, and retention by time works. Retention by time and size runs every retentionInterval; files go when
// all of a segment has gone. The start of a log that DeleteRecords moved is forgotten by kill -9, up to a segment. A
// member that dies between joining and its first heartbeat is never noticed, until one with its instance's name joins.
// A member that waits for others to join again for longer than its session's timeout is dropped without an answer: it
// asks again when its rebalance timeout and ten seconds are over.
// After kill -9 of the broker's own process records may come twice: hence the positions (docs/architecture.md).
//
// Goroutines: the broker's own, ended by Broker.Close; those of each franz-go client, ended by its Close; Transform
// starts one per partition of a poll and waits for them.
package kafka
