package rislivetest

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Fault is a way to break.
type Fault uint8

// The faults. After those marked with a star the connection goes on, and nothing that should have come is missing.
const (
	// Cut ends the TCP connection (code 1006).
	Cut Fault = iota + 1
	// Stall says nothing more; the connection stays open, and WebSocket pings are answered.
	Stall
	// SlowConsumer is the service's ris_error for who is too far behind, and a close.
	SlowConsumer
	// HalfFrame ends in the middle of a frame.
	HalfFrame
	// BadJSON (*) sends frames that are no JSON, or none of the service.
	BadJSON
	// TruncatedRaw (*) cuts the raw of the next 10 UPDATEs.
	TruncatedRaw
	// UnknownTypes (*) sends messages of types that nobody knows.
	UnknownTypes
	// Huge sends a frame of 1 GB, for as long as it is read.
	Huge
	// EndlessJSON sends a message in fragments without an end.
	EndlessJSON
	// RandomBytes sends random octets where frames should be.
	RandomBytes
	// Bomb sends a well-formed message of 8 MiB of blanks, which compress well.
	Bomb
)

// Harmless lists the faults after which nothing is missing; Breaking those that cost the connection.
func Harmless() []Fault { return []Fault{BadJSON, TruncatedRaw, UnknownTypes} }

// Breaking is Harmless's counterpart.
func Breaking() []Fault { return []Fault{Cut, Stall, SlowConsumer, HalfFrame} }

// Hostility is how a server is hostile to everybody: by a fault of each connection, or by a refusal.
type Hostility struct {
	Name    string
	Fault   Fault
	Refusal Refusal
}

// Hostilities lists those that a client has to bear.
func Hostilities() []Hostility {
	return []Hostility{
		{"a frame of 1 GB", Huge, Welcome},
		{"endless JSON", EndlessJSON, Welcome},
		{"random bytes", RandomBytes, Welcome},
		{"a deflate bomb", Bomb, Welcome},
		{"half a frame", HalfFrame, Welcome},
		{"a redirect", 0, Redirect},
		{"random bytes for HTTP", 0, Noise},
		{"503", 0, Busy},
	}
}

// fail breaks the connection and reports whether it goes on. It is the writer's.
func (c *Conn) fail(ctx context.Context, f Fault) bool {
	switch f {
	case BadJSON:
		return c.texts(ctx, `{"type":"ris_message","data":{"timestamp":`, `nonsense`, `{"type":"ris_message","data":{"host":"rrc00.ripe.net","type":"UPDATE"}}`, `[1,2,3]`)
	case UnknownTypes:
		return c.texts(ctx, `{"type":"ris_news","data":{"a":1}}`,
			`{"type":"ris_message","data":{"timestamp":1789019601.67,"peer":"192.0.2.1","peer_asn":"64500","id":"x","host":"rrc00.ripe.net","type":"WHATEVER"}}`)
	case TruncatedRaw:
		c.mu.Lock()
		c.cutRaw = 10
		c.mu.Unlock()
		return true
	case Stall:
		for ctx.Err() == nil {
			c.mu.Lock()
			closing := c.closing
			c.mu.Unlock()
			if closing {
				return false
			}
			select {
			case <-ctx.Done():
			case <-c.wake:
			}
		}
	case SlowConsumer:
		c.texts(ctx, `{"type":"ris_error","data":{"message":"Closing connection after being behind by more than 262144000 bytes over 30 seconds","bufferSize":313026734}}`)
		_ = c.ws.Close(websocket.StatusGoingAway, "") // it goes either way
	case HalfFrame:
		_, _ = c.tcp.Write(append(frameHeader(0x81, 800), `{"type":"ris_message","data":{"timestamp":17`...)) // it goes either way
	case Huge:
		_, _ = c.tcp.Write(frameHeader(0x81, 1<<30))
		flood(ctx, c.tcp, []byte(`{"type":"ris_message","data":{"path":[1,[2,`))
	case EndlessJSON:
		_, _ = c.tcp.Write(append(frameHeader(0x01, 1), '{'))
		flood(ctx, c.tcp, append(frameHeader(0x00, 80), strings.Repeat(`"a":[[[[`, 10)...))
	case RandomBytes:
		noise(ctx, c.tcp)
	case Bomb:
		b := make([]byte, 8<<20)
		for i := range b {
			b[i] = ' '
		}
		_ = c.ws.Write(ctx, websocket.MessageText, b)
	case Cut:
	}
	return false
}

// texts writes text messages and reports whether they went out.
func (c *Conn) texts(ctx context.Context, all ...string) bool {
	for _, text := range all {
		if c.ws.Write(ctx, websocket.MessageText, []byte(text)) != nil {
			return false
		}
	}
	return true
}

// frameHeader is the header of a server's frame (RFC 6455 §5.2).
func frameHeader(first byte, n uint64) []byte {
	switch {
	case n < 126:
		return []byte{first, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))
	}
	return binary.BigEndian.AppendUint64([]byte{first, 127}, n)
}

// flood writes the same over and over, until nobody takes it any more.
func flood(ctx context.Context, to net.Conn, what []byte) {
	var b []byte
	for len(b) < 64<<10 {
		b = append(b, what...)
	}
	for ctx.Err() == nil {
		_ = to.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}

// noise writes random octets until nobody takes them any more.
func noise(ctx context.Context, to net.Conn) {
	b := make([]byte, 4096)
	for ctx.Err() == nil {
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], rand.Uint64()) //nolint:gosec // noise
		}
		_ = to.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if _, err := to.Write(b); err != nil {
			return
		}
	}
}
