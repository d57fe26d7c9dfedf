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

// GroupMember is a member of a group that shares out the partitions of a topic among processes that do not read it: whoever has a
// partition does the work that belongs to its keys. Members are static; a member that dies loses its partitions to the others
// within the session's timeout, one that is restarted before that keeps them.
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

// NewGroupMember joins as instance once Run is called. changed is told which partitions this member has, in order, after every change;
// it is called by one goroutine at a time and must not block for long: the group waits for it. topic is a name of the registry.
func NewGroupMember(cfg Config, stage, instance, topic string, log *slog.Logger, reg prometheus.Registerer, changed func(owned []int32)) (*GroupMember, error) {
	s := &GroupMember{cfg: cfg, log: log, group: cfg.Group(stage), notify: changed, owned: map[int32]bool{}}
	cl, err := NewClient(cfg, log, append(PromptMember(s.group, instance),
		Metrics(reg, stage+"-share"),
		kgo.ConsumeTopics(cfg.Topic(topic)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.change(m, true) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.change(m, false) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.change(m, false) }))...)
	if err != nil {
		return nil, err
	}
	cl.PauseFetchTopics(cfg.Topic(topic)) // it is never read
	s.cl = cl
	return s, nil
}

// change is called by the client's goroutine.
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

// Run keeps the place in the group until ctx ends. It fails only where another process took the instance's place; what else goes
// wrong the client tries again.
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

// Joined reports whether the group has given this member its place, if only to stand by.
func (s *GroupMember) Joined() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joined
}
