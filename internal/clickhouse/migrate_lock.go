package clickhouse

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrLockLost means that a runner of migrations could not renew its claim on the schema in time.
// Its changes remain.
var ErrLockLost = errors.New(
	"the claim on the schema could not be renewed in time, so another darkmap may migrate now; run it again")

const (
	// lockLease is the validity of a claim on the schema after it was made or renewed.
	lockLease = 15 * time.Second
	// lockLook is the interval at which a runner checks whether another runner's claim has ended.
	lockLook = 250 * time.Millisecond
	// lockRelease caps the time to release a claim.
	lockRelease = 5 * time.Second
)

// claim is the newest row of schema_lock: the holder of the schema, and the end of its claim.
type claim struct {
	Generation uint64
	// Token is a random name of the holder. Owner describes the holder in words.
	Token, Owner string
	// Machine identifies the running system and the PID namespace of the holder; PID is the process
	// in it. Machine is empty if unknown.
	Machine string
	PID     uint32
	// Held reports whether the claim is valid by the server's clock. Since is the time at which it
	// was first made.
	Held  bool
	Since time.Time
}

// schemaLock is a claim of this process. The process renews it until release.
type schemaLock struct {
	server Server
	conn   driver.Conn
	claim  claim
	lease  time.Duration
	stop   context.CancelFunc
	done   sync.WaitGroup
}

// lockTable returns the statement that makes the table of claims. The newest row counts. Two
// inserts of one generation have the same insert_deduplication_token, so the server drops the
// second one; on a cluster ClickHouse Keeper does. This makes an insert a compare-and-set.
func (s Server) lockTable() string {
	return fmt.Sprintf(
		"CREATE TABLE IF NOT EXISTS %s.schema_lock %s ("+
			"slot UInt8 COMMENT 'always 0: the row of the highest generation counts', "+
			"generation UInt64 COMMENT 'number of the claim', token String COMMENT 'random name of the holder', "+
			"owner String COMMENT 'the holder in words', "+
			"machine String COMMENT 'the running system of the holder', pid UInt32 COMMENT 'its process there', "+
			"since DateTime64(3, 'UTC') COMMENT 'when the holder began', "+
			"until DateTime64(3, 'UTC') COMMENT 'until when the claim counts unless it is renewed') "+
			"ENGINE = %s ORDER BY slot SETTINGS non_replicated_deduplication_window = 1000 "+
			"COMMENT 'Who changes the schema: the row of the highest generation, until its time.'",
		s.Database, s.onCluster(), s.engine("ReplacingMergeTree", "generation"))
}

// lockSchema claims the schema. If another process holds it, lockSchema reports that once to say
// and waits. The returned context ends with ErrLockLost if the claim is lost. docs/adr/0032
// describes the possible effects of two concurrent runners.
func (s Server) lockSchema(
	ctx context.Context, conn driver.Conn, program string, say func(string),
) (context.Context, *schemaLock, error) {
	l := &schemaLock{server: s, conn: conn, lease: lockLease}
	host, _ := os.Hostname() // only for people
	l.claim = claim{
		Token: rand.Text(), Owner: fmt.Sprintf("%s (process %d on %s)", program, os.Getpid(), host),
		Machine: machine(), PID: uint32(os.Getpid()),
	}
	look := time.NewTicker(lockLook)
	defer look.Stop()
	said := ""
	refused := refusal{}
	for {
		newest, err := s.newestClaim(ctx, conn)
		if err != nil {
			return nil, nil, err
		}
		if !l.mine(newest) && (!newest.Held || newest.abandoned()) {
			if newest, err = l.try(ctx, refused.next(newest.Generation, l.lease)); err != nil {
				return nil, nil, err
			}
		}
		switch {
		case l.mine(newest): // also if an earlier look did not show the own row yet
			ctx, cancel := context.WithCancelCause(ctx)
			renewing, stop := context.WithCancel(ctx)
			l.stop = stop
			l.done.Go(func() { l.renew(renewing, cancel) }) // ends with stop
			return ctx, l, nil
		case newest.Held && said != newest.Token:
			say(fmt.Sprintf("waiting: %s has been changing the schema of %s since %s",
				newest.Owner, s, newest.Since.UTC().Format("15:04:05")))
			said = newest.Token
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("waiting for the schema of %s: %w", s, context.Cause(ctx))
		case <-look.C:
		}
	}
}

