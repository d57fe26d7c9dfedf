package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/kafka"
)

// owner is a source whose collectors are shared out among the replicas.
type owner interface {
	source
	// Collectors are all that there are, Own says which this process follows from now on; it does not block.
	Collectors() []string
	Own(collectors []string)
}

// sharing gives owners the collectors whose partitions of bgp.updates this replica has.
type sharing struct {
	l      *running
	owners []owner
	// changes holds the newest assignment that was not looked at yet.
	changes chan []int32
	has     map[string]bool // run's
}

func newSharing(l *running, owners []owner) *sharing {
	return &sharing{l: l, owners: owners, changes: make(chan []int32, 1), has: map[string]bool{}}
}

// changed is the group's callback: the newest assignment takes the place of one that waits. One goroutine calls it at a time.
func (s *sharing) changed(owned []int32) {
	select {
	case <-s.changes:
	default:
	}
	s.changes <- owned
}

// run follows the assignments until ctx ends.
func (s *sharing) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case owned := <-s.changes:
			if err := s.take(ctx, owned); err != nil {
				return err
			}
		}
	}
}

// take lets go of what is not ours any more at once, and takes what is new after looking up what is known of it.
func (s *sharing) take(ctx context.Context, owned []int32) error {
	next, fresh := map[string]bool{}, false
	for _, o := range s.owners {
		for _, c := range o.Collectors() {
			if slices.Contains(owned, s.l.updates.PartitionOf(c)) {
				next[c] = true
				fresh = fresh || !s.has[c]
			}
		}
	}
	s.own(func(c string) bool { return next[c] && s.has[c] })
	if fresh {
		if err := s.remember(ctx, next); err != nil {
			return err
		}
		s.own(func(c string) bool { return next[c] })
	}
	s.has = next
	s.l.d.Log.Info("collectors were shared out", "partitions", owned, "collectors", len(next))
	return nil
}

func (s *sharing) own(ours func(string) bool) {
	for _, o := range s.owners {
		o.Own(slices.DeleteFunc(slices.Clone(o.Collectors()), func(c string) bool { return !ours(c) }))
	}
}

// remember tells the set what is known of collectors that are new here. The error is ctx's.
func (s *sharing) remember(ctx context.Context, next map[string]bool) error {
	var retry kafka.Backoff
	for {
		now := s.l.now()
		p, err := readPast(ctx, &s.l.d, now.Add(-time.Duration(s.l.cfg.FillLimit)))
		if err == nil {
			for c := range next {
				if !s.has[c] {
					x := p[c]
					x.AsOf = now.UnixMicro() // tables that were wanted before are in it
					s.l.set.Remember(c, x)
				}
			}
			return nil
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end is no failure
		}
		s.l.d.Log.Warn("cannot tell what is known of the collectors, trying again", "err", err)
		if retry.Wait(ctx) != nil {
			return nil
		}
	}
}

// now is the time by which topics are searched: the broker's, near enough.
func (l *running) now() time.Time { return l.d.Now() }
