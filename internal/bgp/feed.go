package bgp

// FeedState is the state of a collector's stream as ingest sees it: FeedStatus.state on
// bgp.feeds.v1, and the column state of feeds. It is empty in records other than a status.
type FeedState string

// The states of a collector's stream.
const (
	// FeedOpening: the state is not known yet.
	FeedOpening FeedState = "opening"
	// FeedUp: ticks flow.
	FeedUp FeedState = "up"
	// FeedBootstrapping: ticks flow, and the tables are being read.
	FeedBootstrapping FeedState = "bootstrapping"
	// FeedStale: ticks flow, but the messages come late. The collector is down.
	FeedStale FeedState = "stale"
	// FeedSuspended: no ticks. The source is absent at the moment.
	FeedSuspended FeedState = "suspended"
	// FeedDown: no ticks. The collector is down.
	FeedDown FeedState = "down"
	// FeedClosed: this process no longer follows the collector. No record has this state.
	FeedClosed FeedState = "closed"
)
