package clickhouse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Lookups holds the rows of the tables lookup_*, which the dictionaries show.
type Lookups struct {
	ASes      Lookup[LookupAS]
	Countries Lookup[LookupCountry]
	Regions   Lookup[LookupRegion]
	Prefixes  Lookup[LookupPrefix]
}

// Lookup is the content of one of the tables lookup_*.
type Lookup[R any] struct {
	// Snapshot identifies the content: the same rows have the same name. If it is empty, the table
	// remains unchanged.
	Snapshot string
	// Simulated reports that the rows are made up. They replace only made-up rows.
	Simulated bool
	// Rows iterates over the rows, in any order. Each key occurs once.
	Rows iter.Seq[R]
}

// LookupAS is a row of lookup_ases. An empty field is unknown.
type LookupAS struct {
	ASN                         uint32
	Name, Organisation, Country string
}

// LookupCountry is a row of lookup_countries.
type LookupCountry struct {
	Code, Name, Continent string
	// Neighbours lists the codes of the countries with a common land border.
	Neighbours []string
}

// LookupRegion is a row of lookup_regions. An empty name is unknown.
type LookupRegion struct{ Code, Name, Country string }

// LookupPrefix is a row of lookup_prefixes. Origin 0 and an empty country are unknown.
type LookupPrefix struct {
	Prefix  string
	Origin  uint32
	Country string
}

// FilledLookup reports the new content of a table lookup_*.
type FilledLookup struct {
	// Table is the table, without its database.
	Table string
	Rows  uint64
}

// String returns a text for people.
func (f FilledLookup) String() string {
	return "table " + f.Table + " was filled: " + bgp.Count(f.Rows, "row")
}

const (
	// lookupBlock is the number of rows of one insert.
	lookupBlock = 1 << 16
	// simulatedMark is the prefix of the name of a snapshot with made-up rows.
	simulatedMark = "simulated/"
)

// FillLookups updates the tables lookup_* of a migrated database to want, makes the dictionaries
// show them, and returns the tables that it filled. It inserts a whole snapshot before it names the
// snapshot, so a dictionary shows either the old rows or the new ones. It claims the schema while
// it fills, so that two processes do not drop each other's rows. say, which may be nil, receives
// messages about a wait, and about rows that a dictionary shows later.
func FillLookups(
	ctx context.Context, s Server, program string, want Lookups, say func(string),
) (filled []FilledLookup, err error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	if say == nil {
		say = func(string) {}
	}
	f := filler{server: s, conn: conn, inserter: NewInserter(s), say: say}
	defer func() { err = errors.Join(err, f.inserter.Close()) }()
	stale, late, err := f.stale(ctx, want.tables())
	for _, t := range late {
		err = errors.Join(err, f.reload(ctx, t))
	}
	if err != nil || len(stale) == 0 {
		return nil, err
	}
	locked, lock, err := s.lockSchema(ctx, conn, program, say)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lock.release(ctx)) }()
	// Another process may have filled them meanwhile.
	if stale, _, err = f.stale(locked, stale); err != nil {
		return nil, err
	}
	for _, t := range stale {
		rows, err := f.fill(locked, t)
		if err != nil {
			return filled, fmt.Errorf("filling %s: %w", t.name(), errors.Join(context.Cause(locked), err))
		}
		filled = append(filled, FilledLookup{t.name(), rows})
	}
	return filled, nil
}

// filler fills tables lookup_*.
type filler struct {
	server   Server
	conn     driver.Conn
	inserter *Inserter
	say      func(string)
}

// lookupTable is one of the tables lookup_* with its desired content.
type lookupTable struct {
	lookup, dictionary string
	snapshot           string
	simulated          bool
	// blocks calls f with blocks of rows until f fails.
	blocks func(f func(proto.Input) error) error
}

func (t lookupTable) name() string { return "lookup_" + t.lookup }

// tables returns the tables with desired content.
func (l Lookups) tables() []lookupTable {
	var all []lookupTable
	for _, t := range []lookupTable{
		lookupOf("ases", "as_info", l.ASes, newASColumns),
		lookupOf("countries", "country_info", l.Countries, newCountryColumns),
		lookupOf("regions", "region_info", l.Regions, newRegionColumns),
		lookupOf("prefixes", "prefix_info", l.Prefixes, newPrefixColumns),
	} {
		if t.snapshot != "" {
			all = append(all, t)
		}
	}
	return all
}

