package history

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
)

// maxRows bounds the rows that are read from one statement.
const maxRows = 20_000

// asker asks one question. All its statements go to the same store.
type asker struct {
	server clickhouse.Server
	octets int // the octets read so far
}

// answer returns the answer to a question in a scope: a kept answer, the answer of a flight with
// the same question, or the result of f.
func answer[T any](
	ctx context.Context, s *Store, sc Scope, question string,
	f func(context.Context, *asker) (T, error),
) (T, error) {
	var none T
	if err := s.Known(); err != nil {
		return none, err
	}
	key := fmt.Sprintf("%s|%t|%s|%s", sc.Dataset, sc.Private, sc.Window, question)
	if kept, ok := s.cache.get(key); ok {
		s.metrics.questions.WithLabelValues(resultCached).Inc()
		return answered[T](kept)
	}
	mine := false
	// The function ends within askWithin, without ctx: others may wait for its answer after the
	// first caller has gone.
	done := s.flights.DoChan(key, func() (any, error) {
		if kept, ok := s.cache.get(key); ok { // an earlier flight has just ended
			return answered[T](kept)
		}
		mine = true
		flight, cancel := context.WithTimeout(context.WithoutCancel(ctx), askWithin)
		defer cancel()
		got, octets, err := ask(flight, s, f)
		if errors.Is(err, ErrNotFound) {
			s.cache.put(key, ErrNotFound, octets)
		}
		if err != nil {
			return nil, err
		}
		s.cache.put(key, got, octets)
		return got, nil
	})
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case r := <-done:
		switch {
		case r.Err != nil:
			return none, r.Err
		case !mine:
			s.metrics.questions.WithLabelValues(resultCached).Inc()
		}
		return r.Val.(T), nil
	}
}

// answered returns a kept answer. ErrNotFound is kept too, but not for long.
func answered[T any](kept any) (got T, err error) {
	if err, ok := kept.(error); ok {
		return got, err
	}
	return kept.(T), nil
}

// ask waits for a slot, connects to the store and calls f.
func ask[T any](
	ctx context.Context, s *Store, f func(context.Context, *asker) (T, error),
) (got T, octets int, err error) {
	began := time.Now()
	result := resultFailed
	defer func() {
		s.metrics.questions.WithLabelValues(result).Inc()
		s.metrics.seconds.Observe(time.Since(began).Seconds())
	}()
	queued, cancel := context.WithTimeout(ctx, QueueFor)
	defer cancel()
	if s.slots.Acquire(queued, 1) != nil {
		result = resultBusy
		return got, 0, ErrBusy
	}
	defer s.slots.Release(1)
	server, release, err := s.cfg.Connect(ctx)
	if err != nil {
		return got, 0, s.away(err)
	}
	defer func() { err = errors.Join(err, release()) }()
	a := &asker{server: server.AsReader()}
	got, err = f(ctx, a)
	switch {
	case err == nil:
		result = resultAsked
	case errors.Is(err, ErrNotFound):
		result = resultAsked
		return got, 0, err
	default:
		return got, 0, s.away(err)
	}
	return got, a.octets, nil
}

// away logs the error and returns ErrAway without it, since the store's error texts may contain the
// statement.
func (s *Store) away(err error) error {
	s.cfg.Log.Warn("a question to the store failed", "err", err)
	s.doubts()
	return ErrAway
}

// rows runs a statement with parameters and decodes its rows, at most maxRows.
func rows[T any](ctx context.Context, a *asker, sql string, params map[string]string) ([]T, error) {
	return manyRows[T](ctx, a, sql, params, maxRows)
}

// manyRows is rows with another limit.
func manyRows[T any](
	ctx context.Context, a *asker, sql string, params map[string]string, limit int,
) ([]T, error) {
	settings := map[string]string{"max_execution_time": strconv.Itoa(int(askWithin / time.Second))}
	all, octets, err := clickhouse.Rows[T](ctx, a.server, sql, params, settings, limit)
	a.octets += octets
	return all, err
}

// params returns the parameters of a statement: the dataset, and more as names and values in turn.
func (sc Scope) params(more ...string) map[string]string {
	p := map[string]string{"dataset": sc.Dataset}
	for i := 0; i+1 < len(more); i += 2 {
		p[more[i]] = more[i+1]
	}
	return p
}

// seconds formats a time as a parameter.
func seconds(t time.Time) string { return strconv.FormatInt(min(max(t.Unix(), 0), 1<<32-1), 10) }

// publicOnly is a condition on outage_events. It leaves out events that only private watch lists
// make known.
const publicOnly = `
		AND (entity_type != 'watch' OR arrayExists(w -> w.list = entity_code AND w.public, watch))
		AND (kind != 'origin' OR arrayExists(w -> w.public, watch))`

// shown returns the condition for the viewer of the scope.
func (sc Scope) shown() string {
	if sc.Private {
		return ""
	}
	return publicOnly
}
