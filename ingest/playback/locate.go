package playback

import (
	"context"
	"errors"
	"io"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/codec"
)

// Locate plays the plan again to find the places of the messages at the given positions. It is
// meant for the few messages that a later stage could not read.
func (p *Plan) Locate(
	ctx context.Context, wanted map[bgp.Position]struct{},
) (map[bgp.Position]FilePosition, error) {
	found := make(map[bgp.Position]FilePosition, len(wanted))
	src := p.Open()
	defer src.Close() //nolint:errcheck // only read
	for len(found) < len(wanted) {
		rec, err := src.Next()
		if _, damaged := errors.AsType[*capture.Damage](err); damaged {
			continue
		}
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case rec.Update.GetBgpMessage() == nil:
			continue
		}
		at := codec.ParsePosition(rec.Update.GetPosition())
		if _, ok := wanted[at]; ok {
			found[at] = rec.FilePosition
		}
	}
	return found, nil
}
