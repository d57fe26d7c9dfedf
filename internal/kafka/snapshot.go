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
	// snapshotName is the file that the broker writes when it ends, and reads when it starts. It
	// does not remove the file.
	snapshotName = "snapshot.json"
	// earlierName is a snapshot that the broker has read already. Its beginning of the log is
	// outdated; its end is still a lower bound.
	earlierName = "snapshot.earlier"
)

// snapshotFile is the state of the partition that the broker writes when it ends.
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

// aborted is an aborted transaction.
type aborted struct {
	Producer int64 `json:"producer_id"`
	First    int64 `json:"first_offset"`
	Last     int64 `json:"last_offset"`
}

// readSnapshot reads a partition's snapshot. An unreadable one counts as none.
func readSnapshot(dir, name string) *snapshotFile {
	b, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // below the data directory
	s := &snapshotFile{}
	if err != nil || json.Unmarshal(b, s) != nil {
		return nil
	}
	return s
}

// stale reports whether a snapshot exists that contradicts the log. The broker would trust it.
func (c *partitionCheck) stale() bool {
	s := c.snapshot
	if s == nil {
		return false
	}
	return s.HighWatermark != c.next || s.LastStableOffset != c.next ||
		s.LogStartOffset < 0 || s.LogStartOffset > c.next ||
		slices.ContainsFunc(c.aborted, func(a aborted) bool {
			return a.Last >= s.LogStartOffset && !slices.Contains(s.AbortedTxns, a)
		})
}

// emptied reports whether a log without a segment is known to be empty because its records exceeded
// the retention.
func (c *partitionCheck) emptied(now time.Time) bool {
	for _, s := range []*snapshotFile{c.earlier, c.snapshot} {
		if s != nil && len(s.Segments) == 0 && s.LogStartOffset == s.HighWatermark &&
			s.HighWatermark == c.bound && !c.removed {
			return true // it was empty when the broker ended, and no newer record is known
		}
	}
	return !c.removed && c.newest > 0 && c.retention > 0 && time.UnixMilli(c.newest).Add(c.retention).Before(now)
}

// retireSnapshot renames a partition's snapshot to that of an earlier end. It does nothing if there
// is none.
func retireSnapshot(dir string) error {
	err := os.Rename(filepath.Join(dir, snapshotName), filepath.Join(dir, earlierName))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("setting a partition's snapshot aside: %w", err)
	}
	return nil
}

// retireSnapshots calls retireSnapshot for all partitions, after the broker has read the snapshots.
// While the broker runs, records come, and retention drops old ones: after a kill the snapshots
// would name segments that no longer exist.
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
