package clickhouse

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

var (
	// ErrNoEngine says that this build or platform has no embedded ClickHouse.
	ErrNoEngine = errors.New("this build has no embedded ClickHouse: configure clickhouse.addresses, or build with `make build` on linux/amd64")
	// ErrInUse says that another engine works on the folder.
	ErrInUse = errors.New("another instance uses this folder")
)

// The engine's own user and how long things may take.
const (
	engineUser = "app"
	// startLimit is for the child to listen; on an idle machine it takes 0.1 to 0.4 s.
	startLimit = 60 * time.Second
	// inUseLimit is how long a dying predecessor is waited for.
	inUseLimit = 6 * time.Second
)

// EngineConfig says where and how the engine works.
type EngineConfig struct {
	// Dir holds everything of the engine; created if missing.
	Dir string
	// Library is the path of libchdb.so (internal/fetch).
	Library string
	// Database is what Server names; default darkmap. It is created by Migrate.
	Database string
	// MemoryBytes bounds what the server may allocate; 0 is 1.5 GB.
	MemoryBytes int64
}

// Engine is a running embedded ClickHouse. It is safe for concurrent use.
type Engine struct {
	server Server
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *tail
	// done is closed after the child's end; exit is set before.
	done chan struct{}
	exit error
}

// StartEngine starts the engine and waits until it listens on loopback. A folder whose engine is just ending is waited for;
// one in use gives ErrInUse. The context bounds the start only: Close ends the engine.
func StartEngine(ctx context.Context, cfg EngineConfig) (*Engine, error) {
	if !asked.Load() {
		return nil, errors.New("starting the embedded ClickHouse: main (in tests TestMain) does not call RunEngineChild")
	}
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	if cfg.Database == "" {
		cfg.Database = DefaultDatabase
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, fmt.Errorf("finding the engine's library (`darkmap fetch` brings it): %w", err)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	cfg.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the engine's folder: %w", err)
	}
	deadline := time.Now().Add(inUseLimit)
	for {
		e, err := startOnce(ctx, cfg)
		if !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			if err != nil {
				return nil, fmt.Errorf("starting the embedded ClickHouse in %s: %w", cfg.Dir, err)
			}
			return e, nil
		}
		if err := wait(ctx, 200*time.Millisecond); err != nil {
			return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
		}
	}
}

// startOnce keeps our own lock as long as the engine runs: without it a second instance would overwrite the files of the first.
// The server has one too, which outlives a killed parent by a moment.
func startOnce(ctx context.Context, cfg EngineConfig) (*Engine, error) {
	lock, err := lockFile(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	e, ports, err := spawn(cfg, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := e.handshake(ctx, ports); err != nil {
		e.kill()
		return nil, err
	}
	return e, nil
}

// spawn starts the child. From then on its end releases the lock.
func spawn(cfg EngineConfig, lock io.Closer) (e *Engine, ports string, err error) {
	password := rand.Text()
	files, err := writeEngineFiles(cfg, password)
	if err != nil {
		return nil, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("finding the program itself: %w", err)
	}
	// Not CommandContext: the engine outlives the start's context, until Close.
	cmd := exec.Command(self, engineArg, cfg.Library, cfg.Dir) //nolint:gosec,noctx // starts itself
	cmd.Dir = files.data
	cmd.Env = engineEnv()
	cmd.SysProcAttr = ownGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", fmt.Errorf("connecting to the child: %w", err)
	}
	e = &Engine{cmd: cmd, stdin: stdin, stderr: &tail{}, done: make(chan struct{})}
	e.server = Server{Database: cfg.Database, User: engineUser, Password: password, Embedded: true}
	cmd.Stderr = e.stderr // exec copies it in a goroutine that Wait waits for
	if err := cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("starting the child: %w", err)
	}
	go func() { // ends with the child
		e.exit = errors.Join(cmd.Wait(), lock.Close())
		close(e.done)
	}()
	return e, files.ports, nil
}

// handshake waits until the child serves, and tells it so.
func (e *Engine) handshake(ctx context.Context, ports string) error {
	tcp, http, err := e.awaitPorts(ctx, ports)
	if err != nil {
		return err
	}
	// The child may put its signal handlers back now.
	if _, err := io.WriteString(e.stdin, "r"); err != nil {
		return fmt.Errorf("talking to the child: %w", err)
	}
	e.server.Addresses, e.server.HTTPAddress = []string{net.JoinHostPort("127.0.0.1", tcp)}, net.JoinHostPort("127.0.0.1", http)
	return e.awaitReady(ctx)
}

