package routeviews

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
)

const (
	// commitLimit bounds the time of a commit, which blocks polling.
	commitLimit = 5 * time.Second
	// maxAddPath is the number of peers that fit into a commit's metadata. Brokers accept 4096
	// octets.
	maxAddPath = 32
)

// memory is the state in a commit's metadata, for the next owner.
type memory struct {
	// At is the time of the commit. Clock is that of the topic's last message. Since is the begin
	// of the collector's open gap. All are microseconds since 1970.
	At    int64 `json:"at"`
	Clock int64 `json:"clock"`
	Since int64 `json:"since,omitempty"`
	// Open is true if a gap of the collector is open.
	Open    bool              `json:"open,omitempty"`
	Epoch   uint64            `json:"epoch,omitempty"`
	AddPath []wire.BMPAddPath `json:"add_path,omitempty"`
}

// pending holds the offsets to be committed once mark is acknowledged.
type pending struct {
	mark   kafka.Mark
	points map[*partition]point
}

type point struct {
	offset   int64
	metadata string
}

// commit commits acknowledged offsets, and once per CommitInterval collects new ones. It returns
// the producer's error.
func (s *Source) commit(ctx context.Context) error {
	if s.pending != nil {
		ok, err := s.d.Updates.Acked(s.pending.mark)
		if err != nil {
			return err
		}
		if ok {
			s.send(ctx, s.pending.points)
			s.pending = nil
		}
	}
	if now := time.Now(); s.pending == nil && now.Sub(s.last) >= s.cfg.CommitInterval {
		s.last = now
		s.collect()
	}
	return nil
}

// introduce commits the start offsets of the partitions that were assigned since the last poll,
// before it passes on any of their records. The next owner then knows the epoch of their positions.
// If the cluster refuses, the next commit repeats them.
func (s *Source) introduce(ctx context.Context) {
	s.mu.Lock()
	fresh := s.fresh
	s.fresh = nil
	s.mu.Unlock()
	if len(fresh) == 0 {
		return
	}
	points := map[*partition]point{}
	for _, p := range fresh {
		points[p] = point{p.next, p.remember()}
	}
	var wait retry.Backoff
	for range 5 {
		if s.send(ctx, points) || wait.Wait(ctx) != nil {
			return
		}
	}
}

// collect adds all new offsets to the pending ones.
func (s *Source) collect() {
	if len(s.dirty) == 0 {
		return
	}
	if s.pending == nil {
		s.pending = &pending{points: map[*partition]point{}}
	}
	for p := range s.dirty {
		s.pending.points[p] = point{p.next, p.remember()}
	}
	clear(s.dirty)
	s.pending.mark = s.d.Updates.Mark()
}

// remember returns the metadata for the next owner.
func (p *partition) remember() string {
	m := memory{At: time.Now().UnixMicro(), Clock: p.clock, Epoch: p.epoch}
	if p.c != nil {
		m.Since, m.Open = p.c.stream.OpenGap()
	}
	m.AddPath = p.bmp.AddPathPeers()
	m.AddPath = m.AddPath[:min(len(m.AddPath), maxAddPath)]
	b, err := json.Marshal(m)
	if err != nil { // every field can be encoded
		return ""
	}
	return string(b)
}

// recall parses the metadata of a commit. It returns a zero memory if another program wrote them.
// It caps times in the future at the present.
func recall(metadata string) memory {
	var m memory
	if err := json.Unmarshal([]byte(metadata), &m); err != nil {
		return memory{}
	}
	now := time.Now().UnixMicro()
	m.At, m.Clock, m.Since = min(m.At, now), min(m.Clock, now), min(m.Since, now)
	return m
}

// settleLimit bounds the wait in settle, because the group's other members wait for it.
const settleLimit = 5 * time.Second

// settle waits until everything that was read is acknowledged, and commits it. The next owner of a
// topic reads again whatever is not acknowledged in time.
func (s *Source) settle(ctx context.Context) {
	if s.collect(); s.pending == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(s.d.Drain, settleLimit))
	defer cancel()
	t := time.NewTicker(5 * time.Millisecond)
	defer t.Stop()
	for {
		ok, err := s.d.Updates.Acked(s.pending.mark)
		if ok && err == nil {
			s.send(ctx, s.pending.points)
			s.pending = nil
			return
		}
		select {
		case <-t.C:
			if err == nil {
				continue
			}
		case <-ctx.Done():
		}
		s.pending = nil
		return
	}
}

// send commits offsets with their metadata, and reports whether it succeeded. Failed ones are
// committed again with the next.
func (s *Source) send(ctx context.Context, points map[*partition]point) bool {
	offsets, metadata := map[string]map[int32]kgo.EpochOffset{}, map[string]map[int32]string{}
	for p, at := range points {
		if offsets[p.topic] == nil {
			offsets[p.topic], metadata[p.topic] = map[int32]kgo.EpochOffset{}, map[int32]string{}
		}
		offsets[p.topic][p.number] = kgo.EpochOffset{Epoch: -1, Offset: at.offset}
		metadata[p.topic][p.number] = at.metadata
	}
	ctx, cancel := context.WithTimeout(ctx, commitLimit)
	defer cancel()
	var failed error
	with := kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				p := &req.Topics[i].Partitions[j]
				m := metadata[req.Topics[i].Topic][p.Partition]
				p.Metadata = &m
			}
		}
		return nil
	})
	s.cl.CommitOffsetsSync(with, offsets, func(
		_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error,
	) {
		failed = errors.Join(err, commitErr(resp))
	})
	if failed != nil {
		s.failed("commit", failed)
		for p := range points {
			if s.partition(p.topic, p.number) == p {
				s.dirty[p] = struct{}{}
			}
		}
		return false
	}
	s.metrics.commits.Inc()
	s.mu.Lock()
	s.fault = nil
	s.mu.Unlock()
	return true
}

// commitErr returns the first partition's error.
func commitErr(resp *kmsg.OffsetCommitResponse) error {
	if resp == nil {
		return nil
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("committing %s partition %d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
