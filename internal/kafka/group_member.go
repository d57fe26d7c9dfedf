package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/retry"
)

// GroupMember is a member of a group that distributes the partitions of a topic among processes
// that do not read it. The owner of a partition does the work for its keys. Members are static. A
// member that dies loses its partitions to the others after the session timeout; one that restarts
// before that keeps them.
type GroupMember struct {
	cfg    Config
	log    *slog.Logger
	cl     *kgo.Client
	group  string
	notify func(owned []int32)

	mu     sync.Mutex
	owned  map[int32]bool
	joined bool
}

// NewGroupMember returns a member that joins as instance when Run is called. After every change it
// calls changed with the partitions of this member, in order. Only one goroutine at a time calls
// changed. It must not block for long, because the group waits for it. topic is a name of the
// registry.
func NewGroupMember(
	cfg Config, stage, instance, topic string, log *slog.Logger, reg prometheus.Registerer,
	changed func(owned []int32),
) (*GroupMember, error) {
	s := &GroupMember{cfg: cfg, log: log, group: cfg.Group(stage), notify: changed, owned: map[int32]bool{}}
	cl, err := NewClient(cfg, log, append(PromptMember(s.group, instance),
		Metrics(reg, stage+"-share"),
		kgo.ConsumeTopics(cfg.Topic(topic)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
			s.change(m, true)
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
			s.change(m, false)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) {
			s.change(m, false)
		}))...)
	if err != nil {
		return nil, err
	}
	cl.PauseFetchTopics(cfg.Topic(topic)) // the topic is never read
	s.cl = cl
	return s, nil
}

// change records assigned or removed partitions and calls notify. The client's goroutine calls it.
func (s *GroupMember) change(m map[string][]int32, given bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.joined = true
	for _, partitions := range m {
		for _, p := range partitions {
			if given {
				s.owned[p] = true
			} else {
				delete(s.owned, p)
			}
		}
	}
	owned := make([]int32, 0, len(s.owned))
	for p := range s.owned {
		owned = append(owned, p)
	}
	slices.Sort(owned)
	s.notify(owned)
}

// Run keeps the membership in the group until ctx ends. It fails only if another process took over
// the instance. After other errors the client tries again.
func (s *GroupMember) Run(ctx context.Context) error {
	defer s.cl.CloseAllowingRebalance()
	var wait retry.Backoff
	for ctx.Err() == nil {
		err := s.cfg.FetchErr(s.cl.PollFetches(ctx))
		switch {
		case Fenced(err):
			return fmt.Errorf("sharing the work of %s: the instance is running elsewhere: %w", s.group, err)
		case err != nil && ctx.Err() == nil:
			s.log.Warn("the place in the group is lost, trying again", "group", s.group, "err", err)
			if wait.Wait(ctx) != nil {
				return nil
			}
		}
	}
	return nil
}

// Joined reports whether the group has admitted this member, with or without partitions.
func (s *GroupMember) Joined() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joined
}
