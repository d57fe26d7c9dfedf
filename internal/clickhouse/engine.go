package clickhouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/darkmap/darkmap/internal/retry"
)

var (
	// ErrNoEngine means that this build or platform has no embedded ClickHouse.
	ErrNoEngine = errors.New(
		"this build has no embedded ClickHouse: configure clickhouse.addresses, or build with `make build` " +
			"on linux/amd64")
	// ErrInUse means that another engine uses the folder.
	ErrInUse = errors.New("another instance uses this folder")
	// ErrGaveUp means that the engine ended repeatedly and is not restarted any more.
	ErrGaveUp = errors.New("the embedded ClickHouse ends again and again")
)

// Users of the engine, and time limits.
const (
	writerUser = "writer"
	readerUser = "reader"
	// startLimit caps the time until the child answers. On an idle machine it takes 0.2 to 0.4 s.
	startLimit = 60 * time.Second
	// inUseLimit caps the wait for a predecessor that is ending.
	inUseLimit = 6 * time.Second
	// remindEvery is the interval at which the log repeats that the engine is down.
	remindEvery = time.Minute
)

// EngineConfig configures the engine.
type EngineConfig struct {
	// Dir holds all files of the engine. StartEngine creates it, and denies other users access to
	// it.
	Dir string
	// Library is the path of libchdb.so (internal/fetch).
	Library string
	// Database is the database of Server, and the one that its users may use. The default is
	// darkmap. Migrate creates it.
	Database string
	// MemoryBytes caps the memory that the server may allocate; 0 is 1.5 GB.
	MemoryBytes int64
	// SharedNetwork runs the engine in the network namespace of this program, as on a kernel that
	// permits no other.
	SharedNetwork bool
	// NativePort is a loopback port for the native protocol, only with SharedNetwork; 0 is none.
	// Tests use it to make the engine a substitute for an external server.
	NativePort int
	// GiveUpAfter is the number of consecutive ends, none after a minute of service, after which
	// the engine is not restarted; 0 is no limit.
	GiveUpAfter int
	// Log receives the engine's ends and starts; nil is no log.
	Log *slog.Logger
}

// Engine is an embedded ClickHouse. Until Close it restarts its process when it ends, with the same
// Server. It is safe for concurrent use.
type Engine struct {
	cfg    EngineConfig
	server Server
	lock   io.Closer
	stop   context.CancelFunc // ends supervise
	// done is closed when supervise has ended; err and unlockErr are set before.
	done           chan struct{}
	err, unlockErr error

	mu    sync.Mutex
	child *child      // the newest child; guarded by mu
	state EngineState // guarded by mu
}

// StartEngine starts the engine and waits until it answers. If the previous engine of the folder is
// just ending, StartEngine waits for its end. For a folder in use it returns ErrInUse. ctx bounds
// only the start: Close ends the engine.
func StartEngine(ctx context.Context, cfg EngineConfig) (*Engine, error) {
	if !asked.Load() {
		return nil, errors.New(
			"starting the embedded ClickHouse: main (in tests TestMain) does not call RunEngineChild")
	}
	if err := checkPlatform(); err != nil {
		return nil, err
	}
	if cfg.Database == "" {
		cfg.Database = DefaultDatabase
	}
	if cfg.MemoryBytes == 0 {
		cfg.MemoryBytes = defaultEngineMemory
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, fmt.Errorf("finding the engine's library (`darkmap fetch` brings it): %w", err)
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
	}
	cfg.Dir = dir
	if err := closedFolder(dir); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(inUseLimit)
	for {
		e, err := startLocked(ctx, cfg)
		if !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			if err != nil {
				return nil, fmt.Errorf("starting the embedded ClickHouse in %s: %w", cfg.Dir, err)
			}
			return e, nil
		}
		if err := retry.Sleep(ctx, 200*time.Millisecond); err != nil {
			return nil, fmt.Errorf("starting the embedded ClickHouse: %w", err)
		}
	}
}

// startLocked holds a lock of its own while the engine lives. Without it a second instance would
// overwrite the files of the first. The server has a lock too, which a killed parent leaves behind
// for a moment.
func startLocked(ctx context.Context, cfg EngineConfig) (*Engine, error) {
	lock, err := lockFile(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, lock: lock, done: make(chan struct{}), server: Server{
		Socket: filepath.Join(cfg.Dir, "http.sock"), Key: rand.Text(),
		Database: cfg.Database, User: writerUser, Password: rand.Text(),
		Reader: &Login{User: readerUser, Password: rand.Text()}, Embedded: true, Confined: confinable(),
	}}
	c, err := startChild(ctx, cfg, e.server)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if !e.server.Confined {
		cfg.Log.Warn("this kernel has no Landlock: a statement can read every file of this user")
	}
	e.warnShared(c)
	e.child, e.state = c, EngineState{Up: true, Since: time.Now()}
	if err := e.state.write(cfg.Dir); err != nil {
		c.kill()
		return nil, errors.Join(err, lock.Close())
	}
	var life context.Context
	life, e.stop = context.WithCancel(context.WithoutCancel(ctx))
	go e.supervise(life, c) // ends with Close, or when it gives up
	return e, nil
}

