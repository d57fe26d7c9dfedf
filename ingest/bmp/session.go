package bmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The reasons for which the station ends a session.
var (
	errStopping   = errors.New("darkmap stops")
	errReplaced   = errors.New("a newer connection of the router took its place")
	errWanted     = errors.New("the detector needs the router's tables again")
	errTerminated = errors.New("the router ended the session")
)

// refusal ends a session whose router breaks a rule. reason is a label for counting.
type refusal struct {
	reason string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// session is one connection of a router. It belongs to the goroutine of run, except for conn, which
// others close, and why.
type session struct {
	st        *Station
	conn      net.Conn // the TCP connection
	remote    netip.AddrPort
	router    router
	collector string
	seat      *seat
	why       atomic.Pointer[error] // the reason if the station closed the connection

	reader      *wire.BMPReader
	state       wire.BMPSession
	msg         wire.BMPMessage
	out         stream.Message
	stream      *stream.Stream // nil before the first valid message
	peers       peers
	sysName     string
	messages    uint64
	initiations int
	unannounced bool // it was logged
	unkept      bool // it was logged
	frr         bool
	grown       int64      // octets acquired from Station.large
	as          bgp.ASN    // the router's AS, from the last OPEN that contains it; 0: unknown
	own         [1]bgp.ASN // scratch space of received
	stripped    []byte
}

func newSession(s *Station, conn net.Conn, remote netip.AddrPort, r router) *session {
	return &session{
		st: s, conn: conn, remote: remote, router: r, collector: r.collector(remote.Addr()),
		state: wire.BMPSession{MaxPeers: s.cfg.MaxPeers}, peers: newPeers(s.cfg.MaxPeers),
	}
}

// end closes the connection. run then ends with the reason why. Any goroutine may call it.
func (s *session) end(why error) {
	if s.why.CompareAndSwap(nil, &why) {
		_ = s.conn.Close() // the result does not matter: no data is lost
	}
}

// run reads the session to its end. ctx is that of the producer. run returns the producer's error.
func (s *session) run(ctx context.Context) error {
	defer s.st.remove(s)
	err := s.listen(ctx)
	if e := s.why.Load(); e != nil && !producing(err) {
		err = *e
	}
	discard(s.conn)
	if r, ok := errors.AsType[*refusal](err); ok {
		s.st.refuse(r.reason, s.remote, r.Error())
	} else {
		tell := s.st.news.Info
		// a feed is lost, and the station did not end it
		if s.stream != nil && s.why.Load() == nil {
			tell = s.st.news.Warn
		}
		tell("bmp connection ended", "collector", s.collector, "address", s.remote.String(),
			"sys_name", s.sysName, "messages", s.messages, "why", reason(err))
	}
	if s.stream == nil {
		return produced(err)
	}
	s.st.went(s.router)
	if producing(err) {
		return produced(err)
	}
	return s.leave(ctx, err)
}

// leave writes Down for the collector, unless a newer session holds its seat.
func (s *session) leave(ctx context.Context, err error) error {
	s.seat.mu.Lock()
	defer s.seat.mu.Unlock()
	if s.seat.current != s {
		return nil
	}
	s.seat.current = nil
	why := reason(err)
	if s.sysName != "" {
		why = fmt.Sprintf("%s (%s)", why, s.sysName)
	}
	err = s.stream.Down(ctx, pb.DownReason_DOWN_REASON_LOST, why)
	s.stream.Close()
	return err
}

// produceError is an error of the producer. It ends the process, not only the session.
type produceError struct{ error }

func (e produceError) Unwrap() error { return e.error }

// emitted classifies the error of a call on the stream. A closed stream means that a newer session
// holds the seat, so the session ends. Any other error is the producer's.
func emitted(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, stream.ErrClosed):
		return errReplaced
	}
	return produceError{err}
}

func producing(err error) bool {
	_, ok := errors.AsType[produceError](err)
	return ok
}

// produced returns the producer's error, or nil.
func produced(err error) error {
	if e, ok := errors.AsType[produceError](err); ok {
		return e.error
	}
	return nil
}

// reason describes in words why a session ended.
func reason(err error) string {
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return "the router closed the connection"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the router was silent for too long"
	}
	return err.Error()
}

// listen reads messages until reading or passing one on fails.
func (s *session) listen(ctx context.Context) error {
	first := time.Now().Add(s.st.cfg.InitiationTimeout)
	conn := s.conn
	if s.st.tls != nil {
		c := tls.Server(conn, s.st.tls)
		if err := handshake(ctx, c, first); err != nil {
			return err
		}
		conn = c
	}
	p := &deadlineReader{
		conn: conn, first: first, whole: s.st.cfg.MessageTimeout, idle: time.Duration(s.st.cfg.IdleTimeout),
	}
	s.reader = wire.NewBMPReaderSize(p, s.st.cfg.ReadBufferBytes)
	s.reader.Strict, s.reader.Grow = true, s.grow
	defer func() { s.st.large.Release(s.grown) }()
	p.reader = s.reader
	for {
		raw, err := s.reader.Next()
		if err != nil {
			return s.broken(ctx, p, err)
		}
		if err := s.take(ctx, raw); err != nil {
			return err
		}
		s.messages++
	}
}

