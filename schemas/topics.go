package schemas

import "time"

// Topic is one row of the registry: what `darkmap topics apply` creates and checks, and what docs/schemas.md lists.
type Topic struct {
	Name string
	// Key says what the record key is.
	Key string
	// Value is the Protocol Buffers message of the value; empty where it is none.
	Value string
	// JSON is the JSON Schema of a value that is JSON: a file of this folder. Where Value is empty, too, the value is as it was read.
	JSON string
	// Holds says what a record is; empty where the comment of the message says it.
	Holds string
	// Headers of each record.
	Headers []Header
	// PerCollector topics are keyed by collector, and all have the same number of partitions: enrich maps partition to partition.
	PerCollector bool
	// Partitions of the others; those per collector have the configured number.
	Partitions int32
	// Retention on a cluster, by append time.
	Retention time.Duration
	// EmbeddedRetention and EmbeddedBytes (per topic, 0 is no limit) hold for the embedded broker.
	EmbeddedRetention time.Duration
	EmbeddedBytes     int64
	// Compacted topics keep the newest record of each key instead. The embedded broker does not compact one with EmbeddedBytes, for it would write it anew every
	// 30 seconds: it drops the oldest records.
	Compacted bool
	// SegmentBytes and CompactWithin make a cluster compact a topic soon: by default it may wait for a segment of 1 GiB, or for ever. 0 is the cluster's default.
	SegmentBytes  int64
	CompactWithin time.Duration
}

// Header is a header of a record; its value is text.
type Header struct {
	Name, Meaning string
}

// The headers of bgp.outages.json.v1.
const (
	HeaderContentType = "content-type"
	HeaderDataset     = "dataset"
	HeaderEvent       = "event"
	HeaderState       = "state"
	HeaderSequence    = "sequence"
)

// The headers of dead letters.
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

// The names of the topics; a configured prefix goes before them.
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

// TopicsBegin begins the name of every topic.
const TopicsBegin = "bgp."

const day = 24 * time.Hour

// Topics is the registry.
var Topics = []Topic{
	{Name: TopicUpdates, Key: "collector", Value: "UpdateRecord", PerCollector: true, Retention: 48 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30},
	{Name: TopicRoutes, Key: "collector", Value: "RouteRecord", PerCollector: true, Retention: 24 * time.Hour, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 4 << 30},
	{Name: TopicVisibility, Key: "entity", Value: "VisibilityRecord", Partitions: 4, Retention: 7 * day, EmbeddedRetention: 2 * time.Hour, EmbeddedBytes: 1 << 30},
	// Every prefix is said once a day, so 30 hours hold the newest record of each.
	{
		Name: TopicPrefixes, Key: "family/prefix", Value: "PrefixRecord", Partitions: 4, Retention: 2 * day, EmbeddedRetention: 30 * time.Hour, EmbeddedBytes: 1 << 30,
	},
	{Name: TopicOutages, Key: "outage id", Value: "OutageRecord", Partitions: 1, Retention: 90 * day, EmbeddedRetention: 90 * day},
	{
		Name: TopicOutagesJSON, Key: "outage id", JSON: "outage.schema.json", Headers: outageHeaders,
		Holds:      "The outage of a record of bgp.outages.v1, in the same order, octet for octet its field json: for clients without Protocol Buffers.",
		Partitions: 1, Retention: 90 * day, EmbeddedRetention: 90 * day,
	},
	{Name: TopicPanel, Key: "family/time", Value: "PanelRecord", Partitions: 1, Retention: 90 * day, EmbeddedRetention: 7 * day, EmbeddedBytes: 256 << 20},
	{Name: TopicFeeds, Key: "collector or peer", Value: "FeedRecord", Partitions: 1, Retention: 30 * day, EmbeddedRetention: 30 * day, EmbeddedBytes: 256 << 20},
	// A checkpoint of 100 MB every five minutes.
	{
		Name: TopicCheckpoints, Key: "detector/slot/chunk", Value: "CheckpointRecord", Partitions: 1, Compacted: true, SegmentBytes: 64 << 20, CompactWithin: 10 * time.Minute,
		EmbeddedRetention: 7 * day, EmbeddedBytes: 512 << 20,
	},
	{Name: TopicWatch, Key: "list, or list/host", Value: "WatchMemory", Partitions: 1, Compacted: true},
	{Name: TopicNotify, Key: "target/incident", Value: "NotifyRecord", Partitions: 1, Compacted: true},
	{
		Name: TopicDeadLetter, Key: "as read", Headers: deadLetterHeaders, Holds: "A record that a stage could not use, as it was read.",
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
	{HeaderTruncated, "true where the value was cut and the key left out, for they were too long; absent otherwise."},
}
