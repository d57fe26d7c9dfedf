package ingest

import (
	"context"

	"github.com/darkmap/darkmap/ingest/stream"
)

// answerer answers gaps.
type answerer interface {
	// Gap takes a gap that has just begun; it does not block.
	Gap(g *stream.Gap)
	Run(ctx context.Context) error
	Ready() error
}

// maxUnanswered bounds the gaps that wait to be given up: more than one of a collector is of no use.
const maxUnanswered = 4096

// noArchive answers every gap with: it will never be known.
type noArchive struct{ gaps chan *stream.Gap }

func newNoArchive() *noArchive { return &noArchive{make(chan *stream.Gap, maxUnanswered)} }

// Gap is answerer's. Where too many wait the gap stays open: its peers have no vote either way.
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
			if err := g.End(ctx, g.TableLane(), stream.Outcome{Why: "no archive is configured: learned from updates alone"}); err != nil && !g.Superseded() {
				return err
			}
		}
	}
}

// Ready is answerer's.
func (n *noArchive) Ready() error { return nil }
