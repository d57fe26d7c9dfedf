package core

import "github.com/darkmap/darkmap/schemas"

// Name is the name of the stage, and the source in the feed records that the detector writes.
const Name = schemas.StageDetect

// Record is a message of schemas/darkmapv1 that detect publishes: VisibilityRecord, PrefixRecord,
// PanelRecord, OutageRecord or FeedRecord. The detector leaves its position empty. The stage sets
// it (collector detect/<family>, lane out).
type Record interface {
	// MarshalVT encodes the record.
	MarshalVT() ([]byte, error)
}

// Out is one record to publish when a window closes. The order of a window's Outs must follow from
// the log alone, as it decides their positions.
type Out struct {
	// Topic is a name of the registry: schemas.TopicVisibility, TopicPrefixes, TopicPanel,
	// TopicOutages or TopicFeeds.
	Topic string
	// Key is the key of the record in the form that the registry defines.
	Key []byte
	// Record is owned by the stage from here on.
	Record Record
}
