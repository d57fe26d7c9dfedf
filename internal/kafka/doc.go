// Package kafka connects darkmap to Kafka: the configuration, the embedded broker, the topics, and
// the few loops that stages share. Clients are those of franz-go, without a wrapper.
//
// The embedded broker is franz-go's kfake, an evaluation broker: one process, no replication. Its
// properties:
//
//   - Clients need its password (auth.go).
//   - Before it opens its folder, the package checks and repairs all of the folder (statecheck.go,
//     logcheck.go, logmend.go). A control record replaces lost records (Lost).
//   - On a full disk it rejects requests that would write before it begins them (disk_space.go):
//     docs/adr/0019.
//   - Its data are on disk, with some 90 octets of index in memory per batch. With five million
//     records through updates and routes, the whole process takes 205 MB. Without a folder all data
//     are in memory, which is for tests only.
//   - It does not stamp records with its own time (it stores message.timestamp.type but ignores
//     it). So producers must leave the timestamp of a record zero: the client then sends its clock,
//     and retention by time works.
//   - Retention by time and size runs every retentionInterval. It removes a segment's files when
//     all of the segment's records are dropped.
//   - After kill -9 the start of a log that DeleteRecords moved is lost, up to a segment.
//   - It does not notice the death of a member between joining and its first heartbeat, until a
//     member with the name of its instance joins.
//   - A member that waits longer than its session timeout for others to join again is dropped
//     without an answer. It asks again ten seconds after its rebalance timeout.
//   - After kill -9 of the broker's own process records may come twice. The positions
//     (docs/architecture.md) identify them.
//
// Goroutines: those of the broker end with Broker.Close, those of a franz-go client with its Close.
// Transform starts one per partition of a poll and waits for them.
package kafka
