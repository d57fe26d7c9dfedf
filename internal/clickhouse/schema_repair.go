package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrSchema means that the database differs from this program's schema and that no repair preserves
// every row.
var ErrSchema = errors.New("the database does not have this program's schema")

// castLimit caps the time for checking the values of a column before its type is changed back.
const castLimit = time.Minute

// differences compares the database with the schema after the given number of steps.
func (r *migration) differences(ctx context.Context, steps int) ([]difference, error) {
	if steps == 0 {
		return nil, nil
	}
	want, exact, err := r.server.wanted(ctx, r.conn, r.files, steps)
	if err != nil {
		return nil, err
	}
	have, err := readSchema(ctx, r.conn, r.server.Database)
	return r.server.compare(want, have, exact), err
}

// repair compares the database with the schema after the given number of steps. It repairs the
// differences where no row is lost, and returns descriptions of the repairs. The error is ErrSchema
// if a difference remains.
func (r *migration) repair(ctx context.Context, steps int) ([]string, error) {
	s := r.server
	want, exact, err := s.wanted(ctx, r.conn, r.files, steps)
	if err != nil {
		return nil, err
	}
	have, err := readSchema(ctx, r.conn, s.Database)
	if err != nil {
		return nil, err
	}
	var done []string
	var faults []error
	unfilled := want.unfilled(have, exact)
	// A later repair in the list may need the product of another one, as a view needs its tables
	// and other views. So a fault ends the loop only if the round repaired nothing else.
	for differences := s.compare(want, have, exact); len(differences) > 0; {
		faults = nil
		mended := 0
		for _, d := range differences {
			if err := s.mend(ctx, r.conn, d); err != nil {
				faults = append(faults, err)
				continue
			}
			done = append(done, d.done)
			mended++
		}
		if have, err = readSchema(ctx, r.conn, s.Database); err != nil {
			return done, err
		}
		left := s.compare(want, have, exact)
		if mended == 0 || len(left) >= len(differences) {
			break
		}
		differences = left
	}
	for _, d := range s.compare(want, have, exact) {
		if len(faults) == 0 { // every statement succeeded, but a difference remains
			faults = append(faults, d.fault(nil))
		}
	}
	if len(faults) > 0 {
		return done, fmt.Errorf("%w (database %s): %w", ErrSchema, s.Database, errors.Join(faults...))
	}
	filled, err := r.fill(ctx, unfilled)
	return append(done, filled...), err
}

// mend repairs one difference.
func (s Server) mend(ctx context.Context, conn driver.Conn, d difference) error {
	if len(d.repair) == 0 {
		return d.fault(nil)
	}
	if d.check != "" {
		var lost uint64
		limited := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
			"max_execution_time": int(castLimit.Seconds()),
		}))
		if err := conn.QueryRow(limited, d.check).Scan(&lost); err != nil {
			return d.fault(fmt.Errorf("not every value fits, or it cannot be found out: %w", err))
		}
		if lost > 0 {
			return d.fault(fmt.Errorf("%d values would be lost", lost))
		}
	}
	for _, statement := range d.repair {
		if err := conn.Exec(ctx, statement); err != nil {
			return d.fault(fmt.Errorf("mending it failed: %w", err))
		}
	}
	return nil
}

// fault returns an error with the difference, the reason why it remains, and the remedy.
func (d difference) fault(why error) error {
	text := d.text
	if d.todo != "" {
		text += "; " + d.todo
	}
	if why != nil {
		return fmt.Errorf("%s: %w", text, why)
	}
	return errors.New(strings.TrimSpace(text))
}
