package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// octets is a state. Its snapshot is its length and its octets.
type octets []byte

func (o *octets) Snapshot(w io.Writer) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(*o)))); err != nil {
		return err
	}
	_, err := w.Write(*o)
	return err
}

func (o *octets) Restore(r io.Reader) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(binary.BigEndian.Uint32(head[:]))))
	if *o = b; err == nil && len(b) < int(binary.BigEndian.Uint32(head[:])) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// noise returns n octets that do not compress.
func noise(n int, seed uint64) *octets {
	b := make(octets, n)
	r := rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64(nil, seed)))
	_, _ = r.Read(b) // always fills it
	return &b
}

// publish writes the record of a manifest.
func publish(t *testing.T, s Store, recs ...*kgo.Record) {
	t.Helper()
	cl, err := kafka.NewClient(s.Kafka, s.Log, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), recs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// write writes the chunks of a checkpoint, and its manifest if whole is set.
func write(t *testing.T, s Store, slot uint32, window int64, whole bool, states ...State) Manifest {
	t.Helper()
	w, err := NewWriter(t.Context(), s.Kafka, s.Log, s.Detector)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	x, err := w.Begin(Manifest{Slot: slot, Window: window, Published: window, Offsets: map[int32]int64{0: 7}, Settings: Hash("a"), Written: time.Unix(window, 0).UTC()}, states...)
	if err != nil {
		t.Fatal(err)
	}
	<-x.Done()
	m, err := x.Result()
	if err != nil {
		t.Fatal(err)
	}
	if whole {
		rec, err := m.Record(s.Kafka.Topic(schemas.TopicCheckpoints), s.Detector)
		if err != nil {
			t.Fatal(err)
		}
		publish(t, s, rec)
	}
	return m
}

func newStore(t *testing.T) Store {
	t.Helper()
	return Store{Kafka: kafkatest.New(t, 1), Log: kafkatest.Log(), Detector: "detect"}
}

// chunk changes the record of a chunk and produces it at the end of the topic; it returns its offset.
func chunk(t *testing.T, s Store, m Manifest, i int, change func(*pb.CheckpointRecord)) int64 {
	t.Helper()
	var out *kgo.Record
	err := kafka.ReadRange(t.Context(), s.Kafka, s.Log, schemas.TopicCheckpoints, 0, m.Chunks[i], m.Chunks[i]+1, func(rec *kgo.Record) error {
		r := &pb.CheckpointRecord{}
		if err := r.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		change(r)
		value, err := r.MarshalVT()
		out = &kgo.Record{Topic: rec.Topic, Key: rec.Key, Value: value}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, out)
	return out.Offset
}

// TestWriteAndRead: written states are read again, in chunks of at most ChunkBytes. The newest
// checkpoint is the one with the highest window, in whatever slot, and however far it lies before
// the end of the topic.
func TestWriteAndRead(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if found, err := s.List(t.Context()); err != nil || len(found.Manifests)+len(found.Faults) != 0 || found.Last != -1 {
		t.Errorf("an empty topic: got %+v, %v", found, err)
	}
	first, second := noise(3*ChunkBytes+5, 1), noise(10, 2)
	older := write(t, s, 0, 120, true, second)
	m := write(t, s, 1, 180, true, first, second)
	again := write(t, s, 0, 60, true, second) // by a writer that is behind
	if len(m.Chunks) != 4 || m.Length < 3*ChunkBytes {
		t.Fatalf("got %d chunks, %d octets", len(m.Chunks), m.Length)
	}
	for range 3 * firstLook { // records of another detector
		publish(t, s, &kgo.Record{Topic: s.Kafka.Topic(schemas.TopicCheckpoints), Key: []byte("detect/ipv6/0/manifest"), Value: []byte("x")})
	}
	found, err := s.List(t.Context())
	if err != nil || len(found.Faults) != 0 || len(found.Manifests) != 2 || found.Manifests[0].ID != m.ID || found.Manifests[1].ID != again.ID || found.Last != 0 {
		t.Fatalf("got %+v, %v; want %s, then %s and not %s", found, err, m.ID, again.ID, older.ID)
	}
	var a, b octets
	if err := s.Read(t.Context(), found.Manifests[0], &a, &b); err != nil || !slices.Equal(a, *first) || !slices.Equal(b, *second) {
		t.Errorf("what was read is not what was written: %v", err)
	}
	if err := s.Read(t.Context(), found.Manifests[0]); err != nil {
		t.Errorf("only compared: %v", err)
	}
	var c octets
	if err := s.Read(t.Context(), found.Manifests[0], &a, &b, &c); !errors.Is(err, ErrDamaged) {
		t.Errorf("one state more: got %v", err)
	}
	if err := s.Read(t.Context(), found.Manifests[0], &a); !errors.Is(err, ErrDamaged) {
		t.Errorf("one state less: got %v", err)
	}
	if n, err := s.Drop(t.Context()); n != 2 || err != nil {
		t.Errorf("dropped %d, %v", n, err)
	}
	if found, err := s.List(t.Context()); err != nil || len(found.Manifests)+len(found.Faults) != 0 {
		t.Errorf("after they were dropped: got %+v, %v", found, err)
	}
}

// TestHalfWritten: chunks without a manifest are named, and the checkpoint before is found.
func TestHalfWritten(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	m := write(t, s, 0, 60, true, noise(10, 1))
	half := write(t, s, 1, 120, false, noise(10, 2))
	found, err := s.List(t.Context())
	if err != nil || len(found.Manifests) != 1 || found.Manifests[0].ID != m.ID || len(found.Faults) != 1 || !errors.Is(found.Faults[0], ErrUnfinished) || !strings.Contains(found.Faults[0].Error(), half.ID) {
		t.Errorf("got %+v, %v; want that %s is not finished", found, err, half.ID)
	}
}

// TestZombieChunks (interleaving 6): a process that was replaced goes on writing chunks into the
// slot of the newest checkpoint. While the checkpoint's own chunks exist, it is read. When
// compaction has replaced some by the other chunks, it is refused.
func TestZombieChunks(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	state := noise(2*ChunkBytes, 1)
	m := write(t, s, 0, 120, true, state)
	zombie := write(t, s, 0, 60, false, noise(ChunkBytes+1, 3))
	found, err := s.List(t.Context())
	if err != nil || len(found.Manifests) != 1 || found.Manifests[0].ID != m.ID || len(found.Faults) != 1 {
		t.Fatalf("got %+v, %v", found, err)
	}
	var got octets
	if err := s.Read(t.Context(), found.Manifests[0], &got); err != nil || !slices.Equal(got, *state) {
		t.Errorf("got %v", err)
	}
	mixed := found.Manifests[0]
	mixed.Chunks = slices.Clone(mixed.Chunks)
	mixed.Chunks[len(mixed.Chunks)-1] = zombie.Chunks[1]
	if err := s.Read(t.Context(), mixed, &got); !errors.Is(err, ErrDamaged) {
		t.Errorf("mixed chunks: got %v", err)
	}
}

// TestDamaged: every kind of damage to the records of a checkpoint is found and named.
func TestDamaged(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	m := write(t, s, 0, 60, true, noise(2*ChunkBytes, 1))
	last := len(m.Chunks) - 1
	for name, tt := range map[string]struct {
		damage func(m *Manifest)
		says   string
	}{
		"octets": {func(m *Manifest) {
			m.Chunks[last] = chunk(t, s, *m, last, func(r *pb.CheckpointRecord) { r.GetChunk().Data[0] ^= 1 })
		}, "not those that were written"},
		"octets and their checksum": {func(m *Manifest) {
			m.Chunks[last] = chunk(t, s, *m, last, func(r *pb.CheckpointRecord) {
				c := r.GetChunk()
				c.Data[len(c.Data)-1] ^= 1
				c.Crc32C = crcOf(c.Data)
			})
		}, ""},
		"another chunk": {func(m *Manifest) {
			m.Chunks[last] = chunk(t, s, *m, last, func(r *pb.CheckpointRecord) { r.GetChunk().Index++ })
		}, "is chunk"},
		"another checkpoint":    {func(m *Manifest) { m.Chunks[last] = chunk(t, s, *m, last, func(r *pb.CheckpointRecord) { r.Id = "x" }) }, "of checkpoint x"},
		"the last one is gone":  {func(m *Manifest) { m.Chunks[last] += 1 << 20 }, ""},
		"the first one is gone": {func(m *Manifest) { m.Chunks = m.Chunks[1:] }, "is chunk"},
		"one too few":           {func(m *Manifest) { m.Chunks = m.Chunks[:last] }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			bad := m
			bad.Chunks = slices.Clone(m.Chunks)
			tt.damage(&bad)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var got octets
			if err := s.Read(ctx, bad, &got); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func crcOf(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// TestUsable: which checkpoints may be used, by their manifest.
func TestUsable(t *testing.T) {
	t.Parallel()
	good := Manifest{Format: Format, Settings: Hash("a"), TopicID: [16]byte{1}, Offsets: map[int32]int64{0: 7, 1: 9}, Window: 120}
	now := Situation{Settings: Hash("a"), TopicID: [16]byte{1}, Ends: map[int32]int64{0: 7, 1: 20}, Published: 120}
	if err := good.Usable(now); err != nil {
		t.Errorf("the commit of its window: %v", err)
	}
	now.Published = 600
	if err := good.Usable(now); err != nil {
		t.Errorf("a newer commit (interleaving 5): %v", err)
	}
	for reason, change := range map[string]func(m *Manifest, now *Situation){
		"format":                       func(m *Manifest, _ *Situation) { m.Format++ },
		"foreign: other settings":      func(_ *Manifest, now *Situation) { now.Settings = Hash("b") },
		"foreign: another topic":       func(_ *Manifest, now *Situation) { now.TopicID = [16]byte{2} },
		"foreign: more partitions":     func(_ *Manifest, now *Situation) { now.Ends = map[int32]int64{0: 7, 1: 20, 2: 3} },
		"foreign: beyond the end":      func(_ *Manifest, now *Situation) { now.Ends = map[int32]int64{0: 6, 1: 20} },
		"foreign: other partitions":    func(_ *Manifest, now *Situation) { now.Ends = map[int32]int64{0: 7, 2: 20} },
		"ahead: an older commit":       func(_ *Manifest, now *Situation) { now.Published = 60 },
		"ahead: nothing was published": func(_ *Manifest, now *Situation) { now.Published = -1 },
	} {
		m, n := good, now
		change(&m, &n)
		want, _, _ := strings.Cut(reason, ":")
		if err := m.Usable(n); err == nil || Reason(err) != want {
			t.Errorf("%s: got %v", reason, err)
		}
	}
}

// TestDecode: octets that are no checkpoint, and truncated octets of a checkpoint, are errors.
func TestDecode(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := encode(&b, []State{noise(5000, 1)}); err != nil {
		t.Fatal(err)
	}
	all := b.String()
	for _, bad := range []string{"", "x", all[:len(all)/2], all[:len(all)-1], all + "x", all[:20] + "\x00\x00" + all[22:]} {
		var got octets
		if err := decode(strings.NewReader(bad), []State{&got}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d octets: got %v", len(bad), err)
		}
	}
}
