package checkpoint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// Format is the version of the content of the chunks. The snapshots in it have versions of
	// their own.
	Format = 1
	// ChunkBytes is the largest number of octets of data in a chunk.
	ChunkBytes = 512 << 10
	// slots is the number of checkpoints that are kept.
	slots = 2
	// maxChunks bounds the chunks of a manifest: 4 GiB.
	maxChunks = 8192
)

// manifestKey is the last part of the key of a manifest.
const manifestKey = "manifest"

// Reasons why a checkpoint is not used.
var (
	// ErrDamaged: a chunk is missing or differs from the manifest, or the snapshot cannot be read.
	ErrDamaged = errors.New("damaged")
	// ErrFormat: the checkpoint was written in another format, by another version.
	ErrFormat = errors.New("of another format")
	// ErrForeign: the checkpoint belongs to another log, or to other settings.
	ErrForeign = errors.New("foreign")
	// ErrAhead: the checkpoint holds a window that was not published.
	ErrAhead = errors.New("ahead of the published windows")
	// ErrUnfinished: no manifest names the chunks.
	ErrUnfinished = errors.New("not finished")
)

// Other is the reason of an error that does not concern the checkpoint itself.
const Other = "other"

// Reasons are the values of Reason, for a label.
var Reasons = []string{"damaged", "format", "foreign", "ahead", "unfinished", Other}

// Reason returns the reason why a checkpoint is not used, for a label.
func Reason(err error) string {
	for i, e := range []error{ErrDamaged, ErrFormat, ErrForeign, ErrAhead, ErrUnfinished} {
		if errors.Is(err, e) {
			return Reasons[i]
		}
	}
	return Other
}

// Hash returns the hash of settings that a manifest contains.
func Hash(settings string) []byte {
	h := sha256.Sum256([]byte(settings))
	return h[:]
}

// Manifest describes a checkpoint.
type Manifest struct {
	ID   string
	Slot uint32
	// Format and Settings (Hash) decide whether another process can continue from it.
	Format   uint32
	Settings []byte
	// TopicID is the id of bgp.routes.v1. Offsets has for each of its partitions the offset of the
	// next record to push.
	TopicID [16]byte
	Offsets map[int32]int64
	// Window is the last window that was closed, Published the last one that was published: their
	// beginnings, seconds since 1970.
	Window, Published int64
	// TablesMissing means that detect has not yet requested missing tables.
	TablesMissing bool
	Written       time.Time
	// Length and Sum (SHA-256) cover the data of all chunks together. Chunks are their offsets in
	// bgp.checkpoints.v1.
	Length uint64
	Sum    []byte
	Chunks []int64
	// Offset is the offset of the manifest itself, if it was read from the topic.
	Offset int64
}

// Situation describes the log, the settings and the published records at the start of a process.
type Situation struct {
	// Settings and TopicID are as in Manifest.
	Settings []byte
	TopicID  [16]byte
	// Ends has for each partition of bgp.routes.v1 the offset after its last record.
	Ends map[int32]int64
	// Published is the last window that was published, seconds since 1970; -1: none.
	Published int64
}

// Usable returns the reason why the checkpoint must not be used, or nil if it may be used.
func (m *Manifest) Usable(now Situation) error {
	if err := m.readable(); err != nil {
		return err
	}
	switch {
	case m.TopicID != now.TopicID:
		return fmt.Errorf("%w: %s was created again since", ErrForeign, schemas.TopicRoutes)
	case len(m.Offsets) != len(now.Ends):
		return fmt.Errorf("%w: it is of %d partitions of %s, and there are %d",
			ErrForeign, len(m.Offsets), schemas.TopicRoutes, len(now.Ends))
	case !bytes.Equal(m.Settings, now.Settings):
		return fmt.Errorf("%w: the settings that decide results are others", ErrForeign)
	case m.Window > now.Published:
		return fmt.Errorf("%w: its last window is %s, and %s",
			ErrAhead, windowText(m.Window), publishedText(now.Published))
	}
	for p, at := range m.Offsets {
		end, ok := now.Ends[p]
		if !ok || at > end {
			return fmt.Errorf("%w: it goes on at offset %d of partition %d of %s, which ends at %d",
				ErrForeign, at, p, schemas.TopicRoutes, end)
		}
	}
	return nil
}

func windowText(t int64) string { return time.Unix(t, 0).UTC().Format(time.RFC3339) }

func publishedText(t int64) string {
	if t < 0 {
		return "none was published"
	}
	return "the last one published is " + windowText(t)
}

// byWindow orders manifests by window, the newest first, then by offset, the highest first.
func byWindow(a, b Manifest) int {
	return cmp.Or(cmp.Compare(b.Window, a.Window), cmp.Compare(b.Offset, a.Offset))
}

// key returns the key of a record: of a chunk by its number, or of a manifest by manifestKey.
func key(detector string, slot uint32, what any) []byte {
	return fmt.Appendf(nil, "%s/%d/%v", detector, slot, what)
}

// Record encodes the manifest as a record. topic is the full name of bgp.checkpoints.v1.
func (m *Manifest) Record(topic, detector string) (*kgo.Record, error) {
	value, err := (&pb.CheckpointRecord{
		Detector: detector, Slot: m.Slot, Id: m.ID,
		Body: &pb.CheckpointRecord_Manifest{Manifest: &pb.CheckpointManifest{
			Chunks: uint32(len(m.Chunks)), Offsets: m.Offsets, WindowUs: m.Window * 1e6,
			Format: m.Format, Settings: m.Settings, TopicId: m.TopicID[:],
			PublishedUs: m.Published * 1e6, Length: m.Length, Sha256: m.Sum, ChunkOffsets: m.Chunks,
			TablesMissing: m.TablesMissing, WrittenUs: m.Written.UnixMicro(),
		}},
	}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding a checkpoint's manifest: %w", err)
	}
	return &kgo.Record{Topic: topic, Key: key(detector, m.Slot, manifestKey), Value: value}, nil
}

// parse decodes the record of a manifest, which is at offset.
func parse(r *pb.CheckpointRecord, offset int64) (Manifest, error) {
	b := r.GetManifest()
	m := Manifest{
		ID: r.GetId(), Slot: r.GetSlot(), Format: b.GetFormat(), Settings: b.GetSettings(),
		Offsets: b.GetOffsets(), Window: b.GetWindowUs() / 1e6,
		Published: b.GetPublishedUs() / 1e6, TablesMissing: b.GetTablesMissing(),
		Written: time.UnixMicro(b.GetWrittenUs()).UTC(), Length: b.GetLength(), Sum: b.GetSha256(),
		Chunks: b.GetChunkOffsets(), Offset: offset,
	}
	switch n := len(m.Chunks); {
	case copy(m.TopicID[:], b.GetTopicId()) != len(m.TopicID), len(m.Sum) != sha256.Size,
		n == 0, n > maxChunks, int(b.GetChunks()) != n, !slices.IsSorted(m.Chunks),
		m.Length == 0, m.Length > uint64(n)*ChunkBytes:
		return m, fmt.Errorf("%w: the manifest of checkpoint %s contradicts itself", ErrDamaged, m.ID)
	}
	return m, nil
}
