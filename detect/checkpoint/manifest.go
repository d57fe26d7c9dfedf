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
	// Format is the version of what the chunks hold, beside the versions that the snapshots have themselves.
	Format = 1
	// ChunkBytes is the most octets of a chunk's data.
	ChunkBytes = 512 << 10
	// slots is how many checkpoints are kept.
	slots = 2
	// maxChunks bounds what a manifest may name: 4 GiB.
	maxChunks = 8192
)

// manifestKey ends the key of a manifest.
const manifestKey = "manifest"

// Why a checkpoint is not used.
var (
	// ErrDamaged: a chunk is missing or is not what the manifest names, or the snapshot cannot be read.
	ErrDamaged = errors.New("damaged")
	// ErrFormat: it was written by a version that writes another format.
	ErrFormat = errors.New("of another format")
	// ErrForeign: it is of another log, or of other settings.
	ErrForeign = errors.New("foreign")
	// ErrAhead: it holds a window that was not published.
	ErrAhead = errors.New("ahead of what was published")
	// ErrUnfinished: no manifest names the chunks.
	ErrUnfinished = errors.New("not finished")
)

// Other is the reason of an error that is not about the checkpoint.
const Other = "other"

// Reasons are the values of a label for Reason.
var Reasons = []string{"damaged", "format", "foreign", "ahead", "unfinished", Other}

// Reason names why a checkpoint is not used, for a label.
func Reason(err error) string {
	for i, e := range []error{ErrDamaged, ErrFormat, ErrForeign, ErrAhead, ErrUnfinished} {
		if errors.Is(err, e) {
			return Reasons[i]
		}
	}
	return Other
}

// Hash is that of settings, as a manifest has it.
func Hash(settings string) []byte {
	h := sha256.Sum256([]byte(settings))
	return h[:]
}

// Manifest describes a checkpoint.
type Manifest struct {
	ID   string
	Slot uint32
	// Format and Settings (Hash) decide whether another process can go on from it.
	Format   uint32
	Settings []byte
	// TopicID is that of bgp.routes.v1, and Offsets has for each of its partitions the offset of the record that is pushed next.
	TopicID [16]byte
	Offsets map[int32]int64
	// Window is the last one that was closed, Published the last one that was published: when they began, seconds since 1970.
	Window, Published int64
	// TablesMissing: detect has yet to ask for tables.
	TablesMissing bool
	Written       time.Time
	// Length and Sum (SHA-256) are those of the chunks' data together, Chunks their offsets in bgp.checkpoints.v1.
	Length uint64
	Sum    []byte
	Chunks []int64
	// Offset is the manifest's own, of one that was read.
	Offset int64
}

// Situation is what a process finds that begins.
type Situation struct {
	// Settings and TopicID are as in Manifest.
	Settings []byte
	TopicID  [16]byte
	// Ends has for each partition of bgp.routes.v1 the offset behind its last record.
	Ends map[int32]int64
	// Published is the last window that was published, seconds since 1970; -1 for none.
	Published int64
}

// Usable returns why the checkpoint must not be used; nil where it may.
func (m *Manifest) Usable(now Situation) error {
	if err := m.readable(); err != nil {
		return err
	}
	switch {
	case m.TopicID != now.TopicID:
		return fmt.Errorf("%w: %s was created again since", ErrForeign, schemas.TopicRoutes)
	case len(m.Offsets) != len(now.Ends):
		return fmt.Errorf("%w: it is of %d partitions of %s, and there are %d", ErrForeign, len(m.Offsets), schemas.TopicRoutes, len(now.Ends))
	case !bytes.Equal(m.Settings, now.Settings):
		return fmt.Errorf("%w: the settings that decide results are others", ErrForeign)
	case m.Window > now.Published:
		return fmt.Errorf("%w: its last window is %s, and %s", ErrAhead, windowText(m.Window), publishedText(now.Published))
	}
	for p, at := range m.Offsets {
		end, ok := now.Ends[p]
		if !ok || at > end {
			return fmt.Errorf("%w: it goes on at offset %d of partition %d of %s, which ends at %d", ErrForeign, at, p, schemas.TopicRoutes, end)
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

// byWindow orders the newest first.
func byWindow(a, b Manifest) int {
	return cmp.Or(cmp.Compare(b.Window, a.Window), cmp.Compare(b.Offset, a.Offset))
}

// key is that of a record: a chunk's number, or manifestKey.
func key(detector string, slot uint32, what any) []byte {
	return fmt.Appendf(nil, "%s/%d/%v", detector, slot, what)
}

// Record is the manifest's record. topic is the full name of bgp.checkpoints.v1.
func (m *Manifest) Record(topic, detector string) (*kgo.Record, error) {
	value, err := (&pb.CheckpointRecord{Detector: detector, Slot: m.Slot, Id: m.ID, Body: &pb.CheckpointRecord_Manifest{Manifest: &pb.CheckpointManifest{
		Chunks: uint32(len(m.Chunks)), Offsets: m.Offsets, WindowUs: m.Window * 1e6, Format: m.Format, Settings: m.Settings, TopicId: m.TopicID[:],
		PublishedUs: m.Published * 1e6, Length: m.Length, Sha256: m.Sum, ChunkOffsets: m.Chunks, TablesMissing: m.TablesMissing, WrittenUs: m.Written.UnixMicro(),
	}}}).MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encoding a checkpoint's manifest: %w", err)
	}
	return &kgo.Record{Topic: topic, Key: key(detector, m.Slot, manifestKey), Value: value}, nil
}

// parse reads a manifest's record.
func parse(r *pb.CheckpointRecord, offset int64) (Manifest, error) {
	b := r.GetManifest()
	m := Manifest{
		ID: r.GetId(), Slot: r.GetSlot(), Format: b.GetFormat(), Settings: b.GetSettings(), Offsets: b.GetOffsets(), Window: b.GetWindowUs() / 1e6,
		Published: b.GetPublishedUs() / 1e6, TablesMissing: b.GetTablesMissing(), Written: time.UnixMicro(b.GetWrittenUs()).UTC(), Length: b.GetLength(), Sum: b.GetSha256(),
		Chunks: b.GetChunkOffsets(), Offset: offset,
	}
	switch n := len(m.Chunks); {
	case copy(m.TopicID[:], b.GetTopicId()) != len(m.TopicID), len(m.Sum) != sha256.Size, n == 0, n > maxChunks, int(b.GetChunks()) != n, !slices.IsSorted(m.Chunks),
		m.Length == 0, m.Length > uint64(n)*ChunkBytes:
		return m, fmt.Errorf("%w: the manifest of checkpoint %s contradicts itself", ErrDamaged, m.ID)
	}
	return m, nil
}
