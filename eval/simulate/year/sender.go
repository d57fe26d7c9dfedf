package year

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// message is a generated message that writes itself into a buffer.
type message interface {
	SizeVT() int
	MarshalToSizedBufferVT(b []byte) (int, error)
}

// sender numbers the records of one partition. A returned record is valid until the next call.
type sender struct {
	rec    kgo.Record
	window int64  // of the last position
	n      uint64 // number within the window
}

// indexBits is the number of bits of a detector's sequence that number the records of a window
// (detect/doc.go).
const indexBits = 24

// decided returns the position of the detector's next record of the window that begins at window.
func (s *sender) decided(f bgp.Family, window int64) *pb.Position {
	if window /= minute; window != s.window {
		s.window, s.n = window, 0
	}
	s.n++
	return &pb.Position{
		Collector: "detect/" + f.String(), Lane: string(bgp.LaneOut),
		Sequence: uint64(window)<<indexBits | s.n,
	}
}

// record encodes a message as the next record of a partition. taken is the time at which it was
// appended to the log.
func (s *sender) record(topic string, partition int32, taken time.Time, m message) (*kgo.Record, error) {
	n := m.SizeVT()
	if cap(s.rec.Value) < n {
		s.rec.Value = make([]byte, n, 2*n)
	}
	s.rec.Value = s.rec.Value[:n]
	if _, err := m.MarshalToSizedBufferVT(s.rec.Value); err != nil {
		return nil, fmt.Errorf("encoding a simulated record: %w", err)
	}
	s.rec.Topic, s.rec.Partition, s.rec.Timestamp = topic, partition, taken
	s.rec.Offset++
	return &s.rec, nil
}

// at converts seconds to microseconds.
func at(seconds int64) int64 { return time.Unix(seconds, 0).UnixMicro() }
