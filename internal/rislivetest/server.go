package rislivetest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/darkmap/darkmap/internal/retry"
)

// Options configure a server.
type Options struct {
	// Collectors is the answer to request_rrc_list. Default rrc00 to rrc26.
	Collectors []string
	// Skew is the maximum delay of one collector's messages on a connection relative to another.
	Skew time.Duration
	// WithoutIDs omits the messages' ids.
	WithoutIDs bool
	// BehindBytes and BehindFor are the limits of a slow client: a connection with more waiting
	// octets for a longer time is closed. Defaults 64 MiB and 5s (the service has 250 MB and 30s).
	BehindBytes int
	BehindFor   time.Duration
	// Pipe is the network of the server, at PipeURL; nil is loopback.
	Pipe *Pipe
}

// Refusal is the treatment of a new connection.
type Refusal uint8

// The refusals.
const (
	// Welcome accepts the connection.
	Welcome Refusal = iota
	// NotThere closes the TCP connection at once.
	NotThere
	// Busy answers 503.
	Busy
	// Redirect answers 302, to another path of the same server.
	Redirect
	// Noise answers with random octets instead of HTTP until the client stops reading.
	Noise
)

// Server imitates RIS Live. Start creates one.
type Server struct {
	// URL is the server's address: ws://127.0.0.1:port/v1/ws/, or PipeURL.
	URL string

	o    Options
	http *http.Server
	seed maphash.Seed
	wait sync.WaitGroup
	stop context.CancelFunc
	ctx  context.Context //nolint:containedctx // the server's life, ended by Close

	mu       sync.Mutex // guards the fields below
	conns    []*Conn
	accepted int
	clients  []string
	refusal  Refusal
	redirect int
	// next holds the faults of the next connections, each the fault of all that follow them.
	next []Fault
	each Fault
}

// Start starts a server on loopback that ends with the test.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s, err := New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// New starts a server on loopback, or on a Pipe. Close ends it.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.BehindBytes == 0 {
		o.BehindBytes, o.BehindFor = 64<<20, 5*time.Second
	}
	if o.Collectors == nil {
		for i := range 27 {
			o.Collectors = append(o.Collectors, fmt.Sprintf("rrc%02d", i))
		}
	}
	l, at, err := o.listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting a RIS Live: %w", err)
	}
	s := &Server{URL: at, o: o, seed: maphash.MakeSeed()}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.http = &http.Server{
		Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, tcpKey{}, c)
		},
	}
	s.wait.Go(func() { _ = s.http.Serve(l) }) // Close ends it
	return s, nil
}

// listen returns the server's listener and URL.
func (o *Options) listen(ctx context.Context) (net.Listener, string, error) {
	if o.Pipe != nil {
		return o.Pipe, PipeURL, nil
	}
	var listener net.ListenConfig
	l, err := listener.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	return l, "ws://" + l.Addr().String() + "/v1/ws/", nil
}

// tcpKey is the key of a request's TCP connection.
type tcpKey struct{}

// Close ends all connections and waits for them.
func (s *Server) Close() {
	s.stop()
	_ = s.http.Close() // closes the listeners
	for _, c := range s.Conns() {
		c.cut()
	}
	s.wait.Wait()
}

// Conns lists the open connections in the order in which they were accepted.
func (s *Server) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.conns)
}

// Accepted returns the number of connections accepted so far.
func (s *Server) Accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// Redirected returns the number of requests that followed a Redirect.
func (s *Server) Redirected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.redirect
}

// Clients returns the names that clients gave in the URL.
func (s *Server) Clients() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.clients)
}

// Refuse sets the treatment of new connections from now on.
func (s *Server) Refuse(r Refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = r
}

// BreakNext breaks each of the next connections once it has subscribed, with one of the faults
// each.
func (s *Server) BreakNext(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, faults...)
}

// Turn makes the server hostile to every connection from now on. The zero value makes it friendly.
func (s *Server) Turn(h Hostility) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.each = h.Refusal, h.Fault
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	refusal := s.refusal
	if r.URL.Path == "/elsewhere" {
		s.redirect++
	}
	s.mu.Unlock()
	tcp, ok := r.Context().Value(tcpKey{}).(net.Conn)
	if !ok {
		return
	}
	switch refusal {
	case NotThere:
		_ = tcp.Close()
		return
	case Busy:
		http.Error(w, "try again later", http.StatusServiceUnavailable)
		return
	case Redirect:
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
		return
	case Noise:
		noise(s.ctx, tcp)
		return
	case Welcome:
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		CompressionMode: websocket.CompressionContextTakeover, InsecureSkipVerify: true,
	})
	if err != nil {
		return
	}
	ws.SetReadLimit(1 << 20)
	c := newConn(s, ws, tcp)
	c.deflate = strings.Contains(r.Header.Get("Sec-Websocket-Extensions"), "permessage-deflate")
	s.join(c, r.URL.Query().Get("client"))
}

// join serves a connection until it ends.
func (s *Server) join(c *Conn, client string) {
	s.mu.Lock()
	s.conns = append(s.conns, c)
	s.accepted++
	s.clients = append(s.clients, client)
	if c.later = s.each; len(s.next) > 0 {
		c.later, s.next = s.next[0], s.next[1:]
	}
	s.mu.Unlock()
	s.wait.Go(func() {
		c.write(s.ctx) // until the connection is closed
		c.cut()
	})
	c.read(s.ctx)
	c.cut()
	s.mu.Lock()
	s.conns = slices.DeleteFunc(s.conns, func(o *Conn) bool { return o == c })
	s.mu.Unlock()
}

// Play plays a schedule, factor times as fast, from start on. It returns after the last message, or
// when ctx ends, with its error.
func (s *Server) Play(ctx context.Context, sched *Schedule, start time.Time, factor float64) error {
	r := renderer{withoutID: s.o.WithoutIDs}
	for i := range sched.Events {
		e := &sched.Events[i]
		t := start.Add(time.Duration(float64(e.At) / factor))
		m := r.render(e, t)
		if wait := time.Until(t); wait > time.Millisecond {
			if err := retry.Sleep(ctx, wait); err != nil {
				return err
			}
		}
		s.send(m)
	}
	return nil
}

// send queues a message on all connections.
func (s *Server) send(m *message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.push(m)
	}
}

func (s *Server) await(ctx context.Context, done func() bool) error {
	t := time.NewTicker(time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
			return errors.New("the server is closed")
		case <-t.C:
		}
	}
	return nil
}

// subscribers counts the connections with a subscription.
func (s *Server) subscribers() (n int) {
	for _, c := range s.Conns() {
		if c.Subscriptions() > 0 {
			n++
		}
	}
	return n
}
