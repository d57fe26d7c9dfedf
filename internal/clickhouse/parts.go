package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// SetAside is a part of a table that the server does not use any more, because it is damaged or
// does not belong to the table. The table does not contain its rows.
type SetAside struct {
	Table, Part string
	// Reason is the word of the server: broken-on-start, unexpected.
	Reason string
	// Path is the folder of the part on the server's machine.
	Path string
	// Rows is the number of rows of the part, or -1 if it cannot be read any more.
	Rows int64
}

// String describes the missing rows and the place of the part.
func (p SetAside) String() string {
	rows := "an unknown number of rows"
	switch {
	case p.Rows == 1:
		rows = "1 row"
	case p.Rows >= 0:
		rows = fmt.Sprintf("%d rows", p.Rows)
	}
	return fmt.Sprintf(
		"ClickHouse has set a part of table %s aside (%s): %s, with %s; it lies in %s, "+
			"and the other rows are there",
		p.Table, p.Reason, p.Part, rows, p.Path)
}

// harmless lists the reasons of detached parts whose rows are in the table, or were removed by
// hand.
const harmless = "'', 'attaching', 'deleting', 'ignored', 'clone', 'cloned', 'tmp-fetch'"

// SetAsideParts lists the parts of the database that the server has set aside.
func SetAsideParts(ctx context.Context, s Server) ([]SetAside, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	var all []SetAside
	q := "SELECT table, name, ifNull(reason, ''), path FROM system.detached_parts " +
		"WHERE database = ? AND ifNull(reason, '') NOT IN (" +
		harmless + ") ORDER BY table, name"
	err = each(ctx, conn, q, s.Database, func(rows driver.Rows) error {
		p := SetAside{Rows: -1}
		if err := rows.Scan(&p.Table, &p.Part, &p.Reason, &p.Path); err != nil {
			return err
		}
		p.Part = strings.TrimPrefix(p.Part, p.Reason+"_")
		if b, err := os.ReadFile(filepath.Join(p.Path, "count.txt")); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
				p.Rows = n
			}
		}
		all = append(all, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for parts that were set aside: %w", err)
	}
	return all, nil
}

// NewlySetAside lists the parts that were set aside since its last call with the same file. It
// writes that file.
func NewlySetAside(ctx context.Context, s Server, memory string) ([]SetAside, error) {
	all, err := SetAsideParts(ctx, s)
	if err != nil {
		return nil, err
	}
	var known []string
	b, err := os.ReadFile(memory) //nolint:gosec // below the data directory
	if err == nil {
		err = json.Unmarshal(b, &known) // if the file is damaged, all parts are new
	}
	if errors.Is(err, fs.ErrNotExist) && len(all) == 0 {
		return nil, nil
	}
	paths := make([]string, len(all))
	var fresh []SetAside
	for i, p := range all {
		if paths[i] = p.Path; !slices.Contains(known, p.Path) {
			fresh = append(fresh, p)
		}
	}
	if slices.Equal(paths, known) {
		return nil, nil
	}
	if b, err = json.Marshal(paths); err != nil {
		return fresh, fmt.Errorf("noting the parts that were set aside: %w", err)
	}
	if err := os.WriteFile(memory, append(b, '\n'), 0o600); err != nil {
		return fresh, fmt.Errorf("noting the parts that were set aside: %w", err)
	}
	return fresh, nil
}
