package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
)

const (
	// guestLimit bounds how long a store's owner waits at its end for the statements of others.
	guestLimit = time.Minute
	// leaseLimit bounds how long a statement waits for a store whose owner ends or starts.
	leaseLimit = guestLimit + 30*time.Second
	// leaseLook is how often it looks.
	leaseLook = 100 * time.Millisecond
	// killLimit bounds how long ending a statement may take.
	killLimit = 3 * time.Second
)

// session finds a store for each statement: that of the instance that runs on the data directory, else the configured server, else
// the embedded engine, which it then starts and keeps until its end. It makes a store only where create is set. It is not safe for
// concurrent use.
type session struct {
	g             *globals
	write, create bool
	// command is what run.json calls what starts the engine; empty is sql. guest: the engine is not started here.
	command string
	guest   bool
	// serveKey is that of run.json, where pages are served.
	serveKey string
	own      *ownStore // nil until this process has started the engine
	// checked is set when the schema of a store that this process does not know from its owner was looked at.
	checked bool
	// made says that there was no store before.
	made bool
}

// ownStore is an engine of this process.
type ownStore struct {
	dir    *datadir.Dir
	engine *clickhouse.Engine
}

// lease is a store for one statement. An owner of the store waits until it is released.
type lease struct {
	// server is the store with the session's login, full with the writer's.
	server, full clickhouse.Server
	// owner is the instance that the store belongs to; nil for an own engine and a configured server.
	owner *datadir.Run
	guest *datadir.Guest
}

func (l *lease) release() error {
	err := l.guest.Close()
	l.guest = nil
	return err
}

// kill ends a statement that nobody waits for any more.
func (l *lease) kill(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killLimit)
	defer cancel()
	_ = l.full.Ask(ctx, "KILL QUERY WHERE query_id = '"+id+"' ASYNC") // it may have ended
}

func queryID() string { return "sql/" + rand.Text() }

// newLease takes the session's login.
func (s *session) newLease(server clickhouse.Server, owner *datadir.Run, guest *datadir.Guest) *lease {
	l := &lease{server: server, full: server, owner: owner, guest: guest}
	if !s.write {
		l.server = server.AsReader()
	}
	return l
}

// withLease calls f with the store of a session that is for f alone. With write f may change it.
func (g *globals) withLease(ctx context.Context, write bool, f func(*lease) error) error {
	return (&session{g: g, write: write}).with(ctx, f)
}

// with calls f with the store of the session, and closes the session.
func (s *session) with(ctx context.Context, f func(*lease) error) (err error) {
	defer func() { err = errors.Join(err, s.close(ctx)) }()
	l, err := s.lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.release()) }()
	return f(l)
}

// lease finds the store for the next statement.
func (s *session) lease(ctx context.Context) (*lease, error) {
	if s.own != nil {
		return s.newLease(s.own.engine.Server(), nil, nil), nil
	}
	// The limit is for the wait alone: a start may have to fetch the engine first.
	limited, cancel := context.WithTimeoutCause(ctx, leaseLimit, fmt.Errorf("waited %v for it", leaseLimit))
	defer cancel()
	look := time.NewTicker(leaseLook)
	defer look.Stop()
	began, said := time.Now(), false
	for {
		l, err := s.tryLease(ctx)
		if !errors.Is(err, datadir.ErrLocked) {
			return l, err
		}
		if !said && time.Since(began) > sayAfter {
			who := cmp.Or(datadir.Holder(s.g.DataDir), "in another process")
			fmt.Fprintf(s.g.stderr, "darkmap: waiting for the store: darkmap %s starts or ends on this data directory; for %v at most\n", who, leaseLimit)
			said = true
		}
		select {
		case <-limited.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(limited))
		case <-look.C:
		}
	}
}

// tryLease is lease without waiting: ErrLocked where another process has the data directory and has not said what it runs.
func (s *session) tryLease(ctx context.Context) (*lease, error) {
	guest, err := datadir.EnterGuest(s.g.DataDir) // before run.json is read
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	running, err := datadir.ReadRun(s.g.DataDir)
	if err == nil && running != nil && running.ClickHouse != nil {
		l := s.newLease(*running.ClickHouse, running, guest)
		if err := s.refuseNewer(ctx, l); err != nil {
			return nil, errors.Join(err, l.release())
		}
		return l, nil
	}
	if err = errors.Join(err, guest.Close()); err != nil {
		return nil, err
	}
	cfg, err := s.g.configuration()
	if err != nil {
		return nil, err
	}
	if !cfg.ClickHouse.Embedded() {
		server, err := cfg.ClickHouse.Server()
		if err != nil {
			return nil, usageError(err)
		}
		l := s.newLease(server, nil, nil)
		return l, s.check(ctx, l)
	}
	if running != nil {
		return nil, fmt.Errorf("what runs on this data directory, darkmap %s (process %d), has no store to ask (--no-store)", running.Command, running.PID)
	}
	if s.guest {
		return nil, errors.New("nothing that has a store runs on this data directory")
	}
	if err := s.start(ctx, cfg); err != nil {
		return nil, err
	}
	l := s.newLease(s.own.engine.Server(), nil, nil)
	return l, s.check(ctx, l)
}

