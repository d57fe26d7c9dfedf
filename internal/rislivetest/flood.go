package rislivetest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/coder/websocket"
)

// batchFrames is the number of frames written at once.
const batchFrames = 64

// Flood sends n of the schedule's messages, repeated, with the present time, as fast as the
// connections take them. It returns after the last is written. It first waits for the given number
// of subscribers, and ignores their filters.
func (s *Server) Flood(ctx context.Context, sched *Schedule, n, subscribers int) error {
	if err := s.await(ctx, func() bool { return s.subscribers() >= subscribers }); err != nil {
		return err
	}
	var r renderer
	frames := make([][]byte, len(sched.Events))
	ids := make([]int, len(frames))
	for i := range frames {
		frames[i] = r.render(&sched.Events[i], time.Now()).withRaw
		ids[i] = idAt(frames[i])
	}
	conns := s.Conns()
	for i := 0; i < n; {
		var batch [][]byte
		now := time.Now().UnixMilli()
		for ; i < n && len(batch) < batchFrames; i++ {
			k := i % len(frames)
			stamp(frames[k], ids[k], now, i)
			batch = append(batch, bytes.Clone(frames[k]))
		}
		for _, c := range conns {
			if err := c.writeBatch(ctx, batch); err != nil {
				return fmt.Errorf("flooding: %w", err)
			}
		}
	}
	return nil
}

const (
	stampAt  = len(`{"type":"ris_message","data":{"timestamp":`)
	idDigits = 6
)

// stamp sets the time, in Unix milliseconds, and the last digits of the id, which begin at offset
// id.
func stamp(frame []byte, id int, ms int64, n int) {
	copy(frame[stampAt:], fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
	copy(frame[id:], fmt.Sprintf("%0*x", idDigits, n&(1<<(4*idDigits)-1)))
}

// writeBatch writes frames without the queue, and directly to the socket if they are not
// compressed.
func (c *Conn) writeBatch(ctx context.Context, batch [][]byte) error {
	if c.deflate {
		for _, f := range batch {
			if err := c.ws.Write(ctx, websocket.MessageText, f); err != nil {
				return err
			}
		}
		return nil
	}
	var b []byte
	for _, f := range batch {
		b = append(append(b, frameHeader(0x81, uint64(len(f)))...), f...)
	}
	_, err := c.tcp.Write(b)
	return err
}
