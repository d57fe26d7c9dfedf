package bmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/drain"
	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// perRouter bounds the connections of one address: its session, a newer one, and some that
	// never send a valid message.
	perRouter = 4
	// acceptAgain is the pause after accepting failed, because no descriptors are left.
	acceptAgain = 100 * time.Millisecond
	// linesEvery and linesBurst limit the log lines of one kind.
	linesEvery = time.Second
	linesBurst = 20
	// largeBytes bounds the growth of all sessions' buffers for large messages. BGP's own messages,
	// which are most of BMP, need no growth.
	largeBytes = 32 << 20
)

// Deps holds the dependencies of a Station.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	// Streams receives the routers' messages.
	Streams *stream.Set
	// Drain is the time for the last records of all sessions when the station ends.
	Drain time.Duration
}

// Station accepts routers' BMP sessions. New creates it.
type Station struct {
	cfg     Config
	d       Deps
	routers []router
	tls     *tls.Config // nil: plain TCP
	metrics metrics
	// one limit for each reason, so that one reason does not hide another
	refused map[string]*telemetry.Limited
	news    *telemetry.Limited
	large   *semaphore.Weighted // of largeBytes

	mu       sync.Mutex
	ready    error // nil: the station listens
	addr     net.Addr
	sessions map[*session]struct{}
	ofRouter map[netip.Addr]int
	seats    map[string]*seat
	presence presence
}

// seat is the place of a collector. One session at a time holds it.
type seat struct {
	mu      sync.Mutex // held while a session takes it
	current *session   // guarded by mu
	users   int        // connections of the collector; guarded by the Station's mu
}

// New checks cfg and allocates the Station. It does not listen yet. It reads the certificates, so
// that a missing file is found at the start.
func New(cfg Config, d Deps) (*Station, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	routers, _ := parseRouters(cfg.Routers)
	tc, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	s := &Station{
		cfg: cfg, d: d, routers: routers, tls: tc, metrics: newMetrics(d.Registerer),
		refused: map[string]*telemetry.Limited{},
		news:    telemetry.NewLimited(d.Log, linesEvery, 10*linesBurst),
		large:   semaphore.NewWeighted(largeBytes), ready: errors.New("bmp: the station is not listening yet"),
		sessions: map[*session]struct{}{}, ofRouter: map[netip.Addr]int{}, seats: map[string]*seat{},
		presence: presence{left: map[netip.Prefix]time.Time{}},
	}
	for _, reason := range []string{
		refusedAddress, refusedSessions, refusedRouter, refusedTLS, refusedFirst, refusedVersion, refusedFraming,
		refusedInitiation, refusedLarge, badMessage,
	} {
		s.refused[reason] = telemetry.NewLimited(d.Log, linesEvery, linesBurst)
	}
	if len(routers) == 0 {
		s.ready = nil
	}
	return s, nil
}

// Ready returns nil while at least one router has a session, or if no router is configured. The
// error names the routers that the station waits for.
func (s *Station) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready != nil {
		return s.ready
	}
	if err := s.presence.missing(s.routers); err != nil {
		return telemetry.WaitingError{Err: err}
	}
	return nil
}

// came counts a router's new session.
func (s *Station) came() {
	s.metrics.sessions.Inc()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence.sessions++
}

// went records that a session of the router has ended.
func (s *Station) went(r router) {
	s.metrics.sessions.Dec()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence.sessions--
	s.presence.left[r.prefix] = time.Now()
}

// Addr returns the address that the station listens on. It is nil before that, and without routers.
func (s *Station) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Run accepts routers until ctx ends. Then it ends all sessions, each with a Down. The error is the
// reason why it cannot listen, or the producer's.
func (s *Station) Run(ctx context.Context) error {
	if len(s.routers) == 0 {
		<-ctx.Done()
		return nil
	}
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: s.cfg.KeepaliveInterval, Interval: max(s.cfg.KeepaliveInterval/3, time.Second),
		Count: 3,
	}}
	ln, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
	if err != nil {
		err = fmt.Errorf("bmp: opening the port: %w", err)
		s.note(nil, err)
		return err
	}
	s.note(ln.Addr(), nil)
	s.d.Log.Info("bmp station listens", "address", ln.Addr().String(), "routers", len(s.routers),
		"tls", s.tls != nil)
	return s.serve(ctx, ln)
}

