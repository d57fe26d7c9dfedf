package clickhouse

import (
	"context"
	"crypto/rand"
	_ "embed" // for the description of the schema
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// describedDatabase is the name of the database in describedSchema.
const describedDatabase = "darkmap"

// describedSchema is the schema after all migrations, for servers on which the user may make no
// second database. TestSchemaIsDescribed writes it with -update.
//
//go:embed schema.json
var describedSchema []byte

const (
	// scratchMark is a part of the name of every scratch database: DATABASE_scratch_SECONDS_random.
	scratchMark = "_scratch_"
	// scratchAge is the age from which a scratch database is the remainder of a killed process.
	scratchAge = 10 * time.Minute
	// scratchDrop caps the time for dropping one.
	scratchDrop = 10 * time.Second
)

// wanted returns the schema that the first steps of the migrations in files make, as this server
// describes it. Its texts name s.Database. wanted makes it in a scratch database, and drops that
// database. If the user may not make a database, exact is false. The schema is then the description
// in this program, and only names, types and kinds can be compared.
func (s Server) wanted(
	ctx context.Context, conn driver.Conn, files fs.FS, steps int,
) (want schema, exact bool, err error) {
	scratch := s
	scratch.Database = s.Database + scratchMark + strconv.FormatInt(time.Now().Unix(), 10) +
		"_" + strings.ToLower(rand.Text()[:8])
	all, err := migrationsIn(files, scratch)
	if err != nil {
		return nil, false, err
	}
	if steps > len(all) {
		return nil, false, fmt.Errorf("making the schema of step %d: there are %d", steps, len(all))
	}
	err = s.dropOldScratch(ctx, conn)
	if err == nil {
		err = conn.Exec(ctx, fmt.Sprintf("CREATE DATABASE %s %s", scratch.Database, s.onCluster()))
	}
	if err == nil {
		want, err = scratch.build(ctx, conn, all[:steps])
		// A later start drops the database if dropping fails now.
		_ = s.dropScratch(ctx, conn, scratch.Database)
	}
	if forbidden(err) {
		if want, err = s.described(); err == nil && steps != len(all) {
			err = errors.New(
				"the user may not create a database with tables, so that the schema of an earlier step cannot be made")
		}
		return want, false, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("making the schema in a scratch database: %w", err)
	}
	return want.moved(scratch.Database, s.Database), true, nil
}

// build runs the migrations in the empty database and describes the result.
func (s Server) build(ctx context.Context, conn driver.Conn, steps []Migration) (schema, error) {
	for _, statement := range append(s.ownTables(), once(steps)...) {
		if err := conn.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	return readSchema(ctx, conn, s.Database)
}

// once returns the statements of the steps that run once. The others have no partitions in an empty
// database.
func once(steps []Migration) []string {
	var all []string
	for _, m := range steps {
		for _, st := range m.Statements {
			if st.Each == "" {
				all = append(all, st.SQL)
			}
		}
	}
	return all
}

// dropOldScratch drops the scratch databases that killed processes left behind. It keeps every
// other database, even one whose name only begins like theirs.
func (s Server) dropOldScratch(ctx context.Context, conn driver.Conn) error {
	ours := regexp.MustCompile("^" + regexp.QuoteMeta(s.Database+scratchMark) + "([0-9]{10})_[a-z2-7]{8}$")
	var names []string
	err := each(ctx, conn, "SELECT name FROM system.databases WHERE startsWith(name, ?)",
		s.Database+scratchMark, func(rows driver.Rows) error {
			var found string
			if err := rows.Scan(&found); err != nil {
				return err
			}
			if m := ours.FindStringSubmatch(found); m != nil {
				seconds, _ := strconv.ParseInt(m[1], 10, 64) // ten digits
				if time.Since(time.Unix(seconds, 0)) > scratchAge {
					names = append(names, found)
				}
			}
			return nil
		})
	if err != nil {
		return fmt.Errorf("looking for scratch databases: %w", err)
	}
	for _, n := range names {
		if err := s.dropScratch(ctx, conn, n); err != nil {
			return err
		}
	}
	return nil
}

// dropScratch drops a scratch database, even if ctx has ended.
func (s Server) dropScratch(ctx context.Context, conn driver.Conn, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scratchDrop)
	defer cancel()
	if err := conn.Exec(ctx, fmt.Sprintf(
		"DROP DATABASE IF EXISTS %s %s SYNC", name, s.onCluster())); err != nil {
		return fmt.Errorf("dropping scratch database %s: %w", name, err)
	}
	return nil
}

// described returns the schema according to this program's description.
func (s Server) described() (schema, error) {
	var all schema
	if err := json.Unmarshal(describedSchema, &all); err != nil {
		return nil, fmt.Errorf("reading the description of the schema: %w", err)
	}
	return all.moved(describedDatabase, s.Database), nil
}
