package core

// Name is the source of what the detector says of feeds, and the stage's name.
const Name = "detect"

// Record is a message of schemas/darkmapv1 that detect publishes: VisibilityRecord, PrefixRecord, PanelRecord,
// OutageRecord or FeedRecord. The detector leaves its position empty; the stage sets it (collector detect/<family>, lane out).
type Record interface {
	// MarshalVT encodes it.
	MarshalVT() ([]byte, error)
}

// Out is one record that the detector wants published when a window closes. The order of a window's Outs must follow
// from the log alone, for it decides their positions.
type Out struct {
	// Topic is a name of the registry: schemas.TopicVisibility, TopicPrefixes, TopicPanel, TopicOutages or TopicFeeds.
	Topic string
	// Key of the record, as the registry says.
	Key []byte
	// Record is owned by the stage from here on.
	Record Record
}
