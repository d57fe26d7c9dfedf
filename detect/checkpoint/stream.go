package checkpoint

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/darkmap/darkmap/detect/snapshot"
)

const (
	// windowBytes is the size of zstd's window, the part of the stream that zstd refers back to. A
	// reader allocates no more than maxWindowBytes.
	windowBytes    = 1 << 20
	maxWindowBytes = 8 << 20
	// encoders is the number of goroutines that compress.
	encoders = 2
)

// State is a part of a detector that a checkpoint keeps.
type State interface {
	// Snapshot writes the state. It does not change the state.
	Snapshot(w io.Writer) error
	// Restore reads a snapshot, and no octet after it, into a new state of the same configuration.
	// After an error the state cannot be used.
	Restore(r io.Reader) error
}

// encode writes the snapshots of states, one after the other, compressed.
func encode(w io.Writer, states []State) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(encoders), zstd.WithWindowSize(windowBytes))
	if err != nil {
		return fmt.Errorf("compressing a checkpoint: %w", err)
	}
	for _, s := range states {
		if err = s.Snapshot(z); err != nil {
			break
		}
	}
	if err := errors.Join(err, z.Close()); err != nil {
		return fmt.Errorf("taking a snapshot: %w", err)
	}
	return nil
}

// decode reads the output of encode into new states; without states it only reads. It reads r to
// its end.
func decode(r io.Reader, states []State) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer z.Close()
	for _, s := range states {
		err := s.Restore(z)
		switch {
		case errors.Is(err, snapshot.ErrFormat):
			return fmt.Errorf("%w: %w", ErrFormat, err)
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	n, err := io.Copy(io.Discard, z)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case n > 0 && len(states) > 0:
		return fmt.Errorf("%w: %d octets behind the last snapshot", ErrDamaged, n)
	}
	return nil
}
