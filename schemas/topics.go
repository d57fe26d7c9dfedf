package schemas

import "time"

// Topic is one row of the registry: what `darkmap topics apply` creates and checks, and what docs/schemas.md lists.
type Topic struct {
	Name string
	// Key says what the record key is.
	Key string
	// Value is the Protocol Buffers message of the value; empty where it is bytes as they were read.
	Value string
	// PerCollector topics are keyed by collector, and all have the same number of partitions: enrich maps partition to partition.
	PerCollector bool
	// Partitions of the others; those per collector have the configured number.
	Partitions int32
	// Retention on a cluster, by append time.
	Retention time.Duration
	// EmbeddedRetention and EmbeddedBytes (per topic, 0 is no limit) hold for the embedded broker.
	EmbeddedRetention time.Duration
	EmbeddedBytes     int64
	// Compacted topics keep the newest record of each key instead.
	Compacted bool
}

// The names of the topics; a configured prefix goes before them.
const (
	TopicUpdates     = "bgp.updates.v1"
	TopicRoutes      = "bgp.routes.v1"
	TopicVisibility  = "bgp.visibility.v1"
	TopicOutages     = "bgp.outages.v1"
	TopicPanel       = "bgp.panel.v1"
	TopicFeeds       = "bgp.feeds.v1"
	TopicCheckpoints = "bgp.checkpoints.v1"
	TopicNotify      = "bgp.notify.v1"
	TopicDeadLetter  = "bgp.deadletter.v1"
)

const day = 24 * time.Hour

// Topics is the registry.
var Topics = []Topic{
	{Name: TopicUpdates, Key: "collector", Value: "UpdateRecord", PerCollector: true, Retention: 48 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30},
	{Name: TopicRoutes, Key: "collector", Value: "RouteRecord", PerCollector: true, Retention: 24 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30},
	{Name: TopicVisibility, Key: "entity", Value: "VisibilityRecord", Partitions: 4, Retention: 7 * day, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 1 << 30},
	{Name: TopicOutages, Key: "outage id", Value: "OutageRecord", Partitions: 1, Retention: 90 * day, EmbeddedRetention: 90 * day},
	{Name: TopicPanel, Key: "family/time", Value: "PanelRecord", Partitions: 1, Retention: 90 * day, EmbeddedRetention: 7 * day, EmbeddedBytes: 256 << 20},
	{Name: TopicFeeds, Key: "collector or peer", Value: "FeedRecord", Partitions: 1, Retention: 30 * day, EmbeddedRetention: 30 * day, EmbeddedBytes: 256 << 20},
	{Name: TopicCheckpoints, Key: "detector/slot/chunk", Value: "CheckpointRecord", Partitions: 1, Compacted: true},
	{Name: TopicNotify, Key: "target/incident", Value: "NotifyRecord", Partitions: 1, Compacted: true},
	{Name: TopicDeadLetter, Key: "as read", Partitions: 1, Retention: 14 * day, EmbeddedRetention: 14 * day, EmbeddedBytes: 256 << 20},
}
