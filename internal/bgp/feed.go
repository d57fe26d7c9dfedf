package bgp

// FeedState says how ingest sees a collector's stream: FeedStatus.state on bgp.feeds.v1, and the
// column state of feeds. It is empty in records that are no status.
type FeedState string

// The states of a collector's stream.
const (
	// FeedOpening: nothing is known yet.
	FeedOpening FeedState = "opening"
	// FeedUp: ticks flow.
	FeedUp FeedState = "up"
	// FeedBootstrapping: ticks flow, and the tables are being read.
	FeedBootstrapping FeedState = "bootstrapping"
	// FeedStale: ticks flow, but the messages come late. The collector is down.
	FeedStale FeedState = "stale"
	// FeedSuspended: no ticks. The source is not there at the moment.
	FeedSuspended FeedState = "suspended"
	// FeedDown: no ticks. The collector is down.
	FeedDown FeedState = "down"
	// FeedClosed: this process no longer follows the collector. No record says this.
	FeedClosed FeedState = "closed"
)
