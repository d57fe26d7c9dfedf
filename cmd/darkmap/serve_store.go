package main

import (
	"context"
	"sync"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// connect implements history.Connect for the store of this process.
func (s *store) connect(context.Context) (clickhouse.Server, func() error, error) {
	return s.server, func() error { return nil }, nil
}

// storeOf finds the store of a session for a server with concurrent requests.
type storeOf struct {
	mu      sync.Mutex // guards session
	session *session
}

// connect implements history.Connect. It does not wait for a store whose owner starts or ends: the
// next request finds the store.
func (s *storeOf) connect(ctx context.Context) (clickhouse.Server, func() error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.session.own; own != nil {
		return own.engine.Server(), func() error { return nil }, nil
	}
	l, err := s.session.tryLease(ctx)
	if err != nil {
		return clickhouse.Server{}, nil, err
	}
	return l.server, l.release, nil
}
