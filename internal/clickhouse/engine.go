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
	// ErrNoEngine says that this build or platform has no embedded ClickHouse.
	ErrNoEngine = errors.New("this build has no embedded ClickHouse: configure clickhouse.addresses, or build with `make build` on linux/amd64")
	// ErrInUse says that another engine works on the folder.
	ErrInUse = errors.New("another instance uses this folder")
	// ErrGaveUp says that the engine ended again and again, and is not started any more.
	ErrGaveUp = errors.New("the embedded ClickHouse ends again and again")
)

// The engine's users and how long things may take.
const (
	writerUser = "writer"
	readerUser = "reader"
	// startLimit is for the child to answer; on an idle machine it takes 0.2 to 0.4 s.
	startLimit = 60 * time.Second
	// inUseLimit is how long a dying predecessor is waited for.
	inUseLimit = 6 * time.Second
	// remindEvery is how often the log repeats that the engine is down.
	remindEvery = time.Minute
)

// EngineConfig says where and how the engine works.
type EngineConfig struct {
	// Dir holds everything of the engine; created if missing, closed to other users.
	Dir string
	// Library is the path of libchdb.so (internal/fetch).
	Library string
	// Database is what Server names, and what its users may use; default darkmap. It is created by
	// Migrate.
	Database string
	// MemoryBytes bounds what the server may allocate; 0 is 1.5 GB.
	MemoryBytes int64
	// SharedNetwork leaves the engine in this program's network namespace, as on a kernel that
	// allows no other.
	SharedNetwork bool
	// NativePort is a port of loopback for the native protocol, with SharedNetwork only; 0 is none.
	// Tests have it stand in for a server that others run.
	NativePort int
	// GiveUpAfter is after how many ends in a row, none after a minute of service, the engine is
	// not started again; 0 is never.
	GiveUpAfter int
	// Log is told of the engine's ends and starts; nil is none.
	Log *slog.Logger
}

// Engine is an embedded ClickHouse. When its process ends it is started again, with the same
// Server, until Close. It is safe for concurrent use.
type Engine struct {
	cfg    EngineConfig
	server Server
	lock   io.Closer
	stop   context.CancelFunc // ends supervise
	// done is closed when supervise has ended; err and unlockErr are set before.
	done           chan struct{}
	err, unlockErr error

	mu    sync.Mutex
	child *child      // the last one; guarded by mu
	state EngineState // guarded by mu
}

// StartEngine starts the engine and waits until it answers. A folder whose engine is just ending is
// waited for; one in use gives ErrInUse. The context bounds the start only: Close ends the engine.
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

// startLocked keeps our own lock as long as the engine lives: without it a second instance would
// overwrite the files of the first. The server has one too, which outlives a killed parent by a
// moment.
func startLocked(ctx context.Context, cfg EngineConfig) (*Engine, error) {
	lock, err := lockFile(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg, lock: lock, done: make(chan struct{}), server: Server{
		Socket: filepath.Join(cfg.Dir, "http.sock"), Key: rand.Text(), Database: cfg.Database, User: writerUser, Password: rand.Text(),
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

// warnShared warns of a child that was to have a network of its own and has none.
func (e *Engine) warnShared(c *child) {
	if c.sharedNetwork != nil {
		e.cfg.Log.Warn("the kernel refuses the embedded ClickHouse a network of its own: its port is on loopback, closed by a key; others can disturb it", "err", c.sharedNetwork)
	}
}

// supervise starts the engine again whenever it has ended.
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
		if c.sharedNetwork == nil { // else the log has it
			e.warnShared(next)
		}
		c = next
		e.cfg.Log.Warn("the embedded ClickHouse is back", "after", time.Since(ended).Round(time.Millisecond).String())
	}
}

// revive starts a new child as often as it takes; why is the end of the last one. It fails when ctx
// ends, or when it gives up.
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

// up notes that a new child serves; why is the end of the last one.
func (e *Engine) up(c *child, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.child = c
	e.state = EngineState{Up: true, Since: time.Now(), Why: why.Error(), Restarts: e.state.Restarts + 1}
	e.save()
}

// down notes why nothing serves; since is zero where that is known.
func (e *Engine) down(why error, since time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if since.IsZero() {
		since = e.state.Since
	}
	e.state = EngineState{Since: since, Why: why.Error(), Restarts: e.state.Restarts}
	e.save()
}

// save writes the state for other processes. mu is held.
func (e *Engine) save() {
	if err := e.state.write(e.cfg.Dir); err != nil {
		e.cfg.Log.Warn("the state of the embedded ClickHouse was not saved", "err", err)
	}
}

// Server says how to connect to the engine; it stays the same over restarts.
func (e *Engine) Server() Server { return e.server }

// Ready is nil while the engine serves; the error says why it does not.
func (e *Engine) Ready() error {
	s := e.State()
	if s.Up {
		return nil
	}
	return fmt.Errorf("the embedded ClickHouse is down since %s: %s", s.Since.UTC().Format("2006-01-02 15:04:05"), s.Why)
}

// State says how the engine is.
func (e *Engine) State() EngineState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// PID is the process id of the engine's child, or of its last one.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child.cmd.Process.Pid
}

// Done is closed when the engine has ended for good, by Close or because it gave up.
func (e *Engine) Done() <-chan struct{} { return e.done }

// Err says why the engine gave up; call it after Done is closed. It is nil after Close.
func (e *Engine) Err() error {
	if errors.Is(e.err, context.Canceled) {
		return nil
	}
	return e.err
}

// Close ends the engine at once and waits for its end. That loses nothing that was acknowledged;
// the server's own shutdown would wait seconds for its clients and write nothing more. It may be
// called more than once.
func (e *Engine) Close() error {
	e.stop()
	<-e.done
	return e.unlockErr
}
