package history

import (
	"context"
	"time"
)

const (
	// watchEvery is how often the store is asked whether it answers, while nothing else tells; againEvery how often while it does not.
	watchEvery = 20 * time.Second
	againEvery = 5 * time.Second
)

// AwaySince is since when the store does not answer, as Watch knows it; zero while it does, and where there is none.
func (s *Store) AwaySince() time.Time {
	if since := s.awaySince.Load(); since != nil {
		return *since
	}
	return time.Time{}
}

// Watch asks the store again and again whether it answers, at once after a question failed, until ctx ends.
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

// ping asks the store for nothing. It takes no place among the questions.
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

// doubts lets Watch ask at once.
func (s *Store) doubts() {
	select {
	case s.doubt <- struct{}{}:
	default: // it will
	}
}
