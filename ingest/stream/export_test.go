package stream

import "context"

// Tick is one turn of Run's loop.
func (s *Set) Tick(ctx context.Context) error { return s.tick(ctx) }
