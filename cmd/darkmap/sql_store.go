package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/sqlshell"
)

// heldBack is how much output of a statement the server holds back, in octets. A statement that
// fails before it has more output has none.
const heldBack = "4194304"

// sqlStore runs statements on the store of a session. It is not safe for concurrent use.
type sqlStore struct {
	session *session
	params  map[string]string
	// kept is the state that SET and USE have set.
	kept sqlshell.Session
}

// Run runs a statement. If the store ends before any output was written, a statement that only
// reads is run once more.
func (s *sqlStore) Run(ctx context.Context, q clickhouse.Query, out sqlshell.Output) error {
	q.Settings = maps.Clone(q.Settings)
	if q.Settings == nil {
		q.Settings = map[string]string{}
	}
	q.Settings["buffer_size"] = heldBack
	// Parallel formatting gains nothing. It holds several blocks of 65,000 rows, and wide rows then
	// exceed a reader's memory.
	q.Settings["output_format_parallel_formatting"] = "0"
	for name, value := range s.params {
		q.Settings["param_"+name] = sqlshell.Parameter(q.SQL, name, value)
	}
	for again := false; ; again = true {
		l, err := s.session.awaitLease(ctx, again)
		if err != nil {
			return err
		}
		written, err := s.unlocked(ctx, l, q, out)
		if releaseErr := l.release(); err == nil {
			return releaseErr
		}
		_, refused := errors.AsType[*clickhouse.QueryError](err)
		switch {
		case ctx.Err() != nil, errors.Is(err, errClosedPipe), errors.Is(err, sqlshell.ErrOutput):
			return err
		case refused && written > 0:
			return fmt.Errorf("the output is not complete: %w", s.inWords(err))
		case refused:
			return s.inWords(err)
		}
		why := s.session.lost(l, err)
		switch {
		case s.session.write:
			return fmt.Errorf(
				"%w; whether the statement was carried out is not known: look before you run it again", why,
			)
		case written > 0:
			return fmt.Errorf("%w; the output is not complete", why)
		case again:
			return why
		}
		fmt.Fprintf(s.session.g.stderr, "darkmap: %v; the statement only reads and is run again\n", why)
	}
}

// unlockLimit bounds how long a statement waits until the previous one, which was cancelled, has
// ended and has unlocked the session.
const unlockLimit = 10 * time.Second

// unlocked calls once as soon as the previous statement has ended.
func (s *sqlStore) unlocked(
	ctx context.Context, l *lease, q clickhouse.Query, out sqlshell.Output,
) (written int64, err error) {
	began := time.Now()
	look := time.NewTicker(leaseLook)
	defer look.Stop()
	for {
		written, err = s.once(ctx, l, q, out)
		if proto.Error(clickhouse.Code(err)) != proto.ErrSessionIsLocked || time.Since(began) > unlockLimit {
			return written, err
		}
		select {
		case <-ctx.Done():
			return written, ctx.Err()
		case <-look.C:
		}
	}
}

// inWords explains the refusal of a statement.
func (s *sqlStore) inWords(err error) error {
	switch proto.Error(clickhouse.Code(err)) { //nolint:exhaustive // all others are refusals of a statement
	case proto.ErrSessionNotFound:
		s.kept.Forget()
		return errors.New(
			"the effect of SET, USE and CREATE TEMPORARY TABLE is lost: the store was started again, " +
				"or an hour has passed; run them again, then this statement",
		)
	case proto.ErrSessionIsLocked:
		return errors.New("the statement before has not ended yet: run this one again")
	}
	return inWords(err, s.session.write)
}

// once runs a statement on the leased store. written is how many octets of its output may have been
// seen.
func (s *sqlStore) once(
	ctx context.Context, l *lease, q clickhouse.Query, out sqlshell.Output,
) (written int64, err error) {
	q.Database, q.ID = l.server.Database, queryID()
	s.kept.Prepare(&q)
	g := s.session.g
	stop := func() {}
	if g.line.Terminal() {
		stop = sqlshell.Watch(
			ctx, g.line.Draw, g.line.Clear,
			func(ctx context.Context) (sqlshell.Done, error) { return l.done(ctx, q.ID) },
		)
	}
	answer, err := l.server.HTTP(ctx, q)
	if s.session.write && proto.Error(clickhouse.Code(err)) == proto.ErrUnknownDatabase {
		q.Database = "" // between DROP DATABASE and RESTORE there is none; nothing was run yet
		answer, err = l.server.HTTP(ctx, q)
	}
	if err == nil {
		if screen, ok := out.(*sqlshell.Screen); ok {
			screen.Before = stop
		}
		written, err = out.Take(answer)
		err = errors.Join(err, answer.Close())
	}
	stop()
	if ctx.Err() != nil {
		l.kill(ctx, q.ID)
		return written, ctx.Err()
	}
	if err == nil {
		s.kept.Ran(q.SQL)
	}
	return written, err
}

// done asks for the progress of a statement. Only the writer's login sees that.
func (l *lease) done(ctx context.Context, id string) (sqlshell.Done, error) {
	var d struct{ Read, Total uint64 }
	answer, err := l.full.HTTP(ctx, clickhouse.Query{
		SQL: "SELECT read_rows AS Read, total_rows_approx AS Total FROM system.processes WHERE query_id = '" +
			id + "'",
		Format: "JSONEachRow", Settings: map[string]string{"output_format_json_quote_64bit_integers": "0"},
	})
	if err != nil {
		return sqlshell.Done{}, err
	}
	err = json.NewDecoder(answer).Decode(&d)
	if errors.Is(err, io.EOF) { // the statement has ended
		err = nil
	}
	return sqlshell.Done(d), errors.Join(err, answer.Close())
}
