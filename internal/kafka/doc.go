// Package kafka is where darkmap meets Kafka: the configuration, the embedded broker, the topics, and the few loops that
// stages share. Clients are franz-go's own; nothing wraps them.
//
// The embedded broker is franz-go's kfake, an evaluation broker: one process, no replication. What it writes stands on
// disk (DataDir), with 88 octets of index in memory per batch; without a folder everything is in memory. It does not
// stamp records with its own time (message.timestamp.type is kept but ignored), so producers must leave a record's
// timestamp zero: the client then sends its clock, and retention by time works. Retention by time and size runs every
// retentionInterval and drops whole segments. kill -9 of its process loses nothing that was acknowledged, but may
// forget which of it a transaction's consumer had committed: hence the positions (docs/architecture.md).
//
// Goroutines: the broker's own, ended by Broker.Close; those of each franz-go client, ended by its Close; Transform
// starts one per partition of a poll and waits for them.
package kafka
