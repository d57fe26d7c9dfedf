// Package cloudevents sends records as CloudEvents 1.0: by HTTP (HTTP protocol binding 1.0.2) or to
// a Kafka topic (Kafka protocol binding 1.0.2), each in structured or binary content mode. The id
// of an event stays the same in retries, so receivers recognise a double by source and id. An event
// has at most 64 KiB; the attribute truncated names the cut fields. The Kafka client has its own
// goroutines, which Close ends.
package cloudevents