// refusal holds the generation that this process tries to claim, and the time of its first attempt.
type refusal struct {
	generation uint64
	since      time.Time
}

// next returns the generation to claim after newest. The server may drop an insert of it, because a
// replica has not shown us another holder's row yet, or because that row was never finished (a
// crash between the token and the row). next skips a generation only after a whole lease.
func (r *refusal) next(newest uint64, lease time.Duration) uint64 {
	if newest+1 > r.generation {
		*r = refusal{newest + 1, time.Now()}
	} else if time.Since(r.since) > lease {
		*r = refusal{r.generation + 1, time.Now()}
	}
	return r.generation
}

// newestClaim reads the valid row. It returns the zero claim if the table is empty.
func (s Server) newestClaim(ctx context.Context, conn driver.Conn) (claim, error) {
	var c claim
	q := fmt.Sprintf(
		"SELECT generation, token, owner, machine, pid, until > now64(3), since "+
			"FROM %s.schema_lock ORDER BY generation DESC LIMIT 1",
		s.Database)
	err := conn.QueryRow(ctx, q).Scan(&c.Generation, &c.Token, &c.Owner, &c.Machine, &c.PID, &c.Held, &c.Since)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return c, fmt.Errorf("reading who changes the schema: %w", err)
	}
	return c, nil
}

// abandoned reports whether the holder was a process of this machine that no longer exists.
func (c claim) abandoned() bool {
	return c.Machine != "" && c.Machine == machine() && !processExists(int(c.PID))
}

// try claims a generation and returns the newest row.
func (l *schemaLock) try(ctx context.Context, generation uint64) (claim, error) {
	if err := l.insert(ctx, generation, l.lease); err != nil {
		return claim{}, err
	}
	newest, err := l.server.newestClaim(ctx, l.conn)
	if err == nil && newest.Generation == generation && newest.Token == l.claim.Token {
		l.claim = newest
	}
	return newest, err
}

// mine reports whether the row is the newest claim of this process.
func (l *schemaLock) mine(c claim) bool {
	return c.Token == l.claim.Token && c.Generation == l.claim.Generation
}

// insert writes a row of a generation, unless the table has one already.
func (l *schemaLock) insert(ctx context.Context, generation uint64, lease time.Duration) error {
	since := "now64(3)"
	if l.claim.Generation > 0 {
		since = fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", l.claim.Since.UnixMilli())
	}
	q := fmt.Sprintf(
		"INSERT INTO %s.schema_lock (slot, generation, token, owner, machine, pid, since, until) "+
			"SETTINGS insert_deduplicate = 1, insert_deduplication_token = %s "+
			"VALUES (0, %d, %s, %s, %s, %d, %s, now64(3) + toIntervalMillisecond(%d))",
		l.server.Database, QuoteText(strconv.FormatUint(generation, 10)), generation,
		QuoteText(l.claim.Token), QuoteText(l.claim.Owner), QuoteText(l.claim.Machine), l.claim.PID,
		since, lease.Milliseconds())
	if err := l.conn.Exec(ctx, q); err != nil {
		return fmt.Errorf("claiming the schema: %w", err)
	}
	return nil
}

// renew claims the next generation every third of a lease. It cancels the context if another
// process has claimed that generation, or if two thirds of a lease pass without a successful claim.
func (l *schemaLock) renew(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(l.lease / 3)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next := l.claim.Generation + 1
		limited, end := context.WithTimeout(ctx, l.lease/3)
		newest, err := l.try(limited, next)
		end()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && l.mine(newest) && newest.Generation == next:
			last = time.Now()
		case err == nil && newest.Generation >= next || time.Since(last) > l.lease-l.lease/3:
			cancel(ErrLockLost)
			return
		}
	}
}

// release releases the claim, even if ctx has ended.
func (l *schemaLock) release(ctx context.Context) error {
	l.stop()
	l.done.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lockRelease)
	defer cancel()
	return l.insert(ctx, l.claim.Generation+1, 0)
}
