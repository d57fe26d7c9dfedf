package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Files of a partition's folder.
const (
	// snapshotName is what the broker writes when it ends, and reads when it starts. It does not remove the file.
	snapshotName = "snapshot.json"
	// earlierName is a snapshot that was read: where the log began does not hold any more, up to where it went does.
	earlierName = "snapshot.earlier"
)

// snapshotFile is what the broker wrote of the partition when it ended.
type snapshotFile struct {
	MaxTimestamp     int64     `json:"max_timestamp"` // of its records, milliseconds since 1970
	HighWatermark    int64     `json:"high_watermark"`
	LastStableOffset int64     `json:"last_stable_offset"`
	LogStartOffset   int64     `json:"log_start_offset"`
	AbortedTxns      []aborted `json:"aborted_txns"`
	Segments         []struct {
		Base int64 `json:"base_offset"`
	} `json:"segments"`
}

// aborted is a transaction that was aborted.
type aborted struct {
	Producer int64 `json:"producer_id"`
	First    int64 `json:"first_offset"`
	Last     int64 `json:"last_offset"`
}

// readSnapshot reads a partition's snapshot; one that cannot be read counts as none.
func readSnapshot(dir, name string) *snapshotFile {
	b, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // below the data directory
	s := &snapshotFile{}
	if err != nil || json.Unmarshal(b, s) != nil {
		return nil
	}
	return s
}

// stale reports whether there is a snapshot that does not say what the log says: the broker would believe it.
func (c *partitionCheck) stale() bool {
	s := c.snapshot
	if s == nil {
		return false
	}
	return s.HighWatermark != c.next || s.LastStableOffset != c.next || s.LogStartOffset < 0 || s.LogStartOffset > c.next ||
		slices.ContainsFunc(c.aborted, func(a aborted) bool { return a.Last >= s.LogStartOffset && !slices.Contains(s.AbortedTxns, a) })
}

// emptied reports whether a log without a segment is known to be empty because its records were too old.
func (c *partitionCheck) emptied(now time.Time) bool {
	for _, s := range []*snapshotFile{c.earlier, c.snapshot} {
		if s != nil && len(s.Segments) == 0 && s.LogStartOffset == s.HighWatermark && s.HighWatermark == c.bound && !c.removed {
			return true // it was empty when the broker ended, and nothing is known to have come since
		}
	}
	return !c.removed && c.newest > 0 && c.retention > 0 && time.UnixMilli(c.newest).Add(c.retention).Before(now)
}

// retireSnapshot keeps a partition's snapshot as one of an earlier end. It does nothing where there is none.
func retireSnapshot(dir string) error {
	err := os.Rename(filepath.Join(dir, snapshotName), filepath.Join(dir, earlierName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("setting a partition's snapshot aside: %w", err)
	}
	return nil
}

// retireSnapshots does so for all partitions, once the broker has read them. While it runs, records come, and old ones go: after a
// kill the snapshots would name segments that retention has dropped.
func retireSnapshots(dir string) error {
	folders, err := os.ReadDir(filepath.Join(dir, "partitions"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the broker's folder: %w", err)
	}
	var faults []error
	for _, f := range folders {
		if _, _, ok := partitionOf(f.Name()); ok && f.IsDir() {
			faults = append(faults, retireSnapshot(filepath.Join(dir, "partitions", f.Name())))
		}
	}
	return errors.Join(faults...)
}
