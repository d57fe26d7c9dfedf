package bmp

import (
	"net"
	"runtime"
	"time"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// patience reads from a connection within limits of time: for the first message as a whole, for the rest of one that has begun to
// come, and for the next to begin. What is spent outside of Read, waiting for the producer, does not count.
type patience struct {
	conn        net.Conn
	reader      *wire.BMPReader
	first       time.Time // the first message's deadline
	whole, idle time.Duration
	begun       time.Time // when the message at octet at was first waited for
	at          int64
}

// Read sets the deadline anew and reads.
func (p *patience) Read(b []byte) (int, error) {
	now := time.Now()
	var deadline time.Time
	switch at := p.reader.Offset(); {
	case p.reader.Held() == 0:
		p.begun = time.Time{}
		if p.idle > 0 {
			deadline = now.Add(p.idle)
		}
	case p.begun.IsZero() || at != p.at:
		p.begun, p.at = now, at
		deadline = now.Add(p.whole)
	default:
		deadline = p.begun.Add(p.whole)
	}
	if p.reader.Offset() == 0 && (deadline.IsZero() || p.first.Before(deadline)) {
		deadline = p.first
	}
	if err := p.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	// Every session has its turn for what one read brings: of hundreds that all have something to say none waits for long.
	runtime.Gosched()
	return p.conn.Read(b)
}
