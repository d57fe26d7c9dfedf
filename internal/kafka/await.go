package kafka

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/darkmap/darkmap/internal/retry"
)

// Await returns when a broker answers. The error is that of ctx, or of a configuration with which
// no client can be built.
func Await(ctx context.Context, cfg Config, log *slog.Logger) error {
	cl, err := NewClient(cfg, log)
	if err != nil {
		return err
	}
	defer cl.Close()
	var wait retry.Backoff
	for cl.Ping(ctx) != nil {
		if err := wait.Wait(ctx); err != nil {
			return fmt.Errorf("waiting for Kafka: %w", err)
		}
	}
	return nil
}