// Drop ends the session of a collector, so that its router connects again and sends its tables
// again. It reports whether there was a session. A nil Station has none.
func (s *Station) Drop(collector string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	seat := s.seats[collector]
	s.mu.Unlock()
	if seat == nil {
		return false
	}
	seat.mu.Lock()
	defer seat.mu.Unlock()
	if seat.current == nil {
		return false
	}
	seat.current.end(errWanted)
	return true
}

// note stores the results of Addr and Ready.
func (s *Station) note(addr net.Addr, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addr, s.ready = addr, err
}

// serve runs sessions until ctx ends or the producer fails.
func (s *Station) serve(ctx context.Context, ln net.Listener) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	// The context of the producer outlives ctx by Drain: a context that ends under a buffered
	// record would end the producer, too.
	produce, cancel := drain.Context(ctx, s.d.Drain)
	defer cancel()
	// closes the connections on which the goroutines below wait
	stop := context.AfterFunc(ctx, func() {
		_ = ln.Close() // the result does not matter: no data is lost
		s.closeAll(errStopping)
	})
	defer stop()
	var sessions sync.WaitGroup
	s.accept(ctx, ln, func(ss *session) {
		sessions.Go(func() { // ends when its connection is closed, by the router or by closeAll
			if err := ss.run(produce); err != nil {
				fail(err)
			}
		})
	})
	sessions.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) &&
		!errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// accept starts a session for each admitted connection until the listener is closed.
func (s *Station) accept(ctx context.Context, ln net.Listener, start func(*session)) {
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			s.metrics.accepted.Inc()
			if ss := s.admit(ctx, conn); ss != nil {
				start(ss)
			}
			continue
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		}
		s.refused[refusedSessions].Warn("cannot accept a router", "err", err)
		_ = retry.Sleep(ctx, acceptAgain) // Accept fails once ctx has ended
	}
}

// admit creates a session for a connection that is allowed. It closes any other connection before
// reading from it.
func (s *Station) admit(ctx context.Context, conn net.Conn) *session {
	remote := netip.AddrPort{}
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		remote = netip.AddrPortFrom(a.AddrPort().Addr().Unmap().WithZone(""), a.AddrPort().Port())
	}
	from := remote.Addr()
	r, ok := find(s.routers, from)
	reason, why := "", ""
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !ok:
		reason, why = refusedAddress, "no router of this address is in ingest.bmp.routers"
	case len(s.sessions) >= s.cfg.MaxSessions:
		reason, why = refusedSessions,
			fmt.Sprintf("there are %d connections already (ingest.bmp.max_sessions)", len(s.sessions))
	case s.ofRouter[from] >= perRouter:
		reason, why = refusedRouter, fmt.Sprintf("there are %d connections from it already", perRouter)
	}
	if reason != "" {
		s.refuse(reason, remote, why)
		discard(conn)
		return nil
	}
	ss := newSession(s, conn, remote, r)
	s.sessions[ss] = struct{}{}
	s.ofRouter[from]++
	if s.seats[ss.collector] == nil {
		s.seats[ss.collector] = &seat{}
	}
	ss.seat = s.seats[ss.collector]
	ss.seat.users++
	if ctx.Err() != nil { // closeAll may have run already
		ss.end(errStopping)
	}
	return ss
}

// refuse counts and logs why the station refuses a connection or ends its session.
func (s *Station) refuse(reason string, remote netip.AddrPort, why string) {
	s.metrics.refused.WithLabelValues(reason).Inc()
	s.refused[reason].Warn("bmp connection refused", "address", remote.String(), "reason", reason, "why", why)
}

// discard closes a connection and drops its unsent data.
func discard(conn net.Conn) {
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // the connection is closed in any case
	}
	_ = conn.Close() // the result does not matter: no data is lost
}

// remove deletes a session that has ended.
func (s *Station) remove(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss)
	from := ss.remote.Addr()
	if s.ofRouter[from]--; s.ofRouter[from] <= 0 {
		delete(s.ofRouter, from)
	}
	if ss.seat.users--; ss.seat.users == 0 {
		delete(s.seats, ss.collector)
	}
}

func (s *Station) closeAll(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		ss.end(why)
	}
}