// lookupOf describes a table. columns returns its columns, without the column snapshot, and a
// function that adds a row.
func lookupOf[R any](
	lookup, dictionary string, l Lookup[R], columns func() (proto.Input, func(R)),
) lookupTable {
	t := lookupTable{lookup: lookup, dictionary: dictionary, snapshot: l.Snapshot, simulated: l.Simulated}
	if t.simulated && t.snapshot != "" {
		t.snapshot = simulatedMark + t.snapshot
	}
	t.blocks = func(f func(proto.Input) error) error {
		rows, add := columns()
		snapshot := new(proto.ColStr)
		block := append(proto.Input{{Name: "snapshot", Data: snapshot}}, rows...)
		n := 0
		for r := range l.Rows {
			snapshot.Append(t.snapshot)
			add(r)
			if n++; n%lookupBlock == 0 {
				if err := f(block); err != nil {
					return err
				}
				block.Reset()
			}
		}
		if n%lookupBlock == 0 {
			return nil
		}
		return f(block)
	}
	return t
}

// stale returns the tables whose snapshot differs from the one that lookup_snapshots names. Made-up
// rows replace only made-up rows. late lists those other tables whose dictionary was loaded before
// the snapshot was named: a fill was interrupted in between.
func (f filler) stale(ctx context.Context, all []lookupTable) (stale, late []lookupTable, err error) {
	type named struct {
		snapshot string
		at       time.Time
	}
	current, loaded := map[string]named{}, map[string]time.Time{}
	q := fmt.Sprintf(
		"SELECT lookup, argMax(snapshot, filled_at), max(filled_at) FROM %s.lookup_snapshots GROUP BY lookup",
		f.server.Database)
	err = each(ctx, f.conn, q, "", func(rows driver.Rows) error {
		var lookup string
		var n named
		err := rows.Scan(&lookup, &n.snapshot, &n.at)
		current[lookup] = n
		return err
	})
	if err == nil {
		q = "SELECT name, last_successful_update_time FROM system.dictionaries " +
			"WHERE database = ? AND status != 'NOT_LOADED'"
		err = each(ctx, f.conn, q, f.server.Database, func(rows driver.Rows) error {
			var name string
			var at time.Time // seconds
			err := rows.Scan(&name, &at)
			loaded[name] = at
			return err
		})
	}
	if err != nil {
		return nil, nil, fmt.Errorf("looking which names are stored: %w", err)
	}
	for _, t := range all {
		now := current[t.lookup]
		at, isLoaded := loaded[t.dictionary]
		switch {
		case now.snapshot != t.snapshot &&
			(!t.simulated || now.snapshot == "" || strings.HasPrefix(now.snapshot, simulatedMark)):
			stale = append(stale, t)
		case isLoaded && at.Before(now.at.Truncate(time.Second)):
			late = append(late, t)
		}
	}
	return stale, late, nil
}

// fill inserts the rows of a table, names their snapshot, makes the dictionary show it, and drops
// older rows.
func (f filler) fill(ctx context.Context, t lookupTable) (rows uint64, err error) {
	// An interrupted fill may have left a part of the rows.
	if err := f.drop(ctx, t, "snapshot = "+QuoteText(t.snapshot)); err != nil {
		return 0, err
	}
	err = t.blocks(func(block proto.Input) error {
		rows += uint64(block[0].Data.Rows())
		return f.inserter.Insert(ctx, Insert{
			Table: t.name(), ID: "lookups/" + rand.Text(),
			Settings: map[string]string{"insert_deduplicate": "0"}, Columns: block,
		})
	})
	if err != nil {
		return 0, err
	}
	if err := f.everywhere(ctx, t.name()); err != nil {
		return 0, err
	}
	if err := f.show(ctx, t, rows); err != nil {
		return 0, err
	}
	return rows, f.drop(ctx, t, "snapshot != ("+f.current(t)+")")
}

