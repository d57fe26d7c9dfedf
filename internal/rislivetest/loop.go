package rislivetest

import (
	"bytes"
	"context"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

// PlayLoop plays a schedule again and again, factor times as fast, from start on, until ctx ends. It
// renders each message once, so it costs less than Play, and holds all of them.
func (s *Server) PlayLoop(ctx context.Context, sched *Schedule, start time.Time, factor float64) error {
	r := renderer{}
	rendered, ids := make([]*message, len(sched.Events)), make([]int, len(sched.Events))
	for i := range rendered {
		m := r.render(&sched.Events[i], start)
		m.plain, m.cut = nil, nil
		rendered[i], ids[i] = m, idAt(m.withRaw)
	}
	for n := 0; ; {
		for i := range rendered {
			t := start.Add(time.Duration(float64(sched.Events[i].At) / factor))
			if wait := time.Until(t); wait > time.Millisecond {
				if err := retry.Sleep(ctx, wait); err != nil {
					return err
				}
			} else if ctx.Err() != nil {
				return ctx.Err()
			}
			m := *rendered[i]
			m.withRaw = bytes.Clone(m.withRaw)
			stamp(m.withRaw, ids[i], t.UnixMilli(), n)
			m.plain, m.cut = m.withRaw, m.withRaw
			s.send(&m)
			n++
		}
		start = start.Add(time.Duration(float64(sched.Length) / factor))
	}
}

// idAt returns the offset of the last digits of a frame's id.
func idAt(frame []byte) int {
	at := bytes.Index(frame, []byte(`"id":"`)) + len(`"id":"`)
	return at + bytes.IndexByte(frame[at:], '"') - idDigits
}
