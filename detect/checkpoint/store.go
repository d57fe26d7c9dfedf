package checkpoint

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// partition is the topic's only partition.
	partition = 0
	// firstLook is the number of the newest records that are first searched for manifests. Each
	// further search covers moreLook times as many.
	firstLook, moreLook = 64, 4
)

// Store reads the checkpoints of a detector.
type Store struct {
	Kafka kafka.Config
	Log   *slog.Logger
	// Detector is the name of the detector.
	Detector string
}

// Found is the result of List.
type Found struct {
	// Manifests are at most one for each slot, the newest window first.
	Manifests []Manifest
	// Faults are of two kinds: the newest manifest of a slot cannot be read, or chunks newer than
	// the manifests belong to no manifest. Each error wraps the reason.
	Faults []error
	// Last is the slot of the manifest with the highest offset; -1: none.
	Last int
}

// scan collects manifests from the end of the topic backwards.
type scan struct {
	detector string
	// slots are the slots whose newest manifest, or its removal, was found.
	slots map[uint32]bool
	found Found
	known map[string]bool // ids of manifests
	// strays are the ids of chunks after the newest manifest of their slot, with the slot.
	strays map[string]uint32
	lastAt int64 // the highest offset of a manifest
}

// List finds the newest manifest of each slot. It reads no more of the topic than necessary.
func (s Store) List(ctx context.Context) (Found, error) {
	start, end, err := s.extent(ctx)
	if err != nil {
		return Found{}, err
	}
	x := &scan{
		detector: s.Detector, slots: map[uint32]bool{}, known: map[string]bool{}, strays: map[string]uint32{},
		lastAt: -1,
	}
	x.found.Last = -1
	for hi, look := end, int64(firstLook); hi > start && len(x.slots) < slots; look *= moreLook {
		lo := max(start, hi-look)
		var part []*kgo.Record // manifests, and chunks of slots without a manifest so far
		err := kafka.ReadRange(ctx, s.Kafka, s.Log, schemas.TopicCheckpoints, partition, lo, hi,
			func(r *kgo.Record) error {
				if slot, manifest, ok := x.ours(r.Key); ok && (manifest || !x.slots[slot]) {
					part = append(part, r)
				}
				return nil
			})
		if err != nil {
			return Found{}, fmt.Errorf("looking for checkpoints: %w", err)
		}
		for _, r := range slices.Backward(part) {
			x.see(r)
		}
		hi = lo
	}
	for _, id := range slices.Sorted(maps.Keys(x.strays)) {
		if !x.known[id] {
			x.found.Faults = append(x.found.Faults,
				fmt.Errorf("%w: there are chunks of checkpoint %s in slot %d, and no manifest",
					ErrUnfinished, id, x.strays[id]))
		}
	}
	slices.SortFunc(x.found.Manifests, byWindow)
	return x.found, nil
}

// extent returns the offsets of the beginning and the end of the topic.
func (s Store) extent(ctx context.Context) (start, end int64, err error) {
	adm, err := kafka.NewAdmin(s.Kafka, s.Log)
	if err != nil {
		return 0, 0, err
	}
	defer adm.Close()
	topic := s.Kafka.Topic(schemas.TopicCheckpoints)
	at := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) int64 {
		o, e := list(ctx, topic)
		if e == nil {
			e = o.Error()
		}
		err = errors.Join(err, e)
		l, _ := o.Lookup(topic, partition)
		return l.Offset
	}
	start, end = at(adm.ListStartOffsets), at(adm.ListCommittedOffsets)
	if err != nil {
		return 0, 0, fmt.Errorf("asking where %s ends: %w", topic, err)
	}
	return start, end, nil
}

// ours parses a key; ok is false if the key belongs to another detector.
func (x *scan) ours(key []byte) (slot uint32, manifest, ok bool) {
	rest, ok := strings.CutPrefix(string(key), x.detector+"/")
	number, what, two := strings.Cut(rest, "/")
	if !ok || !two || strings.Contains(what, "/") {
		return 0, false, false
	}
	if _, err := fmt.Sscanf(number, "%d", &slot); err != nil || slot >= slots {
		return 0, false, false
	}
	return slot, what == manifestKey, true
}

// see processes the next record, in the order from the newest to the oldest.
func (x *scan) see(rec *kgo.Record) {
	slot, manifest, _ := x.ours(rec.Key)
	if x.slots[slot] {
		return
	}
	if rec.Value == nil { // removed
		if manifest {
			x.slots[slot] = true
		}
		return
	}
	r := &pb.CheckpointRecord{}
	err := r.UnmarshalVT(rec.Value)
	if !manifest {
		if err == nil {
			x.strays[r.GetId()] = slot
		}
		return
	}
	x.slots[slot] = true
	if x.lastAt < rec.Offset {
		x.lastAt, x.found.Last = rec.Offset, int(slot)
	}
	var m Manifest
	if err != nil || r.GetManifest() == nil || r.GetSlot() != slot {
		err = fmt.Errorf("%w: the manifest at offset %d cannot be read", ErrDamaged, rec.Offset)
	} else {
		m, err = parse(r, rec.Offset)
		x.known[r.GetId()] = true
	}
	if err != nil {
		x.found.Faults = append(x.found.Faults, err)
		return
	}
	x.found.Manifests = append(x.found.Manifests, m)
}

