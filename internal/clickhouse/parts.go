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

// SetAside is a part of a table that the server does not use any more, because it is damaged or does not belong there. Its rows are
// missing from the table.
type SetAside struct {
	Table, Part string
	// Reason is the server's word: broken-on-start, unexpected.
	Reason string
	// Path is the folder of the part, where the server has it.
	Path string
	// Rows is how many rows the part held, -1 where that cannot be read any more.
	Rows int64
}

// String says what is missing and where it lies.
func (p SetAside) String() string {
	rows := "an unknown number of rows"
	switch {
	case p.Rows == 1:
		rows = "1 row"
	case p.Rows >= 0:
		rows = fmt.Sprintf("%d rows", p.Rows)
	}
	return fmt.Sprintf("ClickHouse has set a part of table %s aside (%s): %s, with %s; it lies in %s, and the other rows are there", p.Table, p.Reason, p.Part, rows, p.Path)
}

// harmless are reasons for which a part lies aside while its rows are in the table, or were taken out by hand.
const harmless = "'', 'attaching', 'deleting', 'ignored', 'clone', 'cloned', 'tmp-fetch'"

// SetAsideParts lists the parts of the database that the server has set aside.
func SetAsideParts(ctx context.Context, s Server) ([]SetAside, error) {
	conn, err := Open(ctx, s)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	var all []SetAside
	q := "SELECT table, name, ifNull(reason, ''), path FROM system.detached_parts WHERE database = ? AND ifNull(reason, '') NOT IN (" + harmless + ") ORDER BY table, name"
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

// NewlySetAside lists those that were not there when it was called last with the same file, which it makes.
func NewlySetAside(ctx context.Context, s Server, memory string) ([]SetAside, error) {
	all, err := SetAsideParts(ctx, s)
	if err != nil {
		return nil, err
	}
	var known []string
	b, err := os.ReadFile(memory) //nolint:gosec // below the data directory
	if err == nil {
		err = json.Unmarshal(b, &known) // where it is damaged, everything is new
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
