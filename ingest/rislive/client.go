package rislive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// Deps holds the dependencies of a Client.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer // nil: no metrics
	// Streams has the streams that receive the messages.
	Streams *stream.Set
	// Dial opens network connections. nil selects net.Dialer.DialContext.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Version and Instance identify the client to the service: client=darkmap-<version>-<instance>.
	Version, Instance string
}

// Client follows RIS Live. New creates it.
type Client struct {
	cfg        Config
	d          Deps
	collectors []string
	url        string
	address    string // the URL's host, for messages
	http       *http.Client
	metrics    metrics
	merger     *merger
	limited    *telemetry.Limited
	links      []*link
	wake       chan struct{} // holds one value after wanted has changed

	mu     sync.Mutex
	wanted map[string]bool
}

// New checks cfg and allocates the Client. It starts nothing, and owns no collector yet.
func New(cfg Config, d Deps) (*Client, error) {
	if err := config.Validate(&cfg); err != nil {
		return nil, err
	}
	full, err := address(cfg.URL, d.Version, d.Instance)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("reading the URL of RIS Live: %w", err)
	}
	c := &Client{
		cfg: cfg, d: d, url: full, address: u.Host, http: httpClient(d.Dial), metrics: newMetrics(d.Registerer),
		limited: telemetry.NewLimited(d.Log, 10*time.Second, 3), wake: make(chan struct{}, 1),
		wanted: map[string]bool{},
	}
	for _, name := range cfg.Collectors {
		one, err := canonical(name)
		if err != nil {
			return nil, err
		}
		c.collectors = append(c.collectors, one)
	}
	slices.Sort(c.collectors)
	c.collectors = slices.Compact(c.collectors)
	c.merger = newMerger(&c.cfg, d.Streams, d.Log, c.metrics)
	for n := range cfg.Connections {
		c.links = append(c.links, &link{
			c: c, n: n, wake: make(chan struct{}, 1), reason: errors.New("not tried yet"),
		})
	}
	return c, nil
}

// Collectors returns the configured collectors by their canonical names, in order.
func (c *Client) Collectors() []string { return slices.Clone(c.collectors) }

// Own sets the collectors that this process follows from now on. The Client stops following all
// others. Own returns at once, and may be called from any goroutine at any time. It ignores names
// that are not RIS collectors.
func (c *Client) Own(collectors []string) {
	wanted := map[string]bool{}
	for _, name := range collectors {
		if one, err := canonical(name); err == nil {
			wanted[one] = true
		}
	}
	c.mu.Lock()
	c.wanted = wanted
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Ready returns nil while at least one connection is up, or no collector is owned. Otherwise the
// error has the reason why no connection is up.
func (c *Client) Ready() error {
	c.mu.Lock()
	n := len(c.wanted)
	c.mu.Unlock()
	if n == 0 {
		return nil
	}
	var reasons []error
	for _, l := range c.links {
		err := l.state()
		if err == nil {
			return nil
		}
		reasons = append(reasons, err)
	}
	return fmt.Errorf("rislive: no connection: %w", reasons[len(reasons)-1])
}

// Run follows the owned collectors until ctx ends, then returns nil. The error is the producer's.
func (c *Client) Run(ctx context.Context) error {
	g, running := errgroup.WithContext(ctx)
	for _, l := range c.links {
		g.Go(func() error { return l.run(running) })
	}
	g.Go(func() error { return c.manage(running) })
	err := g.Wait()
	c.http.CloseIdleConnections()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// manage opens and closes streams when the owned collectors change, and checks the connections,
// until ctx ends.
func (c *Client) manage(ctx context.Context) error {
	t := time.NewTicker(c.cfg.period())
	defer t.Stop()
	owned := map[string]bool{}
	defer func() {
		for name := range owned {
			c.leave(name)
		}
	}()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
			err = c.own(ctx, owned)
		case <-t.C:
			err = c.merger.checkHealth(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// own adjusts owned to the wanted collectors.
func (c *Client) own(ctx context.Context, owned map[string]bool) error {
	c.mu.Lock()
	wanted := c.wanted
	c.mu.Unlock()
	for name := range owned {
		if !wanted[name] {
			delete(owned, name)
			c.leave(name)
		}
	}
	for name := range wanted {
		if owned[name] {
			continue
		}
		s, err := c.d.Streams.Open(ctx, name, stream.Options{
			Source: "rislive", Clock: stream.Delayed, Archived: true,
		})
		if err != nil {
			return err
		}
		owned[name] = true
		c.merger.add(s)
	}
	for _, l := range c.links {
		l.changed()
	}
	return nil
}

func (c *Client) leave(name string) {
	if s := c.merger.remove(name); s != nil {
		s.Close()
	}
}
