package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/darkmap/darkmap/internal/config"
)

// NewRegistry returns a metrics registry with the metrics of the Go runtime and the process, and
// with darkmap_build_info.
func NewRegistry(version string) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	promauto.With(reg).NewGauge(prometheus.GaugeOpts{
		Name: "darkmap_build_info", Help: "Always 1; the label is the version of the program.",
		ConstLabels: prometheus.Labels{"version": version},
	}).Set(1)
	reg.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// DefaultAdminAddr is the default address of the admin server.
const DefaultAdminAddr = "127.0.0.1:9464"

// adminConnections bounds the connections to the admin server.
const adminConnections = 64

// AdminConfig configures the admin server.
type AdminConfig struct {
	// Addr is host:port; port 0 takes a free port.
	Addr string
	// Gatherer holds the metrics of /metrics.
	Gatherer prometheus.Gatherer
	// Live returns nil while the process's loops turn; it never asks a broker. Ready returns nil
	// while the process does its work; its error is the reason shown. Either may be nil, which
	// counts as success.
	Live, Ready func() error
	// Pprof serves /debug/pprof/, which exposes the program's memory and command line and can slow
	// it down; off by default.
	Pprof bool
	// Handlers are further handlers, by a pattern of net/http.
	Handlers map[string]http.Handler
}

// Admin is the admin server: /livez, /readyz, /metrics and, if configured, /debug/pprof/.
type Admin struct {
	ln  net.Listener
	srv *http.Server
	log *slog.Logger
}

// NewAdmin binds the address. Run serves on it.
func NewAdmin(ctx context.Context, ac AdminConfig, log *slog.Logger) (*Admin, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", ac.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening for administration: %w", err)
	}
	handler := ac.handler()
	if LoopbackHost(ln.Addr().String()) {
		handler = LoopbackOnly(handler)
	}
	return &Admin{ln: netutil.LimitListener(ln, adminConnections), log: log, srv: &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}, nil
}

func (ac AdminConfig) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /livez", health(ac.Live))
	mux.Handle("GET /readyz", health(ac.Ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(ac.Gatherer, promhttp.HandlerOpts{}))
	for pattern, h := range ac.Handlers {
		mux.Handle(pattern, h)
	}
	if !ac.Pprof {
		return mux
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	// --set may hold a URL with a password.
	mux.HandleFunc("GET /debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		line := config.WithoutSecrets(strings.Join(os.Args, "\x00"))
		_, _ = fmt.Fprint(w, line) //nolint:gosec // plain text; the client may be gone
	})
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// health answers 200 and "ok", or 503 and the reason. If the reason is only a WaitingError, it
// answers 200 and the reason.
func health(check func() error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if check != nil {
			if err := check(); err != nil {
				if !onlyWaiting(err) {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				_, _ = fmt.Fprintln(w, config.WithoutSecrets(err.Error())) // the client may be gone
				return
			}
		}
		_, _ = fmt.Fprintln(w, "ok") // the client may be gone
	})
}

// Addr returns host:port for programs on this machine. The unspecified address becomes the loopback
// address.
func (a *Admin) Addr() string {
	addr, err := netip.ParseAddrPort(a.ln.Addr().String())
	switch {
	case err != nil || !addr.Addr().IsUnspecified():
		return a.ln.Addr().String()
	case addr.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port()).String()
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port()).String()
}

// Close frees the address of a server that was not run.
func (a *Admin) Close() error { return a.ln.Close() }

// Run serves until ctx ends, then waits at most a second for open requests.
func (a *Admin) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- a.srv.Serve(a.ln) }() // ends with Shutdown below
	select {
	case err := <-served:
		return fmt.Errorf("serving administration: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := a.srv.Shutdown(stop)
	if err != nil {
		err = a.srv.Close()
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	if err != nil {
		a.log.Warn("admin server did not end cleanly", "err", err)
	}
	return nil
}
