package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// hole is a range of a partition that cannot be read any more.
type hole struct {
	file     string // base name
	at, end  int    // octets of the file; equal if the file does not contain them
	from, to int64  // offsets
	old      bool   // the records exceeded the retention, and none is lost
	// since and until are the times of the records before and after the hole, in milliseconds since
	// 1970. 0 is unknown.
	since, until int64
	// producers lists producers with a transaction that is open before the hole. Its end may be in
	// the hole, so the records before the hole are committed. If the transaction was aborted, its
	// records come again, and consumers drop those that they know. But consumers would never
	// receive committed records that were left out.
	producers []int64
}

// part is a part of a segment: a batch or a hole.
type part struct {
	at   int // octet in the file
	head head
	hole *hole
}

// segment is a segment of a partition in the state in which the check found it.
type segment struct {
	base   int64
	parts  []part // nil if nothing needs to be written
	broken bool   // the file of the records must be rewritten
	index  bool   // the index must be rewritten
}

// partitionCheck reads the log of one partition and finds damage.
type partitionCheck struct {
	dir       string
	topic     string
	partition int32
	compacted bool          // offsets may be missing
	retention time.Duration // how long it keeps records; 0 is forever
	bound     int64         // the log is known to have reached this offset; 0 is unknown
	newest    int64         // of the records below bound, milliseconds since 1970; 0 is unknown
	removed   bool          // the partition has no folder

	next     int64 // offset of the next record
	epoch    int32
	lastTime int64
	open     map[int64]int64 // producers with an open transaction, and its first offset
	aborted  []aborted       // aborted transactions that end in the log
	waiting  *hole           // waits for the time of the record behind it
	segments []*segment
	snapshot *snapshotFile // nil if there is none or it is unreadable
	earlier  *snapshotFile // from an earlier end; records may have come and gone since
}

// partitionOf splits the name of a partition's folder into topic and partition.
func partitionOf(folder string) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(folder, '-')
	if i < 1 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(folder[i+1:], 10, 32)
	if err != nil || n < 0 {
		return "", 0, false
	}
	return folder[:i], int32(n), true // names of topics need no escaping
}

// bases lists the files of the folder whose name is an offset followed by suffix.
func bases(dir, suffix string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the log of a partition: %w", err)
	}
	var out []int64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseInt(name, 10, 64); err == nil && n >= 0 {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (c *partitionCheck) file(base int64, suffix string) string {
	return filepath.Join(c.dir, strconv.FormatInt(base, 10)+suffix)
}

// run reads the whole log. It writes nothing.
func (c *partitionCheck) run(ctx context.Context) error {
	c.open = map[int64]int64{}
	found, err := bases(c.dir, ".dat")
	if err != nil {
		return err
	}
	indexes, err := bases(c.dir, ".idx")
	if err != nil {
		return err
	}
	c.snapshot, c.earlier = readSnapshot(c.dir, snapshotName), readSnapshot(c.dir, earlierName)
	c.begin(found, indexes)
	for i, base := range found {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("checking the log of %s: %w", c.topic, err)
		}
		if base > c.next && !c.compacted {
			c.missing(base)
		}
		c.next = max(c.next, base)
		behind := int64(-1)
		if i+1 < len(found) {
			behind = found[i+1]
		}
		if err := c.segment(base, behind); err != nil {
			return err
		}
	}
	// The segments are gone: they were removed, or exceeded the retention.
	if c.ends(c.bound) && len(found) == 0 && !c.removed {
		c.next = c.bound - 1
	}
	if c.ends(c.bound) && len(found) == 0 {
		c.missing(c.bound).old = c.emptied(time.Now())
	}
	return nil
}

// ends reports whether the log once reached the offset at but does not reach it any more.
func (c *partitionCheck) ends(at int64) bool {
	return !c.compacted && at > c.next && at-c.next <= math.MaxInt32
}

// missing adds a segment for the records up to an offset that no file holds.
func (c *partitionCheck) missing(to int64) *hole {
	s := &segment{base: c.next, broken: true}
	h := c.lose(&hole{file: strconv.FormatInt(c.next, 10) + ".dat", from: c.next, to: to})
	s.add(part{hole: h})
	c.segments = append(c.segments, s)
	return h
}

// reached records that the log reached an offset at a time.
func (c *partitionCheck) reached(to commit) {
	switch {
	case to.offset > c.bound && to.offset-c.bound < math.MaxInt32:
		c.bound, c.newest = to.offset, to.at
	case to.offset == c.bound && to.at > 0 && (c.newest == 0 || to.at < c.newest):
		c.newest = to.at
	}
}

// begin determines where the log begins, and an offset that it has reached. It uses the bases of
// the segments and of their indexes, and the snapshots.
func (c *partitionCheck) begin(found, indexes []int64) {
	for _, s := range []*snapshotFile{c.earlier, c.snapshot} {
		if s != nil {
			c.reached(commit{s.HighWatermark, s.MaxTimestamp})
		}
	}
	s := c.snapshot
	if len(found) == 0 {
		return
	}
	c.next = found[0]
	if at := indexes; len(at) > 0 && at[0] < found[0] && (s == nil || at[0] >= s.LogStartOffset) {
		c.next = at[0]
	}
	if s == nil || len(s.Segments) == 0 || s.Segments[0].Base >= found[0] {
		return
	}
	if at := max(s.Segments[0].Base, s.LogStartOffset); at >= 0 && at < c.next && found[0]-at < math.MaxInt32 {
		c.next = at // segments at the beginning are missing
	}
}

