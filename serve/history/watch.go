package history

import (
	"context"
	"time"
)

const (
	// watchEvery is the interval of pings while the store answers, and againEvery while it does
	// not.
	watchEvery = 20 * time.Second
	againEvery = 5 * time.Second
)

// AwaySince returns the time since which the store does not answer, as Watch has found. It is zero
// while the store answers, and if there is no store.
func (s *Store) AwaySince() time.Time {
	if since := s.awaySince.Load(); since != nil {
		return *since
	}
	return time.Time{}
}

// Watch pings the store at intervals, and at once after a question has failed, until ctx ends.
func (s *Store) Watch(ctx context.Context) {
	if s.Known() != nil {
		return
	}
	for {
		err := s.ping(ctx)
		if ctx.Err() != nil {
			return
		}
		wait := watchEvery
		switch {
		case err == nil:
			s.awaySince.Store(nil)
		case s.awaySince.Load() == nil:
			since := time.Now().UTC()
			s.awaySince.Store(&since)
			fallthrough
		default:
			wait = againEvery
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-s.doubt:
		}
		t.Stop()
	}
}

// ping sends an empty statement. It takes no slot of the questions.
func (s *Store) ping(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, againEvery)
	defer cancel()
	server, release, err := s.cfg.Connect(limited)
	if err != nil {
		return err
	}
	defer release() //nolint:errcheck // only read
	_, err = rows[struct{}](limited, &asker{server: server.AsReader()}, "SELECT 1", nil)
	return err
}

// doubts makes Watch ping at once.
func (s *Store) doubts() {
	select {
	case s.doubt <- struct{}{}:
	default: // a wake-up is pending already
	}
}