// warnShared warns if the kernel refused the child a network of its own.
func (e *Engine) warnShared(c *child) {
	if c.sharedNetwork != nil {
		e.cfg.Log.Warn(
			"the kernel refuses the embedded ClickHouse a network of its own: its port is on loopback, "+
				"closed by a key; others can disturb it",
			"err", c.sharedNetwork)
	}
}

// supervise restarts the engine whenever it ends.
func (e *Engine) supervise(ctx context.Context, c *child) {
	defer func() {
		e.unlockErr = e.lock.Close()
		close(e.done)
	}()
	r := newRestarts()
	for {
		select {
		case <-ctx.Done():
			c.kill()
			return
		case <-c.done:
		}
		ended, why := time.Now(), c.why()
		e.down(why, ended)
		e.cfg.Log.Warn("the embedded ClickHouse has ended and is started again", "why", why.Error())
		next, err := e.revive(ctx, r, ended.Sub(c.started), why)
		if err != nil {
			e.err = err
			return
		}
		e.up(next, why)
		if c.sharedNetwork == nil { // else the log has the warning already
			e.warnShared(next)
		}
		c = next
		e.cfg.Log.Warn("the embedded ClickHouse is back",
			"after", time.Since(ended).Round(time.Millisecond).String())
	}
}

// revive tries to start a new child until it succeeds. why is the reason of the last end. It fails
// when ctx ends, or when it gives up.
func (e *Engine) revive(ctx context.Context, r *restarts, served time.Duration, why error) (*child, error) {
	said := time.Now()
	for {
		pause := r.next(served)
		if e.cfg.GiveUpAfter > 0 && r.ends >= e.cfg.GiveUpAfter {
			return nil, fmt.Errorf("%w: %w", ErrGaveUp, e.Ready())
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return nil, err
		}
		c, err := startChild(ctx, e.cfg, e.server)
		if err == nil {
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		served = 0
		e.down(fmt.Errorf("%w; starting it again: %w", why, err), time.Time{})
		if time.Since(said) >= remindEvery {
			said = time.Now()
			e.cfg.Log.Warn("the embedded ClickHouse cannot be started, trying on", "err", err)
		}
	}
}

// up records that a new child serves. why is the reason of the last end.
func (e *Engine) up(c *child, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child = c
	e.state = EngineState{Up: true, Since: time.Now(), Why: why.Error(), Restarts: e.state.Restarts + 1}
	e.save()
}

// down records the reason why the engine does not serve. A zero since keeps the recorded time.
func (e *Engine) down(why error, since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since.IsZero() {
		since = e.state.Since
	}
	e.state = EngineState{Since: since, Why: why.Error(), Restarts: e.state.Restarts}
	e.save()
}

// save writes the state for other processes. The caller holds mu.
func (e *Engine) save() {
	if err := e.state.write(e.cfg.Dir); err != nil {
		e.cfg.Log.Warn("the state of the embedded ClickHouse was not saved", "err", err)
	}
}

// Server returns the connection data of the engine. It stays the same over restarts.
func (e *Engine) Server() Server { return e.server }

// Ready returns nil while the engine serves, else the reason why it does not.
func (e *Engine) Ready() error {
	s := e.State()
	if s.Up {
		return nil
	}
	return fmt.Errorf("the embedded ClickHouse is down since %s: %s",
		s.Since.UTC().Format("2006-01-02 15:04:05"), s.Why)
}

// State returns the state of the engine.
func (e *Engine) State() EngineState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// PID returns the process id of the engine's newest child.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child.cmd.Process.Pid
}

// Done returns a channel that is closed when the engine has ended permanently, by Close or because
// it gave up.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err returns the reason why the engine gave up. Call it after Done is closed. It is nil after
// Close.
func (e *Engine) Err() error {
	if errors.Is(e.err, context.Canceled) {
		return nil
	}
	return e.err
}

// Close ends the engine at once and waits for its end. It loses nothing that was acknowledged. The
// server's own shutdown would wait seconds for its clients and write nothing more. Close may be
// called more than once.
func (e *Engine) Close() error {
	e.stop()
	<-e.done
	return e.unlockErr
}
