package checkpoint

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"log/slog"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

const (
	// maxStand is the longest time for which the caller of Begin waits. If Kafka takes the chunks
	// more slowly, there is no checkpoint this time.
	maxStand = 5 * time.Second
	// maxWrite bounds the time of the whole writing.
	maxWrite = time.Minute
	// pendingBytes bounds the chunks that Kafka has not acknowledged yet.
	pendingBytes = 8 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrSlow means that Kafka did not take the chunks in time.
var ErrSlow = errors.New("kafka takes the checkpoint too slowly")

// Writer writes chunks. It serves one goroutine.
type Writer struct {
	cl       *kgo.Client
	topic    string
	detector string
	life     context.Context //nolint:containedctx // ended by Close
	end      context.CancelFunc
}

// NewWriter builds the producer of chunks. The producer lasts until Close, even if ctx ends before.
// detector is the name of the detector.
func NewWriter(ctx context.Context, cfg kafka.Config, log *slog.Logger, detector string) (*Writer, error) {
	cl, err := kafka.NewClient(cfg, log,
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedBytes(pendingBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return nil, fmt.Errorf("building the producer of checkpoints: %w", err)
	}
	w := &Writer{cl: cl, topic: cfg.Topic(schemas.TopicCheckpoints), detector: detector}
	w.life, w.end = context.WithCancel(context.WithoutCancel(ctx))
	return w, nil
}

// Close abandons the checkpoint that is being written.
func (w *Writer) Close() {
	w.end()
	w.cl.Close()
}

// Writing is a checkpoint whose chunks are being written.
type Writing struct {
	m    Manifest
	done chan struct{}
	err  error // valid once done is closed
}

// Done returns a channel that is closed when Kafka has all chunks, or when the writing was
// abandoned.
func (x *Writing) Done() <-chan struct{} { return x.done }

// Result returns the complete manifest, or the error. Call it after Done is closed.
func (x *Writing) Result() (Manifest, error) { return x.m, x.err }

// Begin takes the snapshots of states and gives them to Kafka; the states must not change before it
// returns. m has the known fields of the manifest. Kafka acknowledges the last chunks in the
// background.
func (w *Writer) Begin(m Manifest, states ...State) (*Writing, error) {
	ctx, cancel := context.WithTimeout(w.life, maxWrite)
	c := &chunker{w: w, ctx: ctx, until: time.Now().Add(maxStand), m: &m, sum: sha256.New()}
	m.ID, m.Format = rand.Text(), Format
	err := encode(c, states)
	if err == nil {
		err = c.cut()
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("writing a checkpoint: %w", err)
	}
	x := &Writing{done: make(chan struct{})}
	go func() { // ends when Kafka has all chunks, after maxWrite, or with Close
		defer cancel()
		defer close(x.done)
		if x.err = w.cl.Flush(ctx); x.err == nil {
			x.err = c.produced.Err()
		}
		if x.err != nil {
			x.err = fmt.Errorf("writing a checkpoint: %w", x.err)
			return
		}
		m.Sum = c.sum.Sum(nil)
		for _, at := range c.offsets {
			m.Chunks = append(m.Chunks, *at)
		}
		if !slices.IsSorted(m.Chunks) {
			x.err = errors.New("writing a checkpoint: kafka has its chunks in another order")
		}
		x.m = m
	}()
	return x, nil
}

// chunker cuts the written octets into chunks and produces them.
type chunker struct {
	w     *Writer
	ctx   context.Context //nolint:containedctx // of one writing
	until time.Time
	m     *Manifest
	sum   hash.Hash
	data  []byte // data of the chunk that is not full yet
	// offsets are written by the client's goroutine until produced has all results.
	offsets  []*int64
	produced kgo.FirstErrPromise
}

func (c *chunker) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		fits := min(len(p), ChunkBytes-len(c.data))
		c.data, p = append(c.data, p[:fits]...), p[fits:]
		if len(c.data) == ChunkBytes {
			if err := c.cut(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// cut produces the present chunk. It waits while too many octets are in flight.
func (c *chunker) cut() error {
	if len(c.data) == 0 {
		return nil
	}
	if len(c.offsets) == maxChunks {
		return fmt.Errorf("it is larger than %d chunks", maxChunks)
	}
	c.sum.Write(c.data)
	c.m.Length += uint64(len(c.data))
	i := len(c.offsets)
	value, err := (&pb.CheckpointRecord{
		Detector: c.w.detector, Slot: c.m.Slot, Id: c.m.ID,
		Body: &pb.CheckpointRecord_Chunk{Chunk: &pb.CheckpointChunk{
			Index: uint32(i), Data: c.data, Crc32C: crc32.Checksum(c.data, castagnoli),
		}},
	}).MarshalVT()
	if err != nil {
		return fmt.Errorf("encoding a chunk: %w", err)
	}
	c.data = c.data[:0]
	ctx, cancel := context.WithDeadline(c.ctx, c.until)
	defer cancel()
	for c.w.cl.BufferedProduceBytes() > pendingBytes-2*ChunkBytes {
		if err := retry.Sleep(ctx, waitStep); err != nil {
			return ErrSlow
		}
	}
	rec := &kgo.Record{Topic: c.w.topic, Key: key(c.w.detector, c.m.Slot, i), Value: value}
	at, done := new(int64), c.produced.Promise()
	c.offsets = append(c.offsets, at)
	c.w.cl.Produce(c.ctx, rec, func(r *kgo.Record, err error) {
		*at = r.Offset
		done(r, err)
	})
	return nil
}

// waitStep is the time between two checks of a full buffer.
const waitStep = 5 * time.Millisecond