// segment reads one segment. behind is the base of the next segment, or -1 for the last one.
func (c *partitionCheck) segment(base, behind int64) error {
	data, err := os.ReadFile(c.file(base, ".dat"))
	if err != nil {
		return fmt.Errorf("reading the log of a partition: %w", err)
	}
	index, err := os.ReadFile(c.file(base, ".idx"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the log of a partition: %w", err)
	}
	s := &segment{base: base}
	for at := 0; at < len(data); {
		if at == 0 || !s.broken {
			c.epochFrom(index, len(s.parts))
		}
		at = c.batch(s, data, at, behind)
	}
	if behind >= 0 && c.next < behind && !c.compacted {
		s.add(part{hole: c.lose(&hole{
			file: filepath.Base(c.file(base, ".dat")), at: len(data), end: len(data), from: c.next, to: behind,
		})})
	}
	if behind < 0 && !s.broken {
		// The index knows these batches.
		c.bound = max(c.bound, c.next+int64(max(0, len(index)/indexEntry-len(s.parts))))
	}
	if behind < 0 && c.ends(c.bound) {
		s.add(part{hole: c.lose(&hole{
			file: filepath.Base(c.file(base, ".dat")), at: len(data), end: len(data), from: c.next, to: c.bound,
		})})
	}
	s.index = !s.matches(index)
	if !s.broken && !s.index {
		s.parts = nil
	}
	c.segments = append(c.segments, s)
	return nil
}

func (s *segment) add(p part) {
	s.parts = append(s.parts, p)
	s.broken = s.broken || p.hole != nil || p.head.mended
}

// epochFrom takes the epoch of the n-th batch from the index, if its entry is readable.
func (c *partitionCheck) epochFrom(index []byte, n int) {
	if len(index) < (n+1)*indexEntry {
		return
	}
	entry := index[n*indexEntry : (n+1)*indexEntry]
	h := head{epoch: int32(binary.LittleEndian.Uint32(entry[2:]))}
	if indexed(entry, &h) || entry[14] == 1 && indexed(entry, &head{epoch: h.epoch, attrs: attrTransactional}) {
		c.epoch = h.epoch
	}
}

// matches reports whether the index has a correct entry for each batch.
func (s *segment) matches(index []byte) bool {
	if s.broken || len(index) != len(s.parts)*indexEntry {
		return false
	}
	for i := range s.parts {
		if !indexed(index[i*indexEntry:(i+1)*indexEntry], &s.parts[i].head) {
			return false
		}
	}
	return true
}

// batch reads the part at an octet of the segment, and returns the octet of the next part.
func (c *partitionCheck) batch(s *segment, data []byte, at int, behind int64) int {
	size, end := stated(data[at:]), len(data)
	if !sealed(data[at:], size) {
		to := cmp.Or(max(behind, 0), c.tail(data[at:]))
		if q := resync(data, at+1, c.next); q >= 0 {
			end, to = q, int64(binary.BigEndian.Uint64(data[q:]))
		}
		if size = end - at; !sealed(data[at:], size) { // else only its length was wrong
			h := &hole{
				file: filepath.Base(c.file(s.base, ".dat")), at: at, end: end, from: c.next, to: max(to, c.next),
			}
			s.add(part{at: at, hole: c.lose(h)})
			return end
		}
	}
	h := readHead(data[at:], size)
	if h.first != c.next && (!c.compacted || h.first < c.next) {
		if h.first > c.next && follows(data[at+size:], h.next, behind) {
			s.add(part{at: at, hole: c.lose(&hole{
				file: filepath.Base(c.file(s.base, ".dat")), at: at, end: at, from: c.next, to: h.first,
			})})
		} else {
			h.first, h.next, h.mended = c.next, c.next+h.next-h.first, true
		}
	}
	h.mended = h.mended || h.epoch != c.epoch
	h.epoch = c.epoch
	s.add(part{at: at, head: h})
	c.note(&h)
	return at + size
}

// tail returns the offset that the log reached according to the cut batch at the beginning of data,
// or bound if that is higher. 0 is unknown.
func (c *partitionCheck) tail(data []byte) int64 {
	const most = 1 << 20 // cap on the records of a batch
	if len(data) < batchDelta+4 || int64(binary.BigEndian.Uint64(data)) != c.next || data[batchMagic] != 2 {
		return c.bound
	}
	if delta := int32(binary.BigEndian.Uint32(data[batchDelta:])); delta >= 0 && delta < most {
		return max(c.bound, c.next+int64(delta)+1)
	}
	return c.bound
}

// follows reports whether the data behind a batch continue at the offset next, so that the offset
// of the batch is right.
func follows(data []byte, next, behind int64) bool {
	if len(data) < batchHead {
		return next == behind
	}
	return int64(binary.BigEndian.Uint64(data)) == next
}

// note records a readable batch.
func (c *partitionCheck) note(h *head) {
	c.next, c.lastTime = h.next, max(c.lastTime, h.maxTime)
	if c.waiting != nil {
		c.waiting.until, c.waiting = h.maxTime, nil
	}
	switch {
	case h.open():
		if _, ok := c.open[h.producer]; !ok {
			c.open[h.producer] = h.first
		}
	case h.control():
		if first, ok := c.open[h.producer]; ok && h.abort {
			c.aborted = append(c.aborted, aborted{h.producer, first, h.first})
		}
		delete(c.open, h.producer)
	}
}

// lose records a hole.
func (c *partitionCheck) lose(h *hole) *hole {
	h.since = c.lastTime
	h.producers = slices.Sorted(maps.Keys(c.open))
	clear(c.open)
	c.waiting, c.next = h, max(c.next, h.to)
	return h
}
