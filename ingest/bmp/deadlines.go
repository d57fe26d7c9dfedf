package bmp

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/darkmap/darkmap/internal/bgp/wire"
)

// deadlineReader reads from a connection within time limits. There is a limit for the whole first
// message, one for the rest of a message that has begun to arrive, and one for the begin of the
// next. Time spent outside of Read, waiting for the producer, does not count.
type deadlineReader struct {
	conn        net.Conn
	reader      *wire.BMPReader
	first       time.Time // the first message's deadline
	whole, idle time.Duration
	begun       time.Time // time at which Read first waited for the rest of the message at octet at
	at          int64
	head        []byte // the first octets of the connection, at most headOctets
}

// headOctets is enough to recognise some other protocols.
const headOctets = 8

// Read sets the deadline and reads.
func (p *deadlineReader) Read(b []byte) (int, error) {
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
	// Each session yields after one read: with hundreds of busy sessions none waits for long.
	runtime.Gosched()
	n, err := p.conn.Read(b)
	if miss := headOctets - len(p.head); miss > 0 {
		p.head = append(p.head, b[:min(n, miss)]...)
	}
	return n, err
}

// foreign describes a connection that does not begin with BMP, as far as its first octets show.
// Empty means unknown.
func (p *deadlineReader) foreign() string {
	const handshake = 22 // TLS's first record (RFC 8446 §5.1); its version begins with 3
	switch h := p.head; {
	case len(h) > 1 && h[0] == handshake && h[1] == 3:
		return "looks like TLS: set ingest.bmp.tls, or turn TLS off at the router"
	case len(h) > 0 &&
		!bytes.ContainsFunc(h, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' || r > '~' }):
		return fmt.Sprintf("not BMP: the connection begins with %q", h)
	}
	return ""
}