// current returns a query for the name of the snapshot that a dictionary shows.
func (f filler) current(t lookupTable) string {
	return fmt.Sprintf("SELECT argMax(snapshot, filled_at) FROM %s.lookup_snapshots WHERE lookup = %s",
		f.server.Database, QuoteText(t.lookup))
}

// errDropped means that another process dropped rows of a fill that had lost its claim.
var errDropped = errors.New("another darkmap filled it meanwhile")

// show names a snapshot if all of its rows are in the table, and makes the dictionary show it.
func (f filler) show(ctx context.Context, t lookupTable, rows uint64) error {
	// The clocks of servers differ, and the latest row counts.
	q := fmt.Sprintf(
		"INSERT INTO %[1]s.lookup_snapshots (lookup, snapshot, filled_at, entries) SELECT %[2]s, %[3]s, "+
			"greatest(now64(3, 'UTC'), "+
			"(SELECT max(filled_at) FROM %[1]s.lookup_snapshots WHERE lookup = %[2]s) + "+
			"toIntervalMillisecond(1)), %[4]d "+
			"FROM (SELECT count() AS present FROM %[1]s.%[5]s WHERE snapshot = %[3]s) WHERE present >= %[4]d",
		f.server.Database, QuoteText(t.lookup), QuoteText(t.snapshot), rows, t.name())
	if err := f.conn.Exec(ctx, q); err != nil {
		return err
	}
	var now string
	if err := f.conn.QueryRow(ctx, f.current(t)).Scan(&now); err != nil {
		return err
	}
	if now != t.snapshot {
		return errDropped
	}
	if err := f.everywhere(ctx, "lookup_snapshots"); err != nil {
		return err
	}
	return f.reload(ctx, t)
}

// everywhere waits until all replicas of a cluster have the rows of a table. Replicas copy each
// table independently.
func (f filler) everywhere(ctx context.Context, table string) error {
	if f.server.Cluster == "" {
		return nil
	}
	return f.conn.Exec(ctx, fmt.Sprintf("SYSTEM SYNC REPLICA %s %s.%s",
		f.server.onCluster(), f.server.Database, table))
}

// reload makes a dictionary read its table again. It skips a dictionary that is not loaded: that
// one takes no memory, and reads its table at its first use.
func (f filler) reload(ctx context.Context, t lookupTable) error {
	if f.server.Cluster == "" {
		var idle uint8
		q := "SELECT count() > 0 FROM system.dictionaries WHERE database = ? AND name = ? AND status = 'NOT_LOADED'"
		if err := f.conn.QueryRow(ctx, q, f.server.Database, t.dictionary).Scan(&idle); err != nil {
			return fmt.Errorf("looking whether dictionary %s is loaded: %w", t.dictionary, err)
		}
		if idle == 1 {
			return nil
		}
	}
	err := f.conn.Exec(ctx, fmt.Sprintf("SYSTEM RELOAD DICTIONARY %s %s.%s",
		f.server.onCluster(), f.server.Database, t.dictionary))
	if forbidden(err) { // an external server reloads by itself
		f.say(fmt.Sprintf(
			"dictionary %s shows its new rows within 10 minutes: user %s may not SYSTEM RELOAD DICTIONARY",
			t.dictionary, f.server.User))
		return nil
	}
	return err
}

// drop drops the snapshots of a table that meet a condition.
func (f filler) drop(ctx context.Context, t lookupTable, where string) error {
	var snapshots []string
	q := fmt.Sprintf("SELECT DISTINCT snapshot FROM %s.%s WHERE %s", f.server.Database, t.name(), where)
	err := each(ctx, f.conn, q, "", func(rows driver.Rows) error {
		var snapshot string
		err := rows.Scan(&snapshot)
		snapshots = append(snapshots, snapshot)
		return err
	})
	if err != nil {
		return err
	}
	for _, snapshot := range snapshots {
		q := fmt.Sprintf("ALTER TABLE %s.%s %s DROP PARTITION %s",
			f.server.Database, t.name(), f.server.onCluster(), QuoteText(snapshot))
		if err := f.conn.Exec(ctx, q); err != nil {
			return err
		}
	}
	return nil
}
