package clickhouse

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/telemetry"
)

// DoorConfig is a fixed address of the embedded engine for other programs on this machine, such as
// Grafana. They have read access only.
type DoorConfig struct {
	// Its address. Empty is no door.
	Listen string `yaml:"listen" want:"a loopback address and a port such as 127.0.0.1:8123"`
	// The name that programs log in with. They have the rights of the embedded engine's reader.
	User string `yaml:"user" want:"a name without spaces and colons"`
	// The password that programs log in with.
	Password config.Secret `yaml:"password"`
}

// ErrNotConfined means that the kernel does not deny the engine access to the files of its user.
// Other programs must not reach such an engine.
var ErrNotConfined = errors.New(
	"the kernel has no Landlock, so that a statement could read every file of this user: the door stays closed")

// Faults returns the faults that tags of the fields cannot express.
func (c DoorConfig) Faults() []config.Fault {
	if c == (DoorConfig{}) {
		return nil
	}
	var faults []config.Fault
	if addr, err := netip.ParseAddrPort(c.Listen); err != nil || !addr.Addr().IsLoopback() || addr.Port() == 0 {
		faults = append(faults, config.Fault{Key: "listen", Value: c.Listen})
	}
	if c.User == "" || strings.ContainsAny(c.User, ": \t\r\n") {
		faults = append(faults, config.Fault{Key: "user", Value: c.User})
	}
	if c.Password == (config.Secret{}) {
		faults = append(faults, config.Fault{Key: "password", Value: "", Want: "file or env beside listen"})
	}
	return faults
}

// DoorAddress is the address of a door and its user.
type DoorAddress struct {
	Address string `json:"address"`
	User    string `json:"user"`
	// PasswordFile or PasswordEnv is the source of the password: the first line of a file, or an
	// environment variable.
	PasswordFile string `json:"password_file,omitempty"`
	PasswordEnv  string `json:"password_env,omitempty"`
}

const (
	// doorConnections caps the concurrent connections. Further connections wait to be accepted.
	doorConnections = 64
	// doorHeaderBytes caps the header of a request. A GET carries its statement there.
	doorHeaderBytes = 64 << 10
	// doorBodyBytes caps the body of a request: a statement, or a small table for it.
	doorBodyBytes = 16 << 20
	// doorAnswerLimit caps the time of a request. It exceeds the limit on the reader's statements.
	doorAnswerLimit = 11 * time.Minute
)

// Door forwards requests with its user and password to the embedded engine, as the engine's reader.
// It is safe for concurrent use.
type Door struct {
	listener net.Listener
	server   *http.Server
	address  DoorAddress
	idle     func()
}

// OpenDoor opens the listener; Run serves. It fails with ErrNotConfined if a reader could read more
// than the store.
func OpenDoor(ctx context.Context, cfg DoorConfig, s Server, log *slog.Logger) (*Door, error) {
	if !s.Confined {
		return nil, fmt.Errorf("opening clickhouse.door: %w", ErrNotConfined)
	}
	password, err := cfg.Password.Read()
	if err == nil && password == "" {
		err = errors.New("is empty")
	}
	if err != nil {
		return nil, fmt.Errorf("opening clickhouse.door: password: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("opening clickhouse.door: %w", err)
	}
	reader := s.AsReader()
	transport := reader.Transport()
	d := &Door{
		listener: netutil.LimitListener(l, doorConnections), idle: transport.CloseIdleConnections,
		address: DoorAddress{Address: l.Addr().String(), User: cfg.User, PasswordEnv: cfg.Password.Env},
	}
	if cfg.Password.File != "" {
		if d.address.PasswordFile, err = filepath.Abs(cfg.Password.File); err != nil {
			return nil, errors.Join(fmt.Errorf("opening clickhouse.door: password: %w", err), l.Close())
		}
	}
	d.server = &http.Server{
		Handler: guard{user: digest(cfg.User), password: digest(password), next: passOn(reader, transport, log)},
		// The server ends a statement that runs longer than the read deadline, so that deadline is
		// the same as the write deadline.
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: doorAnswerLimit, WriteTimeout: doorAnswerLimit,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: doorHeaderBytes, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return d, nil
}

// Address returns the address of the door.
func (d *Door) Address() DoorAddress { return d.address }

// Run serves until ctx ends. Running statements end then.
func (d *Door) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(d.listener) }() // ends with Close below
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		err = d.server.Close()
		if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
	}
	d.idle()
	if err != nil {
		return fmt.Errorf("serving clickhouse.door: %w", err)
	}
	return nil
}

