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
	// loginTimeout caps the time from a new connection to its login.
	loginTimeout = 10 * time.Second
	// maxLogins caps the connections without a login.
	maxLogins = 64
	// maxLoginBytes caps a request before the login, maxRequestBytes one after it. Our clients
	// buffer at most maxBuffered.
	maxLoginBytes   = 16 << 10
	maxRequestBytes = 4 * maxBuffered
	// headerBytes is the length of the first fields of every request: size, API key, API version,
	// correlation id.
	headerBytes = 12
	// acceptPause is the wait after accept failed for want of descriptors.
	acceptPause = 50 * time.Millisecond
	// refusalTimeout caps the time to write the answer to a failed login.
	refusalTimeout = time.Second
)

// errRefused marks a request that the embedded broker rejects unread.
var errRefused = errors.New("refused a Kafka request")

// gate is the listener of the embedded broker. kfake allocates as many octets as a request's length
// field contains and panics at an unknown API key, both even before a login. So the gate checks the
// header of each request first. Before the login it admits only short ApiVersions, SaslHandshake
// and SaslAuthenticate requests. After the login it admits no request above maxRequestBytes. It
// closes a connection without a login within loginTimeout. It answers a failed login, where kfake
// only closes the connection.
type gate struct {
	net.Listener
	refused *telemetry.Limited

	mu     sync.Mutex
	logins []*gatedConn // connections without a login, oldest first; guarded by mu
}

func newGate(ln net.Listener, refused *telemetry.Limited) *gate {
	return &gate{Listener: ln, refused: refused}
}

// Accept returns the next connection. If too many connections wait for their login, it closes the
// oldest of them. A login takes milliseconds, so a stranger who only connects does not keep others
// out. Accept survives a shortage of descriptors or memory.
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

// passes reports whether a failure to accept a connection may be temporary.
func passes(err error) bool {
	for _, e := range []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// admit adds a connection to those that wait for their login.
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
		g.refused.Warn("the embedded broker closed a connection",
			"address", oldest.RemoteAddr().String(), "reason", "too many connections wait for their login")
		_ = oldest.Conn.Close() // kfake sees the end and closes the connection
	}
	return gc
}

// settled removes a connection from those that wait for their login.
func (g *gate) settled(c *gatedConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.logins, c); i >= 0 {
		g.logins = slices.Delete(g.logins, i, i+1)
	}
}

// gatedConn is one connection behind the gate. kfake reads it in one goroutine and writes it in
// another.
type gatedConn struct {
	net.Conn
	gate *gate
	// in and left belong to the reading goroutine. left counts the unread octets of the current
	// request.
	in   *bufio.Reader
	left int

	mu       sync.Mutex
	admitted bool   // logged in; guarded by mu
	pending  *login // a SaslAuthenticate request without an answer; guarded by mu
}

// login holds the fields for the answer to a SaslAuthenticate request.
type login struct {
	version     int16
	correlation int32
}

// Read reads at most to the end of the current request. next has checked its header.
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
		return err // in most cases the end of the connection
	}
	size, key, version := binary.BigEndian.Uint32(h),
		int16(binary.BigEndian.Uint16(h[4:])), int16(binary.BigEndian.Uint16(h[6:]))
	if err := c.check(size, kmsg.Key(key), login{version, int32(binary.BigEndian.Uint32(h[8:]))}); err != nil {
		c.gate.refused.Warn("the embedded broker closed a connection",
			"address", c.RemoteAddr().String(), "err", err)
		return err
	}
	c.left = 4 + int(size)
	return nil
}

// check decides on a request by its header, and records a login.
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

// Write writes one whole response of kfake, and checks whether it completes the login.
func (c *gatedConn) Write(b []byte) (int, error) {
	c.answered(b)
	return c.Conn.Write(b)
}

// answered admits the connection if the response b completes a SCRAM login (RFC 5802: the last
// message of the server begins with v=).
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

// Close closes the connection. If kfake has not answered a login, Close first answers it.
func (c *gatedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != nil {
		c.gate.refused.Warn("the embedded broker refused a login",
			"address", c.RemoteAddr().String(), "err", kerr.SaslAuthenticationFailed)
		_ = c.SetWriteDeadline(time.Now().Add(refusalTimeout))
		_, _ = c.Conn.Write(c.pending.refusal()) // the client may have disconnected
		c.pending = nil
	}
	c.gate.settled(c)
	return c.Conn.Close()
}

// refusal returns the response to a failed login.
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
