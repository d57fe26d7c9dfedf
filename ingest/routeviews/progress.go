package routeviews

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// advance processes a record, after checking whether its offset is the expected one.
func (s *Source) advance(ctx context.Context, p *partition, rec *kgo.Record) error {
	if rec.Offset < p.next { // the topic was created again: its offsets count from 0
		s.anew(p)
	}
	p.next = rec.Offset + 1
	if !rec.Attrs.IsControl() {
		if err := s.record(ctx, p, rec); err != nil {
			return err
		}
	}
	if p.c != nil && p.c.waiting && s.caughtUp(p.c) {
		return p.c.up(ctx)
	}
	return nil
}

// caughtUp reports whether all records were read that the collector's topics had when they were
// taken over.
func (s *Source) caughtUp(c *collector) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, numbers := range s.parts {
		for _, p := range numbers {
			if p.c == c && p.next < p.end {
				return false
			}
		}
	}
	return true
}

// anew starts an epoch of positions, later than any before: Unix milliseconds. Offsets of a topic
// count from 0 again if the topic was deleted and created again.
func (s *Source) anew(p *partition) {
	p.epoch = max(p.epoch+1, uint64(max(time.Now().UnixMilli(), 0)))
	p.bmp.Reset()
}

// holes detects records that the cluster deleted before they were read: the next offset is then not
// the expected one. It begins the collector's gap before the first record after such a hole.
func (s *Source) holes(ctx context.Context, fetches kgo.Fetches) error {
	since, why := map[*collector]int64{}, map[*collector]string{}
	fetches.EachPartition(func(ft kgo.FetchTopicPartition) {
		p := s.partition(ft.Topic, ft.Partition)
		if p == nil || p.c == nil {
			return
		}
		expected := p.next
		for _, rec := range ft.Records {
			if rec.Offset != expected {
				s.metrics.lost.Add(float64(max(rec.Offset-expected, 0)))
				if old, ok := since[p.c]; !ok || p.clock < old {
					since[p.c] = p.clock
				}
				p.unheard = true
				why[p.c] = fmt.Sprintf("%s partition %d goes on at offset %d instead of %d", p.topic,
					p.number, rec.Offset, expected)
			}
			expected = rec.Offset + 1
		}
	})
	for c, at := range since {
		s.d.Log.Warn("routeviews' cluster has dropped unread messages", "collector", c.name, "reason", why[c])
		if _, err := c.stream.BeginGap(ctx, at, why[c]); err != nil {
			return err
		}
		s.touch(c)
	}
	return nil
}

// touch marks all of a collector's partitions for the next commit, because the metadata contain the
// open gap.
func (s *Source) touch(c *collector) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, numbers := range s.parts {
		for _, p := range numbers {
			if p.c == c {
				s.dirty[p] = struct{}{}
			}
		}
	}
}
