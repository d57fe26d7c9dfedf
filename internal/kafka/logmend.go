package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/darkmap/darkmap/internal/atomicfile"
)

// damaged reports whether the repair has to write anything.
func (c *partitionCheck) damaged() bool {
	for _, s := range c.segments {
		if s.broken || s.index {
			return true
		}
	}
	return false
}

// mend rewrites the damaged segments. It keeps readable records, and a control record replaces lost
// ones. It logs the damage and the losses.
func (c *partitionCheck) mend(log *slog.Logger) error {
	log = log.With("topic", c.topic, "partition", c.partition)
	if !c.damaged() && !c.stale() {
		return nil
	}
	if c.stale() && !c.damaged() {
		log.Warn(
			"the snapshot of a partition does not match its log: it is computed again, and nothing is lost",
			"file", filepath.Join(c.dir, snapshotName))
	}
	for _, s := range c.segments {
		if s.parts == nil {
			continue
		}
		if err := c.rewrite(s, log); err != nil {
			return fmt.Errorf("mending the log of %s partition %d: %w", c.topic, c.partition, err)
		}
	}
	// Without a snapshot the broker reads all of the log; with one it would continue at the
	// snapshot's state. The snapshot is removed last: the next check derives the losses from it,
	// even if the process ends in the middle of this repair.
	if !c.stale() {
		return retireSnapshot(c.dir)
	}
	if err := os.Remove(filepath.Join(c.dir, snapshotName)); err != nil {
		return fmt.Errorf("mending the log of %s partition %d: %w", c.topic, c.partition, err)
	}
	return nil
}

// rewrite writes one segment and its index. It writes the index first: if the process ends in
// between, the next check finds the file of the records damaged as before. An index with more
// batches than the new file would count as batches that were lost behind its end.
func (c *partitionCheck) rewrite(s *segment, log *slog.Logger) error {
	data, err := os.ReadFile(c.file(s.base, ".dat"))
	if err != nil && !errors.Is(err, os.ErrNotExist) { // the file itself may be missing
		return err
	}
	out, index := make([]byte, 0, len(data)+1<<10), make([]byte, 0, len(s.parts)*indexEntry)
	mended := 0
	for _, p := range s.parts {
		if p.hole != nil {
			c.say(p.hole, log)
			for _, b := range p.hole.batches(c.epoch) {
				h := readHead(b, len(b))
				entry := indexOf(&h)
				out, index = append(out, b...), append(index, entry[:]...)
			}
			continue
		}
		out = append(out, data[p.at:p.at+p.head.size]...)
		if p.head.mended {
			mend(out[len(out)-p.head.size:], p.head)
			mended++
		}
		entry := indexOf(&p.head)
		index = append(index, entry[:]...)
	}
	switch {
	case mended > 0:
		log.Warn(
			"octets of the embedded Kafka's log that no checksum covers were damaged: "+
				"they are known, and nothing is lost",
			"file", c.file(s.base, ".dat"), "batches", mended)
	case !s.broken:
		log.Info("the index of a segment is not that of its records: it is written again, and nothing is lost",
			"file", c.file(s.base, ".idx"))
	}
	if err := atomicfile.Write(c.file(s.base, ".idx"), index); err != nil || !s.broken {
		return err
	}
	return atomicfile.Write(c.file(s.base, ".dat"), out)
}

// batches returns the control records that replace the hole: one, and one more for each further
// transaction that is open there, as far as the hole has offsets.
func (h *hole) batches(epoch int32) [][]byte {
	var out [][]byte
	at := h.from
	producers := h.producers
	if len(producers) == 0 {
		producers = []int64{-1}
	}
	for i, p := range producers {
		if at >= h.to {
			break
		}
		end := at + 1
		if i == len(producers)-1 {
			end = h.to
		}
		out = append(out, lostBatch(at, end, h.since, h.until, p, epoch))
		at = end
	}
	return out
}

// say logs a hole.
func (c *partitionCheck) say(h *hole, log *slog.Logger) {
	attrs := []any{"file", filepath.Join(c.dir, h.file)}
	if h.end > h.at {
		attrs = append(attrs, "octets", fmt.Sprintf("%d-%d", h.at, h.end-1))
	}
	if h.to <= h.from {
		log.Warn(
			"octets of the embedded Kafka's log belong to no record: they are left out, "+
				"and nothing that is known of is lost",
			attrs...)
		return
	}
	attrs = append(attrs, "offsets", fmt.Sprintf("%d-%d", h.from, h.to-1))
	for _, t := range []struct {
		key string
		ms  int64
	}{{"after", h.since}, {"before", h.until}} {
		if t.ms > 0 {
			attrs = append(attrs, t.key, atMilli(t.ms))
		}
	}
	if h.old {
		log.Info(
			"a partition of the embedded Kafka's log is empty, its records were too old: "+
				"it goes on at the offset where it ended",
			attrs...)
		return
	}
	if h.end == h.at {
		log.Warn("a part of the embedded Kafka's log is missing: the records in it are lost", attrs...)
		return
	}
	log.Warn("the embedded Kafka's log is damaged: the records in the damaged part are lost", attrs...)
}

// removeOrphans removes indexes without a segment.
func (c *partitionCheck) removeOrphans() error {
	have, err := bases(c.dir, ".idx")
	if err != nil {
		return err
	}
	for _, base := range have {
		if _, err := os.Stat(c.file(base, ".dat")); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.Remove(c.file(base, ".idx")); err != nil {
			return fmt.Errorf("removing the index of segment %s: %w", strconv.FormatInt(base, 10), err)
		}
	}
	return nil
}
