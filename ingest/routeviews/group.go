package routeviews

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
)

// heardAfter exceeds the time that a member takes to learn of a request for a collector's tables.
// Later commits include the request.
const heardAfter = time.Minute

// join records that the group has accepted this member, perhaps without partitions.
func (s *Source) join() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined = true
}

// startOffset is the start of a partition that is new here.
type startOffset struct {
	p          *partition
	at, end    int64
	known      bool   // the partition was followed before
	unknown    bool   // the cluster does not know the topic, for now or for good
	lost       string // the reason why records are missing; empty: none are
	lostNumber int64
	memory     memory
}

// assigned determines the start of new partitions, and opens the streams of collectors that are new
// here. session ends if the group takes the partitions away again meanwhile.
func (s *Source) assigned(
	session, last context.Context, at map[string]map[int32]kgo.Offset,
) (map[string]map[int32]kgo.Offset, error) {
	starts, err := s.startOffsets(session, s.adm, at)
	if err != nil {
		return nil, err
	}
	byCollector := map[string][]*startOffset{}
	for _, start := range starts {
		if name, err := collectorOf(start.p.topic); err == nil {
			byCollector[name] = append(byCollector[name], start)
		} else {
			s.broken.Warn("a topic names no collector", "err", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byCollector)) {
		if err := s.open(last, name, byCollector[name]); err != nil {
			s.mu.Lock()
			s.fatal = err
			s.mu.Unlock()
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]map[int32]kgo.Offset{}
	for _, start := range starts {
		t, n := start.p.topic, start.p.number
		start.p.next = start.at
		if s.parts[t] == nil {
			s.parts[t] = map[int32]*partition{}
		}
		if out[t] == nil {
			out[t] = map[int32]kgo.Offset{}
		}
		s.parts[t][n], out[t][n] = start.p, kgo.NewOffset().At(start.at)
	}
	s.fault = nil
	s.count()
	return out, nil
}

// count publishes the numbers of topics and collectors of this member. The caller holds mu.
func (s *Source) count() {
	s.metrics.topics.Set(float64(len(s.parts)))
	s.metrics.collectors.Set(float64(len(s.collectors)))
}

// startOffset compares the committed offset with the partition's range of offsets.
func (s *Source) startOffset(p *partition, begin, end int64, old kadm.Offset) *startOffset {
	start := &startOffset{p: p, at: begin, end: end}
	if old.At < 0 { // a deleted topic loses its commits: this may be another topic of the same name
		s.anew(p)
		return start
	}
	m := recall(old.Metadata)
	// Another program, or an older darkmap, committed this. The last offset of this group and the
	// epoch of the positions are unknown.
	if m.At == 0 || m.Epoch == 0 {
		start.at = min(max(old.At, begin), end)
		start.lost = fmt.Sprintf(
			"the offset of %s partition %d was committed by another program, or by an older darkmap",
			p.topic, p.number)
		s.anew(p)
		return start
	}
	start.known, start.memory = true, m
	p.epoch, p.clock = start.memory.Epoch, start.memory.Clock
	p.bmp.RestoreAddPath(start.memory.AddPath)
	switch {
	case old.At < begin:
		start.lost, start.lostNumber = fmt.Sprintf("%s partition %d begins at offset %d, %d was to come",
			p.topic, p.number, begin, old.At), begin-old.At
	case old.At > end:
		start.lost = fmt.Sprintf("%s partition %d began anew: it ends at offset %d, %d was to come", p.topic,
			p.number, end, old.At)
		s.anew(p)
	default:
		start.at = old.At
	}
	return start
}

// open assigns partitions to their collector. If the collector is new here, it opens its stream.
// The error is the producer's.
func (s *Source) open(ctx context.Context, name string, starts []*startOffset) error {
	s.mu.Lock()
	c := s.collectors[name]
	s.mu.Unlock()
	fresh := c == nil
	known := slices.ContainsFunc(starts, func(start *startOffset) bool { return start.known })
	if fresh && !known && s.cfg.Start == startEnd {
		for _, start := range starts {
			start.at = start.end
		}
	}
	newest := newestMemory(starts)
	if fresh {
		past := stream.Past{AsOf: newest.At - heardAfter.Microseconds()}
		if known && !newest.Open {
			past.Known = newest.Clock
		}
		s.d.Streams.Remember(name, past)
		st, err := s.d.Streams.Open(ctx, name, stream.Options{
			Source: "routeviews", Clock: stream.Delayed, Archived: true,
		})
		if err != nil {
			return err
		}
		c = &collector{name: name, stream: st}
	}
	if since, why, ok := s.missing(starts, fresh, known, fresh && c.stream.TablesRequested(), newest); ok {
		s.d.Log.Info("a gap of routeviews begins", "collector", name, "reason", why)
		if _, err := c.stream.BeginGap(ctx, since, why); err != nil {
			return err
		}
	}
	if fresh {
		c.waiting = slices.ContainsFunc(starts, func(start *startOffset) bool { return start.at < start.end })
		if !c.waiting {
			if err := c.stream.Up(ctx); err != nil {
				return err
			}
		}
	}
	s.adopt(c, starts)
	return nil
}

// adopt adds the partitions to the collector. It marks all for a commit soon, also those of quiet
// topics, so that they are known.
func (s *Source) adopt(c *collector, starts []*startOffset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collectors[c.name] = c
	for _, start := range starts {
		start.p.c, start.p.end, start.p.unheard = c, start.end, start.at > 0
		start.p.lane = c.stream.Source(bgp.RouteViewsLane(start.p.topic, start.p.number))
		c.parts++
		if !start.unknown { // the cluster would refuse the commit, and delay the others
			s.fresh = append(s.fresh, start.p)
		}
	}
}

// missing decides whether a gap begins when partitions are taken over, with its begin and reason.
func (s *Source) missing(
	starts []*startOffset, fresh, known, tablesRequested bool, newest memory,
) (since int64, why string, ok bool) {
	switch {
	case fresh && !known:
		return 0, "never followed before", true
	case tablesRequested:
		since, why, ok = 0, "the detector needs the tables again", true
	case fresh && newest.Open:
		since, why, ok = newest.Since, "a gap was open when the collector changed hands", true
	}
	for _, start := range starts {
		if start.lost == "" {
			continue
		}
		s.metrics.lost.Add(float64(start.lostNumber))
		if !ok || start.memory.Clock < since {
			since = start.memory.Clock
		}
		why, ok = start.lost, true
	}
	return since, why, ok
}

// newestMemory returns the memory of the latest commit.
func newestMemory(starts []*startOffset) memory {
	var m memory
	for _, start := range starts {
		if start.known && start.memory.At >= m.At {
			m = start.memory
		}
	}
	return m
}

// revoked hands partitions over, after it has committed the records read.
func (s *Source) revoked(last context.Context, m map[string][]int32) {
	s.work.Lock()
	defer s.work.Unlock()
	if len(m) > 0 && !s.closing {
		began := time.Now()
		s.settle(last)
		s.d.Log.Info("routeviews' topics are handed over", "topics", len(m), "seconds", time.Since(began).Seconds())
	}
	s.forget(m)
}

// lost is called if the group has taken partitions away without a handover.
func (s *Source) lost(m map[string][]int32) {
	s.work.Lock()
	defer s.work.Unlock()
	s.forget(m)
}

// forget removes partitions. It closes collectors without any.
func (s *Source) forget(m map[string][]int32) {
	var gone []*collector
	s.mu.Lock()
	for topic, numbers := range m {
		for _, n := range numbers {
			p := s.parts[topic][n]
			if p == nil {
				continue
			}
			delete(s.parts[topic], n)
			delete(s.dirty, p)
			s.fresh = slices.DeleteFunc(s.fresh, func(f *partition) bool { return f == p })
			if s.pending != nil {
				delete(s.pending.points, p)
			}
			if p.c == nil {
				continue
			}
			if p.c.parts--; p.c.parts == 0 {
				delete(s.collectors, p.c.name)
				gone = append(gone, p.c)
			}
		}
		if len(s.parts[topic]) == 0 {
			delete(s.parts, topic)
		}
	}
	s.count()
	s.mu.Unlock()
	for _, c := range gone {
		c.stream.Close()
	}
}
