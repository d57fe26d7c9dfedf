package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// owner is a source whose collectors are shared among the replicas.
type owner interface {
	source
	// Collectors returns all collectors of the source. Own sets the collectors that this process
	// follows from now on. It does not block.
	Collectors() []string
	Own(collectors []string)
}

// assignment assigns to the owners the collectors whose partitions of bgp.updates belong to this
// replica.
type assignment struct {
	l      *running
	owners []owner
	// changes holds the newest assignment until run reads it.
	changes chan []int32
	has     map[string]bool // the collectors assigned at present; used by run only
}

func newAssignment(l *running, owners []owner) *assignment {
	return &assignment{l: l, owners: owners, changes: make(chan []int32, 1), has: map[string]bool{}}
}

// changed is the callback of the group. The newest assignment replaces one that is still queued.
// Only one goroutine may call it at a time.
func (s *assignment) changed(owned []int32) {
	select {
	case <-s.changes:
	default:
	}
	s.changes <- owned
}

// run follows the assignments until ctx ends.
func (s *assignment) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case owned := <-s.changes:
			if err := s.apply(ctx, owned); err != nil {
				return err
			}
		}
	}
}

// apply takes away at once the collectors that no longer belong to this replica. It looks up the
// history of the new ones, then assigns them.
func (s *assignment) apply(ctx context.Context, owned []int32) error {
	next, fresh := map[string]bool{}, false
	for _, o := range s.owners {
		for _, c := range o.Collectors() {
			if slices.Contains(owned, s.l.updates.PartitionOf(c)) {
				next[c] = true
				fresh = fresh || !s.has[c]
			}
		}
	}
	s.assign(func(c string) bool { return next[c] && s.has[c] })
	if fresh {
		if err := s.recallHistory(ctx, next); err != nil {
			return err
		}
		s.assign(func(c string) bool { return next[c] })
	}
	s.has = next
	s.l.d.Log.Info("collectors assigned", "partitions", owned, "collectors", len(next))
	return nil
}

func (s *assignment) assign(ours func(string) bool) {
	for _, o := range s.owners {
		o.Own(slices.DeleteFunc(slices.Clone(o.Collectors()), func(c string) bool { return !ours(c) }))
	}
}

// recallHistory reads the history of the collectors that are new in this process, and stores it in
// the set. It repeats a failed read until ctx ends, and returns nil then.
func (s *assignment) recallHistory(ctx context.Context, next map[string]bool) error {
	var wait retry.Backoff
	for {
		now := s.l.now()
		p, err := readHistory(ctx, &s.l.d, now.Add(-time.Duration(s.l.cfg.FillLimit)))
		if err == nil {
			for c := range next {
				if !s.has[c] {
					x := p[c]
					x.AsOf = now.UnixMicro() // the history includes earlier requests for tables
					s.l.set.Remember(c, x)
				}
			}
			return nil
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end is no failure
		}
		s.l.d.Log.Warn("cannot read the history of the collectors, trying again", "err", err)
		if wait.Wait(ctx) != nil {
			return nil
		}
	}
}

// now returns the time for searching topics by time, close enough to the broker's.
func (l *running) now() time.Time { return l.d.Now() }
