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

// fullEvery is how often a process warns that it waits for room on the disk.
const fullEvery = time.Minute

// diskFull reports whether err means a full disk, as an errno or as a code of ClickHouse.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		clickhouse.Code(err) == int(proto.ErrNotEnoughSpace)
}

// retryWhileDiskFull calls do, which writes to the folder. While the disk is full it calls do
// again, with backoff, until ctx ends. It returns the error of do if that has another cause.
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
