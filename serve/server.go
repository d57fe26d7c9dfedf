package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"github.com/darkmap/darkmap/internal/retry"
	"github.com/darkmap/darkmap/internal/telemetry"
	"github.com/darkmap/darkmap/serve/access"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
)

const (
	// maxConnections bounds the connections at a time. Further ones wait to be accepted.
	maxConnections = 4096
	// maxHeaderBytes bounds a request's header, and maxBodyBytes its body.
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	// answerWithin bounds the making of an answer that is not a stream. writeWithin bounds the time
	// in which the client must read it.
	answerWithin = 10 * time.Second
	writeWithin  = 30 * time.Second
	// bindEvery is the interval at which Run tries again to bind an address that is taken.
	bindEvery = 5 * time.Second
)

// Options holds the inputs of a Server beside its configuration.
type Options struct {
	// Key is a further key that grants access. Empty means none.
	Key string
	// Drain bounds the time in which requests must end when the server ends.
	Drain      time.Duration
	Log        *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Bound is called with the URL of the server once it listens. It may be nil.
	Bound func(url string)
	// Taken is called once if the address cannot be bound. The server then tries again until it
	// can, and is ready meanwhile. If Taken is nil, Run fails instead.
	Taken func(error)
}

// Server answers HTTP, and runs the present from which it answers. It is a stage (runner.Stage).
type Server struct {
	cfg     Config
	present *live.Present
	history *history.Store
	opt     Options
	gate    *access.Gate
	limits  *limiter
	metrics *metrics
	kept    *keeper
	http    *http.Server
	drain   func()        // closes drained; may be called more than once
	drained chan struct{} // closed when the server drains; streams end then

	mu    sync.Mutex // guards state
	state error      // why the server is not ready
}

// New makes a server of parts. It does not listen yet.
func New(cfg Config, deps *Deps, opt Options, parts ...Part) (*Server, error) {
	keys := []string{opt.Key}
	for i, k := range cfg.Keys {
		key, err := k.Read()
		if err != nil {
			return nil, fmt.Errorf("serve.keys[%d]: %w", i, err)
		}
		if key == "" {
			return nil, fmt.Errorf("serve.keys[%d]: is empty", i)
		}
		keys = append(keys, key)
	}
	s := &Server{
		cfg: cfg, present: deps.Present, history: deps.History, opt: opt,
		metrics: newMetrics(opt.Registerer), kept: newKeeper(),
		state: errors.New("it does not listen yet"), limits: newLimiter(cfg.Limits, opt.Now),
		gate: access.New(access.Policy{
			Public: cfg.Public, Loopback: telemetry.LoopbackHost(cfg.Listen), Keys: keys,
			Proxies: networks(cfg.TrustedProxies), UserHeader: cfg.UserHeader,
		}, opt.Now),
	}
	deps.Base, _ = cfg.base()
	deps.PublicURL = cfg.PublicURL
	handler, err := s.handler(deps, parts)
	if err != nil {
		return nil, err
	}
	s.drained = make(chan struct{})
	s.drain = sync.OnceFunc(func() { close(s.drained) })
	s.http = &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: writeWithin, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:     slog.NewLogLogger(opt.Log.Handler(), slog.LevelDebug),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	return s, nil
}

// handler puts the doors before the routes.
func (s *Server) handler(deps *Deps, parts []Part) (http.Handler, error) {
	mux := http.NewServeMux()
	routes := s.login(deps)
	for _, p := range parts {
		routes = append(routes, p.Routes(deps)...)
	}
	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.SuffixETag(gzipSuffix))
	if err != nil {
		return nil, fmt.Errorf("preparing compression: %w", err)
	}
	for _, r := range routes {
		mux.Handle(r.Pattern, s.route(r, zip))
	}
	return s.doors(mux), nil
}

// doors returns the handler that every request passes: metrics, headers, the requested name, the
// base path and the viewer.
func (s *Server) doors(mux *http.ServeMux) http.Handler {
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.headers(w)
		if !s.knowsHost(r.Host) {
			s.metrics.refused.WithLabelValues(refusedHost).Inc()
			Refuse(w, r, http.StatusMisdirectedRequest,
				"This server is not called "+fmt.Sprintf("%.60q", hostOf(r.Host))+
					". Ask for it by a name of loopback, by that in serve.public_url, or by one in serve.hosts.")
			return
		}
		r = s.withoutBase(r)
		if to := clean(r.URL); to != "" {
			base, _ := s.cfg.base()
			http.Redirect(w, r, base+to, http.StatusTemporaryRedirect) //nolint:gosec // a path of this host alone
			return
		}
		viewer := s.gate.Look(r)
		r = r.WithContext(access.With(r.Context(), viewer))
		h, pattern := mux.Handler(r)
		if pattern == "" {
			s.unknown(w, r, h)
			return
		}
		mux.ServeHTTP(w, r)
	})
	return s.metrics.count(http.MaxBytesHandler(next, maxBodyBytes))
}

// unknown answers for paths without a route. h is the handler with the answer of net/http: 404 or
// 405.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request, h http.Handler) {
	if !s.admit(w, r, Route{Form: formOf(r)}) {
		return
	}
	probe := &statusOnly{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if allow := probe.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	if probe.status == http.StatusMethodNotAllowed {
		Refuse(w, r, http.StatusMethodNotAllowed, "This path does not take "+fmt.Sprintf("%.20q", r.Method)+".")
		return
	}
	Refuse(w, r, http.StatusNotFound, "There is nothing at this path.")
}