// awaitReady waits until the server answers on both ports, a moment after it has told them, and closes it to those who have
// no password.
func (e *Engine) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := e.server.ask(ctx, "SELECT 1")
		if err == nil {
			if conn, dialErr := new(net.Dialer).DialContext(ctx, "tcp", e.Addr()); dialErr == nil {
				return errors.Join(conn.Close(), e.server.lockDefault(ctx))
			}
		}
		select {
		case <-e.done:
			return e.whyNot()
		default:
		}
		if wait(ctx, 5*time.Millisecond) != nil {
			return fmt.Errorf("waiting for its answer (%v): %w", err, ctx.Err()) //nolint:errorlint // may be nil
		}
	}
}

// lockDefault uses up what the user without a password may ask over the network (usersXML), so that it is refused from then
// on. (SELECT 1 and the like are not counted.)
func (s Server) lockDefault(ctx context.Context) error {
	s.User, s.Password = "default", ""
	var failed error
	for range 20 {
		err := s.ask(ctx, "SELECT 1 FROM numbers(1)")
		if _, refused := errors.AsType[*QueryError](err); refused {
			return nil
		}
		if err != nil { // a connection that a server which is just starting has dropped
			failed = err
			if wait(ctx, 20*time.Millisecond) != nil {
				break
			}
		}
	}
	if failed != nil {
		return failed
	}
	return errors.New("it answers without a password")
}

// ask runs a statement whose answer does not matter.
func (s Server) ask(ctx context.Context, sql string) error {
	body, err := s.HTTP(ctx, Query{SQL: sql})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}

// awaitPorts waits until the child has written the ports that it listens on. Failures show on its standard error only.
func (e *Engine) awaitPorts(ctx context.Context, path string) (tcp, http string, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("it does not listen after %v", startLimit))
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", "", context.Cause(ctx)
		case <-e.done:
			return "", "", e.whyNot()
		case <-tick.C:
		}
		b, err := os.ReadFile(path) //nolint:gosec // our own file
		if errors.Is(err, os.ErrNotExist) || err == nil && !bytes.HasSuffix(b, []byte("\n")) {
			continue
		}
		if err != nil {
			return "", "", fmt.Errorf("reading the ports: %w", err)
		}
		tcp, http, ok := strings.Cut(strings.TrimSpace(string(b)), "\t")
		if !ok {
			return "", "", fmt.Errorf("reading the ports: %q", b)
		}
		return tcp, http, nil
	}
}

// whyNot explains an end before the server listened.
func (e *Engine) whyNot() error {
	said := strings.TrimSpace(e.stderr.String())
	switch {
	case strings.Contains(said, "Code: 76"), strings.Contains(said, "CANNOT_OPEN_FILE") && strings.Contains(said, "lock"):
		return ErrInUse
	case said == "" && e.exit != nil:
		return fmt.Errorf("it ended: %w", e.exit)
	}
	return fmt.Errorf("it ended and said: %s", said)
}

// Server says how to connect to the engine.
func (e *Engine) Server() Server { return e.server }

// Addr is the native protocol's address.
func (e *Engine) Addr() string { return e.server.Addresses[0] }

// DataDir is the server's own folder.
func (e *Engine) DataDir() string { return e.cmd.Dir }

// PID is the child's process id.
func (e *Engine) PID() int { return e.cmd.Process.Pid }

// Done is closed when the engine has ended, by Close or by itself.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err says why the engine ended; call it after Done is closed.
func (e *Engine) Err() error {
	exit := e.exit
	if exit == nil {
		exit = errors.New("exit status 0")
	}
	if said := strings.TrimSpace(e.stderr.String()); said != "" {
		return fmt.Errorf("the embedded ClickHouse ended and said %s: %w", said, exit)
	}
	return fmt.Errorf("the embedded ClickHouse ended: %w", exit)
}

// Close ends the engine at once and waits for its end. That loses nothing that was acknowledged; the server's own shutdown
// would wait seconds for its clients and write nothing more.
func (e *Engine) Close() error {
	e.kill()
	return nil
}

func (e *Engine) kill() {
	_ = e.stdin.Close()
	_ = e.cmd.Process.Kill()
	<-e.done
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte // guarded by mu
}

const tailBytes = 8 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if n := len(t.b) - tailBytes; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}