// handshake performs the TLS handshake.
func handshake(ctx context.Context, c *tls.Conn, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain {
		return &refusal{
			refusedTLS,
			fmt.Errorf("looks like cleartext: turn TLS on at the router, or leave ingest.bmp.tls out: %w",
				err),
		}
	}
	if err != nil {
		return &refusal{refusedTLS, fmt.Errorf("TLS: %w", err)}
	}
	return nil
}

// grow reserves octets for the growth of the buffer, or releases them if octets is negative. It
// refuses a large message while all sessions together hold too many.
func (s *session) grow(octets int) error {
	if octets > 0 && !s.st.large.TryAcquire(int64(octets)) {
		return &refusal{
			refusedLarge,
			fmt.Errorf("its message at octet %d is large, and so are too many others at the moment",
				s.reader.Offset()),
		}
	}
	if octets < 0 {
		s.st.large.Release(int64(-octets))
	}
	s.grown += int64(octets)
	return nil
}

// broken converts the reader's error into the reason of the session's end. It keeps octets that are
// not a message as a dead letter.
func (s *session) broken(ctx context.Context, p *deadlineReader, err error) error {
	if s.why.Load() != nil {
		return err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return s.late()
	}
	e, ok := errors.AsType[*wire.BMPFrameError](err)
	if !ok {
		return err
	}
	if err := s.dead(ctx, badFraming, e.Raw, err); err != nil {
		return err
	}
	switch what := p.foreign(); {
	case errors.Is(err, wire.ErrTruncated) && s.stream == nil:
		return &refusal{
			refusedFirst,
			fmt.Errorf("the connection ended within its first message, after %d octets",
				s.reader.Offset()+int64(s.reader.Held())),
		}
	case errors.Is(err, wire.ErrTruncated):
		return fmt.Errorf("the connection ended within a message, at octet %d", e.Offset)
	case errors.Is(err, wire.ErrBMPVersion) && e.Offset == 0 && what != "":
		return &refusal{refusedVersion, errors.New(what)}
	case errors.Is(err, wire.ErrBMPVersion):
		return &refusal{refusedVersion, fmt.Errorf("at octet %d: %w", e.Offset, e.Err)}
	}
	return &refusal{
		refusedFraming,
		fmt.Errorf("at octet %d: %w: a message has at least %d octets and at most %d MiB", e.Offset, e.Err,
			wire.BMPHeaderLength, wire.MaxBMPMessage>>20),
	}
}

// late names the time limit that was exceeded.
func (s *session) late() error {
	switch {
	case s.stream == nil:
		return &refusal{
			refusedFirst,
			fmt.Errorf("no whole first message within %v (initiation_timeout)", s.st.cfg.InitiationTimeout),
		}
	case s.reader.Held() > 0:
		return &refusal{
			refusedFraming,
			fmt.Errorf("a message did not come to its end within %v (message_timeout), at octet %d",
				s.st.cfg.MessageTimeout, s.reader.Offset()),
		}
	}
	return fmt.Errorf("the router sent nothing for %v (idle_timeout)", s.st.cfg.IdleTimeout)
}

// dead keeps a message that could not be decoded as a dead letter.
func (s *session) dead(ctx context.Context, reason string, raw []byte, err error) error {
	return emitted(s.st.d.Streams.DeadLetter(ctx, stream.DeadLetter{
		Collector: s.collector, Origin: s.remote.String(), Offset: int64(s.messages), Raw: raw,
		Reason: reason, Err: err,
	}))
}

// open takes the collector's seat for the session. The session has received a valid message.
func (s *session) open(ctx context.Context) error {
	s.seat.mu.Lock()
	defer s.seat.mu.Unlock()
	if s.why.Load() != nil {
		return errStopping
	}
	if old := s.seat.current; old != nil {
		old.end(errReplaced)
	}
	st, err := s.st.d.Streams.Open(ctx, s.collector, stream.Options{
		Source: "bmp", Clock: stream.Own, Reset: true,
	})
	if err != nil {
		return emitted(err)
	}
	s.stream, s.seat.current = st, s
	s.st.came()
	return emitted(st.Up(ctx))
}

// label makes text from a router safe for a log: valid UTF-8, at most 128 octets, without control
// characters.
func label(text string) string {
	const most = 128
	text = strings.ToValidUTF8(text, "?")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.TrimSpace(text))
}