// clean returns the target of a path with //, /./ or /../ in it, with the query. It returns "" for
// any other path. net/http redirects to the same target, but without the base path.
func clean(u *url.URL) string {
	escaped := u.EscapedPath()
	to := path.Clean("/" + escaped)
	if strings.HasSuffix(escaped, "/") && to != "/" {
		to += "/"
	}
	if to == escaped {
		return ""
	}
	if u.RawQuery != "" {
		to += "?" + u.RawQuery
	}
	return to
}

// statusOnly records the status and header of an answer of net/http.
type statusOnly struct {
	header http.Header
	status int
}

func (p *statusOnly) Header() http.Header         { return p.header }
func (p *statusOnly) WriteHeader(status int)      { p.status = status }
func (p *statusOnly) Write(b []byte) (int, error) { return len(b), nil }

// route puts the doors before one route that depend on the route: access, limits and deadline.
func (s *Server) route(rt Route, zip func(http.Handler) http.HandlerFunc) http.Handler {
	h := rt.Handler
	if !rt.Stream {
		h = zip(s.kept.wrap(h))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(context.WithValue(r.Context(), formKey{}, rt.Form))
		if !s.admit(w, r, rt) {
			return
		}
		done, ok := s.limits.enter(Viewer(r).Client, rt.Stream)
		if !ok {
			s.tooMany(w, r)
			return
		}
		defer done()
		if rt.Stream {
			ctx, cancel := context.WithCancel(r.Context())
			defer cancel()
			go func() { // ends with the stream
				select {
				case <-s.drained:
					cancel()
				case <-ctx.Done():
				}
			}()
			s.metrics.streams.Inc()
			defer s.metrics.streams.Dec()
			h.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), answerWithin)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// knowsHost reports whether a Host header means this server.
func (s *Server) knowsHost(header string) bool {
	host := hostOf(header)
	return telemetry.LoopbackHost(host) ||
		s.cfg.PublicURL != "" && strings.EqualFold(host, s.cfg.publicHost()) ||
		slices.ContainsFunc(s.cfg.Hosts, func(name string) bool { return sameHost(name, host) })
}

// sameHost compares names without regard to case, and addresses by value.
func sameHost(a, b string) bool {
	x, err1 := netip.ParseAddr(a)
	y, err2 := netip.ParseAddr(b)
	return err1 == nil && err2 == nil && x == y ||
		strings.EqualFold(strings.TrimSuffix(a, "."), strings.TrimSuffix(b, "."))
}

// withoutBase removes the path of public_url from the start of a request's path. A proxy may pass
// that path on or remove it.
func (s *Server) withoutBase(r *http.Request) *http.Request {
	escaped, base := s.cfg.base()
	if base == "" || r.URL.Path != base && !strings.HasPrefix(r.URL.Path, base+"/") {
		return r
	}
	out := r.Clone(r.Context())
	out.URL.Path, out.URL.RawPath = strings.TrimPrefix(r.URL.Path, base),
		strings.TrimPrefix(r.URL.RawPath, escaped)
	if out.URL.Path == "" {
		out.URL.Path, out.URL.RawPath = "/", ""
	}
	return out
}

// Ready returns nil while the server listens and the present is known. Otherwise the error names
// the missing part. With Options.Taken it always returns nil, since the process works without
// pages.
func (s *Server) Ready() error {
	if s.opt.Taken != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.state, s.present.Ready())
}

func (s *Server) setState(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = err
}

// Run serves until ctx ends, then gives requests Options.Drain to end. Streams end at once.
func (s *Server) Run(ctx context.Context) error {
	defer s.drain()
	reading, stop := context.WithCancel(ctx)
	read := make(chan error, 1)
	go func() { read <- s.present.Run(reading) }() // ends with reading
	var watch sync.WaitGroup
	watch.Go(func() { s.history.Watch(reading) }) // ends with reading
	err := s.serve(ctx)
	stop()
	watch.Wait()
	return errors.Join(err, <-read)
}

// serve is Run without the present.
func (s *Server) serve(ctx context.Context) error {
	l, err := s.listen(ctx)
	if err != nil || l == nil {
		return err
	}
	s.setState(nil)
	if s.opt.Bound != nil {
		s.opt.Bound("http://" + reachable(l.Addr()))
	}
	served := make(chan error, 1)
	// The goroutine ends with Shutdown or Close below.
	go func() { served <- s.http.Serve(netutil.LimitListener(l, maxConnections)) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving pages: %w", err)
	case <-ctx.Done():
	}
	s.setState(errors.New("it ends"))
	s.drain()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opt.Drain)
	defer cancel()
	if err = s.http.Shutdown(stop); err != nil {
		s.opt.Log.Warn("requests were cut off at the end", "err", err)
		err = s.http.Close()
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// listen binds the address. If the address is taken and Options.Taken is set, it tries again until
// ctx ends, and then returns nil.
func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	var lc net.ListenConfig
	for told := false; ; told = true {
		l, err := lc.Listen(ctx, "tcp", s.cfg.Listen)
		if err == nil {
			return l, nil
		}
		err = fmt.Errorf("listening for pages: %w (serve.listen names another address)", err)
		if s.opt.Taken == nil {
			return nil, err
		}
		s.setState(err)
		if !told {
			s.opt.Taken(err)
		}
		if retry.Sleep(ctx, bindEvery) != nil {
			return nil, nil //nolint:nilnil // told to end
		}
	}
}

// reachable returns the address at which programs of this machine reach a. It replaces an
// unspecified address by that of loopback.
func reachable(a net.Addr) string {
	addr, err := netip.ParseAddrPort(a.String())
	switch {
	case err != nil || !addr.Addr().IsUnspecified():
		return a.String()
	case addr.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port()).String()
}
