// Package cloudevents sends records as CloudEvents 1.0: by HTTP (HTTP protocol binding 1.0.2) or to a Kafka topic (Kafka protocol binding
// 1.0.2), each in structured or binary content mode. The id of an event stays through retries, so that source and id tell a double.
// No event has more than 64 KiB; the attribute truncated names the cut fields. The Kafka client has goroutines of its own, which Close ends.
package cloudevents
