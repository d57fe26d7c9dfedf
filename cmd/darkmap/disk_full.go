package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// fullEvery is how often it is said that something waits for room on the disk.
const fullEvery = time.Minute

// diskFull reports whether err says that there is no room, in the system's words or in ClickHouse's.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || clickhouse.Code(err) == int(proto.ErrNotEnoughSpace)
}

// retryWhileDiskFull does something that writes to the folder, again and again while the disk is full, until ctx ends. The error is do's, about
// something else.
func (g *globals) retryWhileDiskFull(ctx context.Context, dir string, do func() error) error {
	said := telemetry.NewLimited(g.log, fullEvery, 1)
	var wait retry.Backoff
	for {
		err := do()
		if !diskFull(err) {
			return err
		}
		said.Warn("the disk is full: waiting for room", "dir", dir, "err", err)
		if wait.Wait(ctx) != nil {
			return err
		}
	}
}
