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

// Fault is a kind of failure of a connection.
type Fault uint8

// The faults. After those marked with a star the connection goes on, and no message is missing.
const (
	// Cut ends the TCP connection (code 1006).
	Cut Fault = iota + 1
	// Stall sends nothing more. The connection stays open, and WebSocket pings are answered.
	Stall
	// SlowConsumer sends the service's ris_error for a client that is too far behind, and closes.
	SlowConsumer
	// HalfFrame ends the connection in the middle of a frame.
	HalfFrame
	// BadJSON (*) sends frames that are not JSON, or not messages of the service.
	BadJSON
	// TruncatedRaw (*) cuts the raw field of the next 10 UPDATEs.
	TruncatedRaw
	// UnknownTypes (*) sends messages of unknown types.
	UnknownTypes
	// Huge sends a frame of 1 GB until the client stops reading.
	Huge
	// EndlessJSON sends a message in endless fragments.
	EndlessJSON
	// RandomBytes sends random octets instead of frames.
	RandomBytes
	// Bomb sends a well-formed message of 8 MiB of blanks, which compress well.
	Bomb
)

// Harmless lists the faults after which no message is missing.
func Harmless() []Fault { return []Fault{BadJSON, TruncatedRaw, UnknownTypes} }

// Breaking lists the faults that end the connection.
func Breaking() []Fault { return []Fault{Cut, Stall, SlowConsumer, HalfFrame} }

// Hostility is a hostile behaviour of a server to every client: a fault of each connection, or a
// refusal.
type Hostility struct {
	Name    string
	Fault   Fault
	Refusal Refusal
}

// Hostilities lists the hostile behaviours that a client must survive.
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

// fail applies a fault and reports whether the connection goes on. Only the writer calls it.
func (c *Conn) fail(ctx context.Context, f Fault) bool {
	switch f {
	case BadJSON:
		return c.texts(ctx, `{"type":"ris_message","data":{"timestamp":`, `nonsense`,
			`{"type":"ris_message","data":{"host":"rrc00.ripe.net","type":"UPDATE"}}`, `[1,2,3]`)
	case UnknownTypes:
		return c.texts(ctx, `{"type":"ris_news","data":{"a":1}}`,
			`{"type":"ris_message","data":{"timestamp":1789019601.67,"peer":"192.0.2.1","peer_asn":"64500",`+
				`"id":"x","host":"rrc00.ripe.net","type":"WHATEVER"}}`)
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
		c.texts(ctx,
			`{"type":"ris_error","data":{"message":"Closing connection after being behind by more than `+
				`262144000 bytes over 30 seconds","bufferSize":313026734}}`)
		_ = c.ws.Close(websocket.StatusGoingAway, "") // ends anyway
	case HalfFrame:
		half := `{"type":"ris_message","data":{"timestamp":17`
		_, _ = c.tcp.Write(append(frameHeader(0x81, 800), half...)) // ends anyway
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

// texts writes text messages and reports whether all were written.
func (c *Conn) texts(ctx context.Context, all ...string) bool {
	for _, text := range all {
		if c.ws.Write(ctx, websocket.MessageText, []byte(text)) != nil {
			return false
		}
	}
	return true
}

// frameHeader returns the header of a server's frame (RFC 6455 §5.2).
func frameHeader(first byte, n uint64) []byte {
	switch {
	case n < 126:
		return []byte{first, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(n))
	}
	return binary.BigEndian.AppendUint64([]byte{first, 127}, n)
}

// flood writes the same octets repeatedly until the client stops reading.
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

// noise writes random octets until the client stops reading.
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
