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
	// guestLimit bounds how long a store's owner waits at its end for the statements of other
	// processes.
	guestLimit = time.Minute
	// leaseLimit bounds how long a statement waits for a store whose owner starts or ends.
	leaseLimit = guestLimit + 30*time.Second
	// leaseLook is the time between two attempts.
	leaseLook = 100 * time.Millisecond
	// killLimit bounds how long ending a statement may take.
	killLimit = 3 * time.Second
)

// session finds a store for each statement: the store of the instance that runs on the data
// directory, else the configured server, else the embedded engine. In the last case the session
// starts the engine and keeps it until its end. It makes a store only if create is set. It is not
// safe for concurrent use.
type session struct {
	g             *globals
	write, create bool
	// command is the command's name in run.json if the session starts the engine. Empty means sql.
	command string
	// guest sessions never start the engine.
	guest bool
	// serveKey is the key of the pages in run.json, if pages are served.
	serveKey string
	own      *ownStore // nil until this process has started the engine
	// checked is set when the schema of the store was compared with this program's.
	checked bool
	// made reports that no store existed before.
	made bool
}

// ownStore is an engine of this process.
type ownStore struct {
	dir    *datadir.Dir
	engine *clickhouse.Engine
}

// lease is a store for one statement. An owner of the store waits until the lease is released.
type lease struct {
	// server is the store with the session's login, full with the writer's.
	server, full clickhouse.Server
	// owner is the instance that the store belongs to. It is nil for an engine of this process and
	// for a configured server.
	owner *datadir.Run
	guest *datadir.Guest
}

func (l *lease) release() error {
	err := l.guest.Close()
	l.guest = nil
	return err
}

// kill ends a statement whose output is no longer wanted.
func (l *lease) kill(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killLimit)
	defer cancel()
	_ = l.full.Ask(ctx, "KILL QUERY WHERE query_id = '"+id+"' ASYNC") // the statement may have ended
}

func queryID() string { return "sql/" + rand.Text() }

// newLease makes a lease with the session's login.
func (s *session) newLease(server clickhouse.Server, owner *datadir.Run, guest *datadir.Guest) *lease {
	l := &lease{server: server, full: server, owner: owner, guest: guest}
	if !s.write {
		l.server = server.AsReader()
	}
	return l
}

// withLease calls f with the store of a session that is made for f alone. With write, f may change
// the store.
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
			fmt.Fprintf(
				s.g.stderr,
				"darkmap: waiting for the store: darkmap %s starts or ends on this data directory; for %v at most\n",
				who, leaseLimit,
			)
			said = true
		}
		select {
		case <-limited.Done():
			return nil, fmt.Errorf("%w: %w", err, context.Cause(limited))
		case <-look.C:
		}
	}
}

// tryLease finds the store without waiting. It returns ErrLocked if another process holds the data
// directory and has not written run.json yet.
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
		return nil, fmt.Errorf(
			"what runs on this data directory, darkmap %s (process %d), has no store to ask (--no-store)",
			running.Command, running.PID,
		)
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
	return dir.WriteRun(datadir.Run{
		Command: cmp.Or(s.command, "sql"), ClickHouse: &server, ServeKey: s.serveKey,
	})
}

// check compares the store's schema with this program's. A store without darkmap's tables is an
// error, unless create is set: then the tables are made later. A store of the old form can be read,
// so that its rows can be taken elsewhere, but not written.
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
		fmt.Fprintf(
			s.g.stderr,
			"darkmap: the store has version %d of the schema, and this program %d: `%s` brings it there\n",
			have, want, s.g.command("migrate"),
		)
	case have > want:
		return l.server.NewerError(have, want)
	}
	return nil
}

// refuseNewer fails with ErrNewer if the store of another instance belongs to a newer program. It
// ignores a store that does not answer: then the statement itself fails or waits.
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

// awaitLease finds the store for a statement. again is set after a store has ended in the middle of
// the statement: then awaitLease waits until the store answers.
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

// answers checks that the store answers.
func (l *lease) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, killLimit)
	defer cancel()
	return l.server.Ask(ctx, "SELECT 1")
}

// lost returns the reason why a statement got no complete answer.
func (s *session) lost(l *lease, err error) error {
	if l.owner == nil && s.own == nil {
		return fmt.Errorf("the server %s did not answer to the end: %w", l.server, err)
	}
	if l.owner == nil {
		return fmt.Errorf(
			"the embedded ClickHouse ended before its answer was complete: %w",
			cmp.Or(s.own.engine.Ready(), err),
		)
	}
	running, readErr := datadir.ReadRun(s.g.DataDir)
	if readErr == nil && running != nil && running.PID == l.owner.PID {
		return fmt.Errorf(
			"the embedded ClickHouse of darkmap %s (process %d) ended before its answer was complete, "+
				"and is started again",
			l.owner.Command, l.owner.PID,
		)
	}
	return fmt.Errorf(
		"darkmap %s (process %d), to which the store belonged, has ended before its answer was complete",
		l.owner.Command, l.owner.PID,
	)
}

// close waits for the statements of other processes and ends the engine, if this process has
// started it.
func (s *session) close(ctx context.Context) error {
	if s.own == nil {
		return nil
	}
	awaitGuests(ctx, s.g, s.own.dir)
	return errors.Join(s.own.engine.Close(), s.own.dir.Close())
}

// awaitGuests waits until no other process runs a statement on the store, guestLimit at most, and
// prints that it waits. If ctx is still open, its end ends the wait. If ctx has ended, a second
// signal ends the process.
func awaitGuests(ctx context.Context, g *globals, dir *datadir.Dir) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	left, err := dir.AwaitGuests(ctx, guestLimit, func(pids []int) {
		fmt.Fprintf(
			g.stderr,
			"darkmap: waiting for statements of %s on this store, %v at most; Ctrl-C ends at once\n",
			processes(pids), guestLimit,
		)
	})
	switch {
	case err != nil:
		g.log.Warn("the statements of other processes were not waited for", "err", err)
	case len(left) > 0:
		fmt.Fprintf(
			g.stderr, "darkmap: statements of %s are still under way: they end now\n", processes(left),
		)
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