// Read restores new states from a checkpoint. Without states it only compares the chunks with the
// manifest. After an error the states cannot be used. An error that concerns the checkpoint itself
// wraps ErrDamaged.
func (s Store) Read(ctx context.Context, m Manifest, states ...State) error {
	_, end, err := s.extent(ctx)
	if err != nil {
		return err
	}
	if last := m.Chunks[len(m.Chunks)-1]; last >= end {
		return fmt.Errorf("%w: the topic ends at %d, before its last chunk at %d", ErrDamaged, end, last)
	}
	reading, cancel := context.WithCancel(ctx)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { // ends with the chunks, or when decode has returned
		err := s.chunks(reading, m, w)
		if reading.Err() != nil || errors.Is(err, io.ErrClosedPipe) {
			err = nil // the states have failed
		}
		_ = w.CloseWithError(err) // returns nil
		ended <- err
	}()
	err = decode(r, states)
	_ = r.Close() // returns nil
	cancel()
	if e := <-ended; e != nil {
		return e
	}
	if e := ctx.Err(); e != nil {
		return fmt.Errorf("reading a checkpoint: %w", e)
	}
	return err
}

// chunks writes the data of the manifest's chunks to w, and compares the chunks with the manifest.
func (s Store) chunks(ctx context.Context, m Manifest, w io.Writer) error {
	sum, length, i := sha256.New(), uint64(0), 0
	first, last := m.Chunks[0], m.Chunks[len(m.Chunks)-1]
	err := kafka.ReadRange(ctx, s.Kafka, s.Log, schemas.TopicCheckpoints, partition, first, last+1,
		func(rec *kgo.Record) error {
			if i == len(m.Chunks) || rec.Offset < m.Chunks[i] {
				return nil // a record of another writer
			}
			if rec.Offset > m.Chunks[i] {
				return fmt.Errorf("%w: chunk %d of checkpoint %s, at offset %d, is gone",
					ErrDamaged, i, m.ID, m.Chunks[i])
			}
			data, err := chunkOf(rec, s.Detector, m, i)
			if err != nil {
				return err
			}
			i++
			sum.Write(data)
			length += uint64(len(data))
			_, err = w.Write(data)
			return err
		})
	switch {
	case err != nil:
		return err
	case i < len(m.Chunks):
		return fmt.Errorf("%w: chunk %d of checkpoint %s, at offset %d, is gone",
			ErrDamaged, i, m.ID, m.Chunks[i])
	case length != m.Length || string(sum.Sum(nil)) != string(m.Sum):
		return fmt.Errorf("%w: the chunks of checkpoint %s are not those that its manifest names",
			ErrDamaged, m.ID)
	}
	return nil
}

// chunkOf returns the data of the i-th chunk from its record, after it has checked them.
func chunkOf(rec *kgo.Record, detector string, m Manifest, i int) ([]byte, error) {
	r := &pb.CheckpointRecord{}
	err := r.UnmarshalVT(rec.Value)
	c := r.GetChunk()
	switch {
	case err != nil || c == nil:
		return nil, fmt.Errorf("%w: the record at offset %d is no chunk", ErrDamaged, rec.Offset)
	case r.GetDetector() != detector || r.GetId() != m.ID || r.GetSlot() != m.Slot || int(c.GetIndex()) != i:
		return nil, fmt.Errorf(
			"%w: the record at offset %d is chunk %d of checkpoint %s, and not chunk %d of %s",
			ErrDamaged, rec.Offset, c.GetIndex(), r.GetId(), i, m.ID)
	case crc32.Checksum(c.GetData(), castagnoli) != c.GetCrc32C():
		return nil, fmt.Errorf(
			"%w: the octets of chunk %d of checkpoint %s, at offset %d, are not those that were written",
			ErrDamaged, i, m.ID, rec.Offset)
	}
	return c.GetData(), nil
}

// Drop removes all checkpoints of the detector. No detector may run.
func (s Store) Drop(ctx context.Context) (removed int, err error) {
	found, err := s.List(ctx)
	if err != nil {
		return 0, err
	}
	cl, err := kafka.NewClient(s.Kafka, s.Log, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	topic := s.Kafka.Topic(schemas.TopicCheckpoints)
	var recs []*kgo.Record
	for slot := range uint32(slots) { // manifests first: chunks without a manifest do not count
		recs = append(recs, &kgo.Record{Topic: topic, Key: key(s.Detector, slot, manifestKey)})
	}
	for _, m := range found.Manifests {
		for i := range m.Chunks {
			recs = append(recs, &kgo.Record{Topic: topic, Key: key(s.Detector, m.Slot, i)})
		}
	}
	if err := cl.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return 0, fmt.Errorf("removing checkpoints: %w", err)
	}
	return len(found.Manifests), nil
}
