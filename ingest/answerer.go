package ingest

import (
	"context"

	"github.com/darkmap/darkmap/ingest/stream"
)

// answerer answers gaps.
type answerer interface {
	// Gap receives a gap that has just begun. It does not block.
	Gap(g *stream.Gap)
	Run(ctx context.Context) error
	Ready() error
}

// maxUnanswered bounds the queue of gaps that noArchive will end. One gap of a collector in the
// queue is enough.
const maxUnanswered = 4096

// noArchive ends every gap as incomplete: its messages will never be known.
type noArchive struct{ gaps chan *stream.Gap }

func newNoArchive() *noArchive { return &noArchive{make(chan *stream.Gap, maxUnanswered)} }

// Gap implements answerer. If too many gaps are queued, the gap stays open. That is harmless: its
// peers have no vote in both cases.
func (n *noArchive) Gap(g *stream.Gap) {
	select {
	case n.gaps <- g:
	default:
	}
}

// Run ends each gap as incomplete until ctx ends.
func (n *noArchive) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case g := <-n.gaps:
			if g.Superseded() {
				continue
			}
			if err := g.End(ctx, g.TableLane(), stream.Outcome{
				Why: "no archive is configured: learned from updates alone",
			}); err != nil && !g.Superseded() {
				return err
			}
		}
	}
}

// Ready implements answerer. It returns nil.
func (n *noArchive) Ready() error { return nil }
