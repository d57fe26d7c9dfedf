package stream

import "context"

// MaxListed bounds the peers that a record lists.
const MaxListed = maxListed

// Tick is one turn of Run's loop.
func (s *Set) Tick(ctx context.Context) error { return s.tick(ctx) }
