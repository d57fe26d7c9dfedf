package kafka

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// loginTimeout is how long a new connection has for its login.
	loginTimeout = 10 * time.Second
	// maxLogins bounds the connections that have not logged in yet.
	maxLogins = 64
	// maxLoginBytes bounds a request before the login, maxRequestBytes one after it. Own clients buffer at most maxBuffered.
	maxLoginBytes   = 16 << 10
	maxRequestBytes = 4 * maxBuffered
	// headerBytes are the first octets of every request: size, API key, API version, correlation id.
	headerBytes = 12
	// acceptPause is how long a lack of descriptors is waited for.
	acceptPause = 50 * time.Millisecond
	// refusalTimeout bounds the answer to a login that failed.
	refusalTimeout = time.Second
)

// errRefused reports a request that the embedded broker does not read.
var errRefused = errors.New("refused a Kafka request")

// gate is the embedded broker's listener. kfake allocates what a request's length field says and panics at an API key that it
// does not know, both before a login. So the gate looks at the header of each request first: before the login it lets only
// short ApiVersions, SaslHandshake and SaslAuthenticate requests pass, and afterwards none above maxRequestBytes. A
// connection that does not log in within loginTimeout is closed. A login that fails gets an answer, where kfake only closes.
type gate struct {
	net.Listener
	refused *telemetry.Limited

	mu     sync.Mutex
	logins []*gatedConn // connections that have not logged in, the oldest first; guarded by mu
}

func newGate(ln net.Listener, refused *telemetry.Limited) *gate {
	return &gate{Listener: ln, refused: refused}
}

// Accept returns the next connection. Where too many wait for their login it closes the oldest of those: a login takes
// milliseconds, so that a stranger who only connects does not keep others out. It outlasts a lack of descriptors or memory.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		switch {
		case err == nil:
		case passes(err):
			g.refused.Warn("the embedded broker could not accept a connection", "err", err)
			<-time.NewTimer(acceptPause).C
			continue
		default:
			return nil, err
		}
		if err := c.SetDeadline(time.Now().Add(loginTimeout)); err != nil {
			_ = c.Close()
			continue
		}
		return g.admit(c), nil
	}
}

// passes reports whether a failure to accept a connection may be over in a moment.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit makes a connection one that waits for its login.
func (g *gate) admit(c net.Conn) *gatedConn {
	gc := &gatedConn{Conn: c, gate: g, in: bufio.NewReader(c)}
	g.mu.Lock()
	var oldest *gatedConn
	if len(g.logins) >= maxLogins {
		oldest, g.logins = g.logins[0], g.logins[1:]
	}
	g.logins = append(g.logins, gc)
	g.mu.Unlock()
	if oldest != nil {
		g.refused.Warn("the embedded broker closed a connection", "address", oldest.RemoteAddr().String(), "reason", "too many connections wait for their login")
		_ = oldest.Conn.Close() // kfake sees the end and closes it
	}
	return gc
}

// settled notes that a connection does not wait for its login any more.
func (g *gate) settled(c *gatedConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.logins, c); i >= 0 {
		g.logins = slices.Delete(g.logins, i, i+1)
	}
}

// gatedConn is one connection behind the gate. kfake reads it in one goroutine and writes it in another.
type gatedConn struct {
	net.Conn
	gate *gate
	// in and left, the octets of the current request that were not read yet, belong to the reading goroutine.
	in   *bufio.Reader
	left int

	mu       sync.Mutex
	admitted bool   // logged in; guarded by mu
	pending  *login // a SaslAuthenticate request without an answer; guarded by mu
}

// login is what the answer to a SaslAuthenticate request needs.
type login struct {
	version     int16
	correlation int32
}

// Read reads at most to the end of the current request, whose header it has checked.
func (c *gatedConn) Read(b []byte) (int, error) {
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.in.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// next checks the header of the next request.
func (c *gatedConn) next() error {
	h, err := c.in.Peek(headerBytes)
	if err != nil {
		return err // the end of the connection, in most cases
	}
	size, key, version := binary.BigEndian.Uint32(h), int16(binary.BigEndian.Uint16(h[4:])), int16(binary.BigEndian.Uint16(h[6:]))
	if err := c.check(size, kmsg.Key(key), login{version, int32(binary.BigEndian.Uint32(h[8:]))}); err != nil {
		c.gate.refused.Warn("the embedded broker closed a connection", "address", c.RemoteAddr().String(), "err", err)
		return err
	}
	c.left = 4 + int(size)
	return nil
}

// check decides on a request by its header, and notes a login.
func (c *gatedConn) check(size uint32, key kmsg.Key, l login) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	most := uint32(maxLoginBytes)
	if c.admitted {
		most = maxRequestBytes
	}
	switch {
	case kmsg.RequestForKey(key.Int16()) == nil:
		return fmt.Errorf("%w: API key %d is unknown", errRefused, key)
	case size < headerBytes-4 || size > most:
		return fmt.Errorf("%w: %s of %d octets, at most %d are allowed", errRefused, key.Name(), size, most)
	case key == kmsg.SASLAuthenticate:
		c.pending = &l
	case !c.admitted && key != kmsg.ApiVersions && key != kmsg.SASLHandshake:
		return fmt.Errorf("%w: %s without a login", errRefused, key.Name())
	}
	return nil
}

// Write writes one whole response, which kfake gives it, and looks whether that completes the login.
func (c *gatedConn) Write(b []byte) (int, error) {
	c.answered(b)
	return c.Conn.Write(b)
}

// answered admits the connection when the response b completes a SCRAM login (RFC 5802: the server's last message begins with
// v=).
func (c *gatedConn) answered(b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending == nil || len(b) < 8 || int32(binary.BigEndian.Uint32(b[4:])) != c.pending.correlation {
		return
	}
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.SetVersion(c.pending.version)
	c.pending = nil
	body := b[8:]
	if resp.IsFlexible() && len(body) > 0 {
		body = body[1:] // no tags
	}
	if resp.ReadFrom(body) == nil && resp.ErrorCode == 0 && strings.HasPrefix(string(resp.SASLAuthBytes), "v=") {
		c.admitted = true
		c.gate.settled(c)
		_ = c.SetDeadline(time.Time{}) // fails only on a closed connection
	}
}

// Close closes the connection, after the answer to a login that kfake leaves without one.
func (c *gatedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil {
		c.gate.refused.Warn("the embedded broker refused a login", "address", c.RemoteAddr().String(), "err", kerr.SaslAuthenticationFailed)
		_ = c.SetWriteDeadline(time.Now().Add(refusalTimeout))
		_, _ = c.Conn.Write(c.pending.refusal()) // the client may be gone
		c.pending = nil
	}
	c.gate.settled(c)
	return c.Conn.Close()
}

// refusal is the response to a login that failed.
func (l login) refusal() []byte {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	resp.SetVersion(l.version)
	resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
	resp.ErrorMessage = new("unknown user or wrong password")
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(l.correlation))
	if resp.IsFlexible() {
		b = append(b, 0) // no tags
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}