// passOn forwards requests to the engine as its reader. It removes all parts of a request that
// could select another user.
func passOn(reader Server, transport http.RoundTripper, log *slog.Logger) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			q := r.Out.URL.Query()
			for _, name := range []string{"user", "password", "add_http_cors_header"} {
				q.Del(name)
			}
			base := reader.BaseURL()
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.RawQuery, r.Out.Host = base.Scheme, base.Host, q.Encode(), ""
			for name := range r.Out.Header {
				lower := strings.ToLower(name)
				if lower == "origin" || lower == "cookie" || lower == "referer" ||
					strings.HasPrefix(lower, "x-clickhouse-") && !slices.Contains(passed, lower) {
					r.Out.Header.Del(name)
				}
			}
			reader.Authorize(r.Out.Header)
		},
		Transport:     transport,
		FlushInterval: -1, // sends output of a statement at once
		ModifyResponse: func(resp *http.Response) error {
			for name := range resp.Header {
				if strings.HasPrefix(strings.ToLower(name), "access-control-") {
					resp.Header.Del(name)
				}
			}
			return nil
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				http.Error(w, fmt.Sprintf("the statement is longer than %d octets", doorBodyBytes),
					http.StatusRequestEntityTooLarge)
				return
			}
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
}

// passed lists the headers of the engine that a client may set.
var passed = []string{"x-clickhouse-database", "x-clickhouse-format", "x-clickhouse-progress"}

// guard admits requests with the right user and password. It rejects requests of a web page of
// another origin.
type guard struct {
	user, password [sha256.Size]byte
	next           http.Handler
}

func digest(text string) [sha256.Size]byte { return sha256.Sum256([]byte(text)) }

// ServeHTTP checks the request and forwards it.
func (g guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, malformed := url.ParseQuery(r.URL.RawQuery)
	switch {
	case !telemetry.LoopbackHost(r.Host): // a web page may use a name of its own
		turnAway(w, "this server is asked for by a loopback address or localhost", http.StatusMisdirectedRequest)
	case !slices.Contains([]string{"", "none", "same-origin"}, r.Header.Get("Sec-Fetch-Site")):
		turnAway(w, "pages of other origins are not answered", http.StatusForbidden)
	case r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, POST")
		turnAway(w, "want GET or POST", http.StatusMethodNotAllowed)
	case malformed != nil:
		turnAway(w, "the address has a query that cannot be read", http.StatusBadRequest)
	case !g.knows(r):
		w.Header().Set("WWW-Authenticate", `Basic realm="darkmap"`)
		turnAway(w, "wrong user or password (clickhouse.door in the configuration)", http.StatusUnauthorized)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, doorBodyBytes)
		g.next.ServeHTTP(w, r)
	}
}

// refusedBodyLimit caps the wait for the body of a rejected request.
const refusedBodyLimit = time.Second

// turnAway rejects a request. The server reads the body before it sends the answer, so turnAway
// sets a short deadline for the body: a stranger must not occupy a connection for doorAnswerLimit.
func turnAway(w http.ResponseWriter, text string, status int) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedBodyLimit))
	http.Error(w, text, status)
}

// knows reports whether the request has the user and the password, in ClickHouse's headers or in
// Basic authentication.
func (g guard) knows(r *http.Request) bool {
	user, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	if user == "" && password == "" {
		user, password, _ = r.BasicAuth()
	}
	u, p := digest(user), digest(password)
	return subtle.ConstantTimeCompare(u[:], g.user[:])&subtle.ConstantTimeCompare(p[:], g.password[:]) == 1
}
