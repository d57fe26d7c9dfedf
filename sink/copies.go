package sink

import (
	"context"
	"errors"
	"fmt"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/retry"
)

const (
	// pieceLimit is store.pieceLimit outside of tests.
	pieceLimit = 5 * time.Second
	// listLimit bounds listing the views.
	listLimit = time.Minute
	// firstPiece is the append time that the first piece of a refill spans, leastPiece the least.
	firstPiece, leastPiece = time.Minute, time.Second
	// mostLimit bounds the time that a piece of leastPiece gets.
	mostLimit = 10 * time.Minute
)

// refill copies rows of a partition once more into the tables that views fill. An insert that was
// cut short may be in the table but not in its copies. A row that is copied twice is one row in the
// copy. Rows are copied in pieces of append time, oldest first, because the tables' partitions are
// days or months of it. A piece that takes longer than its limit is split, so that every attempt
// makes progress, however many rows there are. It is not safe for concurrent use.
type refill struct {
	store     *store
	partition *partition
	// offset is the offset from which on rows are copied.
	offset int64
	// from is the append time before which all rows are copied, until the time at which the refill
	// began. The last piece has no end.
	from, until time.Time
	width       time.Duration // append time of the next piece
	limit       time.Duration // for the next piece
	copyings    []clickhouse.Copying
	listed      bool
}

// refill returns a refill of the partition's rows from an offset on, appended at since or later.
func (s *store) refill(p *partition, offset int64, since time.Time) *refill {
	if since.Unix() < 0 { // Kafka gave no time
		since = time.Unix(0, 0)
	}
	return &refill{
		store: s, partition: p, offset: offset, from: since, until: time.Now(), width: firstPiece,
		limit: s.pieceLimit,
	}
}

// all copies all pieces. After an error it may be called again: it goes on where it was.
func (r *refill) all(ctx context.Context) error {
	for {
		if done, err := r.next(ctx); err != nil || done {
			return err
		}
	}
}

// next copies the next piece. done means that it was the last one.
func (r *refill) next(ctx context.Context) (done bool, err error) {
	if err := r.list(ctx); err != nil || len(r.copyings) == 0 {
		return err == nil, err
	}
	limited, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	r.width = max(min(r.width, r.until.Sub(r.from)+time.Second), leastPiece)
	began, to := time.Now(), r.from.Add(r.width).Truncate(time.Second)
	last := to.After(r.until)
	err = r.piece(limited, to, last)
	switch {
	case err == nil:
		r.from = to
		if time.Since(began) < r.limit/4 {
			r.width *= 2
		}
		return last, nil
	case ctx.Err() != nil || !tooMuch(limited, err):
		return false, err
	case r.width > leastPiece:
		r.width /= 2
	case exceptionCode(err) == memoryLimitExceeded || r.limit > mostLimit/2:
		return false, err // it cannot be split, and more time does not help
	default:
		r.limit *= 2 // a piece that cannot be split gets more time
	}
	return false, nil
}

// list reads the views on the partition's table, once.
func (r *refill) list(ctx context.Context) error {
	if r.listed {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	all, err := r.store.server.Copyings(limited, r.store.conn)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.From == r.partition.table.name {
			r.copyings = append(r.copyings, c)
		}
	}
	r.listed = true
	return nil
}

// piece copies the rows that were appended from r.from on and, unless the piece is the last one,
// before to.
func (r *refill) piece(ctx context.Context, to time.Time, last bool) error {
	rows := fmt.Sprintf(
		"dataset = %s AND topic = %s AND partition = %d AND offset >= %d AND appended_at >= toDateTime(%d, 'UTC')",
		clickhouse.QuoteText(r.store.dataset), clickhouse.QuoteText(r.partition.table.topic),
		r.partition.partition, r.offset, r.from.Unix())
	if !last {
		rows += fmt.Sprintf(" AND appended_at < toDateTime(%d, 'UTC')", to.Unix())
	}
	for _, c := range r.copyings {
		if err := r.store.conn.Exec(r.store.consistent(ctx), c.Again(r.store.server.Database, rows)); err != nil {
			return fmt.Errorf("copying rows of %s into %s again: %w", c.From, c.To, err)
		}
	}
	return nil
}

// Codes of ClickHouse's exceptions.
const timeoutExceeded, memoryLimitExceeded = 159, 241

// exceptionCode returns the code of ClickHouse's exception in err, or 0.
func exceptionCode(err error) int32 {
	if e, ok := errors.AsType[*driver.Exception](err); ok {
		return e.Code
	}
	return 0
}

// tooMuch reports whether a piece failed because it was too large: its time was up, or ClickHouse
// had no memory for it.
func tooMuch(limited context.Context, err error) bool {
	code := exceptionCode(err)
	return limited.Err() != nil || code == timeoutExceeded || code == memoryLimitExceeded
}

// complete runs the refill of a partition that was assigned, and then lets its records be
// processed. It ends when the partition's context ends. Only one partition at a time copies a
// piece, so that the refills of many partitions leave ClickHouse to the inserts.
func (s *Stage) complete(p *partition, r *refill) {
	defer close(p.completed)
	var wait retry.Backoff
	for began, told := r.from, false; ; {
		done, err := s.nextPiece(p.ctx, r)
		switch {
		case p.ctx.Err() != nil:
			return
		case err != nil:
			if !s.refillFailed(p, err) || wait.Wait(p.ctx) != nil {
				return
			}
		case done:
			if told {
				s.deps.Log.Info("copied again all rows that views may miss",
					"table", p.table.name, "partition", p.String())
			}
			s.storeReady.Set(nil)
			s.mu.Lock()
			p.cleared = true
			s.wakeUp()
			s.mu.Unlock()
			return
		default:
			wait.Reset()
			told = true
			s.copying.Info("copying rows again that views may lack; new rows of the partition wait for it",
				"table", p.table.name, "partition", p.String(),
				"appended_from", began.UTC(), "appended_until", r.until.UTC(),
				"copied_until", r.from.UTC())
		}
	}
}

// nextPiece copies the next piece when no other partition copies one.
func (s *Stage) nextPiece(ctx context.Context, r *refill) (done bool, err error) {
	select {
	case s.pieces <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.pieces }()
	return r.next(ctx)
}

// refillFailed reports a failed piece. It returns false if the stage ends with the error.
func (s *Stage) refillFailed(p *partition, err error) (again bool) {
	err = explain(err)
	s.storeReady.Set(err)
	s.logFor(err).Warn("copying rows again failed, trying again", "table", p.table.name, "partition", p.String(),
		"err", err)
	if !s.endsStage(err) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fatal = err
	s.wakeUp()
	return false
}
