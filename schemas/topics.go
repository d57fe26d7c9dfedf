package schemas

import "time"

// Topic is one row of the registry. `darkmap topics apply` creates and checks topics by it, and
// docs/schemas.md lists its rows.
type Topic struct {
	Name string
	// Key describes the record key.
	Key string
	// Value is the Protocol Buffers message of the value. It is empty if the value is no such
	// message.
	Value string
	// JSON is the JSON Schema of a JSON value: a file of this folder. If Value is empty, too, the
	// value is a copy of the record that was read.
	JSON string
	// Holds describes a record. It is empty if the comment of the message does.
	Holds string
	// Headers are the headers of each record.
	Headers []Header
	// PerCollector topics are keyed by collector. All of them have the same number of partitions:
	// enrich maps partition to partition.
	PerCollector bool
	// Partitions is the number of partitions of the other topics. Topics per collector have the
	// configured number.
	Partitions int32
	// Retention is the retention on a cluster, by append time.
	Retention time.Duration
	// EmbeddedRetention and EmbeddedBytes (per topic, 0 is no limit) apply to the embedded broker.
	EmbeddedRetention time.Duration
	EmbeddedBytes     int64
	// Compacted topics keep the newest record of each key instead. The embedded broker does not
	// compact a topic with EmbeddedBytes, because it would rewrite the topic every 30 seconds. It
	// drops the oldest records.
	Compacted bool
	// SegmentBytes and CompactWithin make a cluster compact a topic soon. By default a cluster may
	// wait for a segment of 1 GiB, or for ever. 0 is the cluster's default.
	SegmentBytes  int64
	CompactWithin time.Duration
}

// Header is a header of a record. Its value is text.
type Header struct {
	Name, Meaning string
}

// Headers of bgp.outages.json.v1.
const (
	HeaderContentType = "content-type"
	HeaderDataset     = "dataset"
	HeaderEvent       = "event"
	HeaderState       = "state"
	HeaderSequence    = "sequence"
)

// Headers of dead letters.
const (
	HeaderReason    = "darkmap-reason"
	HeaderStage     = "darkmap-stage"
	HeaderTopic     = "darkmap-topic"
	HeaderPartition = "darkmap-partition"
	HeaderOffset    = "darkmap-offset"
	HeaderTruncated = "darkmap-truncated"
)

// ContentTypeJSON is the value of HeaderContentType.
const ContentTypeJSON = "application/json"

// Names of the topics. A configured prefix is put before them.
const (
	TopicUpdates     = "bgp.updates.v1"
	TopicRoutes      = "bgp.routes.v1"
	TopicVisibility  = "bgp.visibility.v1"
	TopicPrefixes    = "bgp.prefixes.v1"
	TopicOutages     = "bgp.outages.v1"
	TopicOutagesJSON = "bgp.outages.json.v1"
	TopicPanel       = "bgp.panel.v1"
	TopicFeeds       = "bgp.feeds.v1"
	TopicCheckpoints = "bgp.checkpoints.v1"
	TopicNotify      = "bgp.notify.v1"
	TopicDeadLetter  = "bgp.deadletter.v1"
	TopicWatch       = "bgp.watch.v1"
)

// TopicsBegin is the begin of every topic's name.
const TopicsBegin = "bgp."

const day = 24 * time.Hour

// Topics is the registry.
var Topics = []Topic{
	{
		Name: TopicUpdates, Key: "collector", Value: "UpdateRecord", PerCollector: true,
		Retention: 48 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30,
	},
	{
		Name: TopicRoutes, Key: "collector", Value: "RouteRecord", PerCollector: true,
		Retention: 24 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30,
	},
	{
		Name: TopicVisibility, Key: "entity", Value: "VisibilityRecord", Partitions: 4,
		Retention: 7 * day, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 1 << 30,
	},
	// Every prefix has a record once a day, so 30 hours hold the newest record of each.
	{
		Name: TopicPrefixes, Key: "family/prefix", Value: "PrefixRecord", Partitions: 4,
		Retention: 2 * day, EmbeddedRetention: 30 * time.Hour, EmbeddedBytes: 1 << 30,
	},
	{
		Name: TopicOutages, Key: "outage id", Value: "OutageRecord", Partitions: 1,
		Retention: 90 * day, EmbeddedRetention: 90 * day,
	},
	{
		Name: TopicOutagesJSON, Key: "outage id", JSON: "outage.schema.json", Headers: outageHeaders,
		Holds: "The outage of a record of bgp.outages.v1, in the same order, " +
			"octet for octet its field json: for clients without Protocol Buffers.",
		Partitions: 1, Retention: 90 * day, EmbeddedRetention: 90 * day,
	},
	{
		Name: TopicPanel, Key: "family/time", Value: "PanelRecord", Partitions: 1,
		Retention: 90 * day, EmbeddedRetention: 7 * day, EmbeddedBytes: 256 << 20,
	},
	{
		Name: TopicFeeds, Key: "collector or peer", Value: "FeedRecord", Partitions: 1,
		Retention: 30 * day, EmbeddedRetention: 30 * day, EmbeddedBytes: 256 << 20,
	},
	// Every five minutes a checkpoint of 100 MB is written.
	{
		Name: TopicCheckpoints, Key: "detector/slot/chunk", Value: "CheckpointRecord", Partitions: 1,
		Compacted: true, SegmentBytes: 64 << 20, CompactWithin: 10 * time.Minute,
		EmbeddedRetention: 7 * day, EmbeddedBytes: 512 << 20,
	},
	{Name: TopicWatch, Key: "list, or list/host", Value: "WatchMemory", Partitions: 1, Compacted: true},
	{Name: TopicNotify, Key: "target/incident", Value: "NotifyRecord", Partitions: 1, Compacted: true},
	{
		Name: TopicDeadLetter, Key: "as read", Headers: deadLetterHeaders,
		Holds:      "A record that a stage could not use, as it was read.",
		Partitions: 1, Retention: 14 * day, EmbeddedRetention: 14 * day, EmbeddedBytes: 256 << 20,
	},
}

var outageHeaders = []Header{
	{HeaderContentType, ContentTypeJSON + "."},
	{HeaderDataset, "The outage's dataset: live, demo, or the name of a replay."},
	{HeaderEvent, "What the record says: suspected, opened, updated, closed, reopened, retracted."},
	{HeaderState, "The outage's state after the record: suspected, open, closed, retracted."},
	{HeaderSequence, "The number of the record in the life of the outage, from 1, in decimal."},
}

var deadLetterHeaders = []Header{
	{HeaderReason, "Why the record could not be used."},
	{HeaderStage, "The stage that passed it over."},
	{HeaderTopic, "The topic that it was read from."},
	{HeaderPartition, "Its partition there, in decimal."},
	{HeaderOffset, "Its offset there, in decimal."},
	{
		HeaderTruncated,
		"true where the value was cut and the key left out, for they were too long; absent otherwise.",
	},
}
