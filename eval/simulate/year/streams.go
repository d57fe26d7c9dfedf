package year

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/schemas"
)

// Stream holds the records of one partition of a topic. A record is valid until the next one is
// read.
type Stream struct {
	// Dataset is the dataset of the records.
	Dataset string
	// Topic is a topic of the registry.
	Topic   string
	Records iter.Seq2[*kgo.Record, error]
}

// ReplayDataset names a second dataset beside the year's: the outages of the last 30 days as a
// replay of archives would have found them. One in fifty is missing.
func (y *Year) ReplayDataset() string { return y.cfg.Dataset + "-replay" }

// Streams returns all streams to write, the longest first. Each may be read by its own goroutine,
// more than once.
func (y *Year) Streams() []Stream {
	name := y.cfg.Dataset
	all := []Stream{{name, schemas.TopicVisibility, y.visibilityRecords(0)}}
	for c := range y.world.collectors {
		all = append(all, Stream{name, schemas.TopicRoutes, y.routeRecords(c)})
	}
	return append(all,
		Stream{name, schemas.TopicVisibility, y.visibilityRecords(1)},
		Stream{name, schemas.TopicPrefixes, y.prefixRecords(0)},
		Stream{name, schemas.TopicPrefixes, y.prefixRecords(1)},
		Stream{name, schemas.TopicOutages, y.outageRecords(name, y.begin, func(int) bool { return false })},
		Stream{name, schemas.TopicPanel, y.panelRecords()},
		Stream{name, schemas.TopicFeeds, y.feedRecords()},
		Stream{
			y.ReplayDataset(), schemas.TopicOutages,
			y.outageRecords(y.ReplayDataset(), y.end-routeDays*day, func(n int) bool { return n%50 == 7 }),
		},
	)
}
