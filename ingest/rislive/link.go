package rislive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/darkmap/darkmap/internal/neterror"
	"github.com/darkmap/darkmap/internal/retry"
)

const (
	// readBuffer is the size of the buffer between socket and frames. headerLimit caps the response
	// to the handshake.
	readBuffer  = 64 << 10
	headerLimit = 64 << 10
)

// link keeps one connection to the service.
type link struct {
	c    *Client
	n    int
	wake chan struct{} // holds one value after the feeds have changed

	mu     sync.Mutex // guards the fields below
	reason error      // why the link is not connected; nil: it is connected
	again  time.Time  // time of the next attempt
}

// state returns the reason why the link is not connected, with the time until the next attempt. It
// returns nil while the link is connected.
func (l *link) state() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil {
		return nil
	}
	if wait := time.Until(l.again); wait > 0 {
		return fmt.Errorf("%w; next try in %v", l.reason, max(wait, time.Second).Round(time.Second))
	}
	return l.reason
}

func (l *link) note(reason error, again time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reason, l.again = reason, again
}

// changed wakes the link.
func (l *link) changed() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// fatal is an error of this process, not of the service. It ends the client.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// run connects repeatedly until ctx ends. It returns the producer's error.
func (l *link) run(ctx context.Context) error {
	cfg := &l.c.cfg
	backoff := retry.Backoff{Min: cfg.RetryMin, Max: cfg.RetryMax}
	for {
		lasted, err := l.connect(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if f, ok := errors.AsType[fatal](err); ok {
			return f.error
		}
		if lasted >= cfg.Healthy {
			backoff.Reset()
		}
		wait := backoff.Next()
		l.note(err, time.Now().Add(wait))
		l.c.limited.Warn("no connection to RIS Live", "address", l.c.address, "connection", l.n,
			"lasted", lasted.Round(time.Millisecond).String(),
			"next_try", wait.Round(time.Millisecond).String(), "err", short(err.Error()))
		if retry.Sleep(ctx, wait) != nil {
			return nil
		}
	}
}

// connect connects, and serves the connection until it ends. It returns the duration of the
// connection.
func (l *link) connect(ctx context.Context) (time.Duration, error) {
	ws, err := l.dial(ctx)
	if err != nil {
		l.c.metrics.lost.WithLabelValues("dial").Inc()
		return 0, err
	}
	connected := time.Now()
	conn, drop := context.WithCancelCause(ctx)
	defer drop(nil)
	l.note(nil, time.Time{})
	l.c.merger.connected(l.n, l.c.address, func(why string) { drop(errors.New(why)) })
	var readErr error
	var reader sync.WaitGroup
	reader.Go(func() { // ends with the connection, or conn
		readErr = l.read(ctx, conn, ws)
		drop(readErr)
	})
	err = l.command(conn, ws)
	drop(err)
	reader.Wait()
	_ = ws.CloseNow() // the connection has ended already
	why := context.Cause(conn)
	if f, ok := errors.AsType[fatal](readErr); ok {
		why = f
	}
	reason := "lost"
	if !errors.Is(why, readErr) && !errors.Is(why, err) {
		reason = "given up"
	}
	l.c.metrics.lost.WithLabelValues(reason).Inc()
	if err := l.c.merger.lost(ctx, l.n, "connection lost: "+short(why.Error())); err != nil {
		why = fatal{err}
	}
	return time.Since(connected), why
}

// dial opens a connection. It does not follow redirects.
func (l *link) dial(ctx context.Context) (*websocket.Conn, error) {
	cfg := &l.c.cfg
	ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
	defer cancel()
	o := &websocket.DialOptions{HTTPClient: l.c.http}
	if cfg.Compression {
		o.CompressionMode = websocket.CompressionContextTakeover
	}
	ws, resp, err := websocket.Dial(ctx, l.c.url, o) //nolint:bodyclose // the library's manual: never needed
	if err == nil {
		ws.SetReadLimit(cfg.ReadLimit)
		return ws, nil
	}
	if resp != nil && resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, fmt.Errorf("connecting: redirected to %.200q, which is not followed",
			resp.Header.Get("Location"))
	}
	return nil, fmt.Errorf("connecting: %w", neterror.Explain(err))
}

// httpClient returns the client for the handshake. dial may be nil.
func httpClient(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial,
			Proxy:       http.ProxyFromEnvironment, ReadBufferSize: readBuffer,
			MaxResponseHeaderBytes: headerLimit, ForceAttemptHTTP2: false,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address returns the URL with the client's name in it, as RIPE requests.
func address(base, version, instance string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("reading the URL of RIS Live: %w", err)
	}
	q := u.Query()
	q.Set("client", "darkmap-"+version+"-"+instance)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// read reads until the connection ends. conn bounds reading, and ctx writing to the stream.
func (l *link) read(ctx, conn context.Context, ws *websocket.Conn) error {
	buf := make([]byte, 0, 8<<10)
	for {
		_, r, err := ws.Reader(conn)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if buf, err = readAll(r, buf[:0]); err != nil {
			return fmt.Errorf("reading a message: %w", err)
		}
		if err := l.c.merger.handleFrame(ctx, l.n, buf); err != nil {
			return fatal{err}
		}
		if cap(buf) > 64<<10 {
			buf = make([]byte, 0, 8<<10)
		}
	}
}

// readAll reads a message into buf. The connection's limit bounds its size.
func readAll(r io.Reader, buf []byte) ([]byte, error) {
	for {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf)+512)
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}

// subscription is the data of a subscription to a collector.
type subscription struct {
	Host    string         `json:"host"`
	Options *socketOptions `json:"socketOptions,omitempty"`
}

type socketOptions struct {
	IncludeRaw  bool `json:"includeRaw"`
	Acknowledge bool `json:"acknowledge"`
}

// command sends the needed subscriptions and unsubscriptions, and pings, until conn ends or sending
// fails.
func (l *link) command(conn context.Context, ws *websocket.Conn) error {
	t := time.NewTicker(max(l.c.cfg.SilentTimeout/3, time.Millisecond))
	defer t.Stop()
	have := map[string]bool{}
	for {
		hosts, all := l.c.merger.ask(l.n)
		for _, h := range hosts {
			have[h] = true
			if err := l.send(conn, ws, "ris_subscribe", subscription{h, &socketOptions{true, true}}); err != nil {
				return err
			}
		}
		for h := range have {
			if all[h] {
				continue
			}
			delete(have, h)
			if err := l.send(conn, ws, "ris_unsubscribe", subscription{Host: h}); err != nil {
				return err
			}
		}
		select {
		case <-conn.Done():
			return context.Cause(conn)
		case <-l.wake:
		case <-t.C:
			if err := l.send(conn, ws, "ping", nil); err != nil {
				return err
			}
		}
	}
}

// send sends a command.
func (l *link) send(conn context.Context, ws *websocket.Conn, typ string, data any) error {
	b, err := json.Marshal(struct {
		Type string `json:"type"`
		Data any    `json:"data,omitempty"`
	}{typ, data})
	if err != nil {
		return fatal{fmt.Errorf("encoding %s: %w", typ, err)}
	}
	ctx, cancel := context.WithTimeout(conn, l.c.cfg.DialTimeout)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, b); err != nil {
		return fmt.Errorf("sending %s: %w", typ, err)
	}
	return nil
}
