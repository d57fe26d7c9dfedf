package year

import (
	"iter"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/schemas"
)

// Stream is the records of one partition of a topic. A record holds until the next one is asked for.
type Stream struct {
	// Dataset is where they belong.
	Dataset string
	// Topic is one of the registry.
	Topic   string
	Records iter.Seq2[*kgo.Record, error]
}

// ReplayDataset is a second dataset beside the year's: the outages of the last 30 days as a replay of archives would have found them.
// It lacks one in fifty.
func (y *Year) ReplayDataset() string { return y.cfg.Dataset + "-replay" }

// Streams are all that there is to write, the longest first. Each may be read by a goroutine of its own, more than once.
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
		Stream{y.ReplayDataset(), schemas.TopicOutages, y.outageRecords(y.ReplayDataset(), y.end-routeDays*day, func(n int) bool { return n%50 == 7 })},
	)
}