// start starts the engine for this process.
func (s *session) start(ctx context.Context, cfg *configuration) error {
	found, err := datadir.HasStore(s.g.DataDir)
	if err != nil {
		return err
	}
	open := datadir.OpenStore
	if s.create {
		open = datadir.Open
	}
	if busy, err := datadir.InUse(s.g.DataDir); err != nil || busy {
		return errors.Join(err, datadir.ErrLocked)
	}
	dir, err := open(s.g.DataDir)
	if err != nil {
		return err
	}
	engine, err := startEngine(ctx, s.g, cfg, dir, 0)
	if err != nil {
		return errors.Join(err, dir.Close())
	}
	s.own, s.made = &ownStore{dir, engine}, !found
	server := engine.Server()
	s.g.sayParts(ctx, server, dir)
	return dir.WriteRun(datadir.Run{Command: cmp.Or(s.command, "sql"), ClickHouse: &server, ServeKey: s.serveKey})
}

// check says where the schema is not this program's. A store without darkmap's tables is an error, unless they are about to be made.
// One of the old form can be read, so that its rows can be taken elsewhere, and is not written to.
func (s *session) check(ctx context.Context, l *lease) error {
	if s.checked || s.create {
		return nil
	}
	have, want, err := clickhouse.SchemaVersion(ctx, l.server)
	if errors.Is(err, clickhouse.ErrOldForm) && !s.write {
		fmt.Fprintln(s.g.stderr, "darkmap:", err)
		s.checked = true
		return nil
	}
	if err != nil {
		return inWords(err, s.write)
	}
	s.checked = true
	switch {
	case have == 0:
		return fmt.Errorf("%s holds no tables of darkmap: `%s` makes them", l.server, s.g.command("migrate"))
	case have < want:
		fmt.Fprintf(s.g.stderr, "darkmap: the store has version %d of the schema, and this program %d: `%s` brings it there\n", have, want, s.g.command("migrate"))
	case have > want:
		return l.server.NewerError(have, want)
	}
	return nil
}

// refuseNewer fails with ErrNewer where the store of another instance is of a newer program. A store that does not answer is the
// statement's affair.
func (s *session) refuseNewer(ctx context.Context, l *lease) error {
	if s.checked {
		return nil
	}
	have, want, err := clickhouse.SchemaVersion(ctx, l.server)
	if err != nil {
		return nil //nolint:nilerr // the statement finds out, and waits where that helps
	}
	s.checked = true
	if have > want {
		return l.server.NewerError(have, want)
	}
	return nil
}

// awaitLease is lease; after a store has ended in the midst of a statement, again is set: then it waits until the store answers.
func (s *session) awaitLease(ctx context.Context, again bool) (*lease, error) {
	limited, cancel := context.WithTimeout(ctx, leaseLimit)
	defer cancel()
	look := time.NewTicker(leaseLook)
	defer look.Stop()
	for {
		l, err := s.lease(ctx)
		if err != nil || !again {
			return l, err
		}
		if err = l.answers(limited); err == nil {
			return l, nil
		}
		if err := l.release(); err != nil {
			return nil, err
		}
		select {
		case <-limited.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, err
		case <-look.C:
		}
	}
}

// answers asks whether the store is there.
func (l *lease) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	return l.server.Ask(ctx, "SELECT 1")
}

// lost says why a statement got no answer.
func (s *session) lost(l *lease, err error) error {
	if l.owner == nil && s.own == nil {
		return fmt.Errorf("the server %s did not answer to the end: %w", l.server, err)
	}
	if l.owner == nil {
		return fmt.Errorf("the embedded ClickHouse ended before its answer was complete: %w", cmp.Or(s.own.engine.Ready(), err))
	}
	running, readErr := datadir.ReadRun(s.g.DataDir)
	if readErr == nil && running != nil && running.PID == l.owner.PID {
		return fmt.Errorf("the embedded ClickHouse of darkmap %s (process %d) ended before its answer was complete, and is started again", l.owner.Command, l.owner.PID)
	}
	return fmt.Errorf("darkmap %s (process %d), to which the store belonged, has ended before its answer was complete", l.owner.Command, l.owner.PID)
}

// close ends the engine, where this process has started it, after the statements of other processes.
func (s *session) close(ctx context.Context) error {
	if s.own == nil {
		return nil
	}
	awaitGuests(ctx, s.g, s.own.dir)
	return errors.Join(s.own.engine.Close(), s.own.dir.Close())
}

// awaitGuests waits, for a while, until no other process has a statement under way on the store, and says so. Where ctx has not
// ended yet, its end ends the wait; where it has, a second signal ends the process.
func awaitGuests(ctx context.Context, g *globals, dir *datadir.Dir) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	left, err := dir.AwaitGuests(ctx, guestLimit, func(pids []int) {
		fmt.Fprintf(g.stderr, "darkmap: waiting for statements of %s on this store, %v at most; Ctrl-C ends at once\n", processes(pids), guestLimit)
	})
	switch {
	case err != nil:
		g.log.Warn("the statements of other processes were not waited for", "err", err)
	case len(left) > 0:
		fmt.Fprintf(g.stderr, "darkmap: statements of %s are still under way: they end now\n", processes(left))
	}
}

// processes names processes.
func processes(pids []int) string {
	if len(pids) == 1 {
		return fmt.Sprintf("process %d", pids[0])
	}
	texts := make([]string, len(pids))
	for i, pid := range pids {
		texts[i] = strconv.Itoa(pid)
	}
	return fmt.Sprintf("%d processes (%s)", len(pids), strings.Join(texts, ", "))
}
