package clickhouse_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// TestDatasets follows datasets from the claim through the completion to the drop, beside a dataset
// of live data. It also reads them in a store of an older version.
func TestDatasets(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), clickhousetest.Server(t)
	conn, err := clickhouse.Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing is pending
	began := time.Date(2014, 12, 22, 16, 15, 0, 1000, time.UTC)
	a := clickhouse.Dataset{
		Name: "a", Inputs: "i", Settings: "s", Version: "1", Files: []string{"x.gz", "it's.gz"}, Collectors: []string{"file/x"}, Begins: began, Ends: began.Add(time.Hour),
		Changed: []string{"key=value"}, GeographyDate: time.Date(2022, 2, 24, 0, 0, 0, 0, time.UTC), OwnersDate: time.Date(2021, 12, 1, 0, 0, 0, 0, time.UTC),
		GeographyFiles: []string{"/data/2022-02-24/x.gz (2022-02-24)", "own.csv"},
	}
	list := func(want ...string) []clickhouse.StoredDataset {
		t.Helper()
		all, err := clickhouse.Datasets(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range all {
			got = append(got, fmt.Sprintf("%s %d outages %d changes complete %v collected %v", d.Name, d.Outages, d.RouteChanges, !d.Completed.IsZero(), d.Collected))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return all
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	list()
	do(clickhouse.ClaimDataset(ctx, s, a, false))
	must(t, conn,
		fmt.Sprintf("INSERT INTO %s.outage_events (dataset, id, sequence, appended_at) VALUES ('a', '1', 1, now()), ('a', '1', 2, now()), ('a', '2', 1, now()), ('live', '1', 1, now())", s.Database),
		fmt.Sprintf("INSERT INTO %s.route_change_log (dataset, sequence, appended_at) SELECT 'a', number, now() FROM numbers(3)", s.Database),
		fmt.Sprintf("INSERT INTO %s.panel (dataset, timestamp, position_sequence, appended_at) VALUES ('live', '2026-01-01 00:00:00', 1, now()), ('live', '2026-01-02 00:00:00', 2, now())", s.Database))
	list("a 2 outages 3 changes complete false collected false", "live 1 outages 0 changes complete false collected true")
	do(clickhouse.CompleteDataset(ctx, s, a))
	do(clickhouse.ClaimDataset(ctx, s, a, false)) // the same again changes nothing
	all := list("a 2 outages 3 changes complete true collected false", "live 1 outages 0 changes complete false collected true")
	got := all[0].Dataset
	if got.Created.IsZero() || got.Completed.Before(got.Created.Add(-time.Second)) {
		t.Errorf("created %v, completed %v", got.Created, got.Completed)
	}
	got.Created, got.Completed = time.Time{}, time.Time{}
	if diff := cmp.Diff(a, got); diff != "" {
		t.Errorf("what was entered (-want +got):\n%s", diff)
	}
	if d := all[1]; d.Begins.Day() != 1 || d.Ends.Day() != 2 {
		t.Errorf("live: got %v to %v, want the times of its panel", d.Begins, d.Ends)
	}
	b := a
	b.Inputs = "j"
	if err := clickhouse.ClaimDataset(ctx, s, b, false); !errors.Is(err, clickhouse.ErrDatasetTaken) {
		t.Errorf("other inputs: got %v", err)
	}
	do(clickhouse.ClaimDataset(ctx, s, b, true))
	list("a 0 outages 0 changes complete false collected false", "live 1 outages 0 changes complete false collected true")
	for _, column := range []string{"completed_at", "version", "files", "collectors", "begins_at", "ends_at", "changed", "geography_date", "owners_date", "geography_files"} {
		must(t, conn, fmt.Sprintf("ALTER TABLE %s.datasets DROP COLUMN %s", s.Database, column))
	}
	if d := list("a 0 outages 0 changes complete false collected false", "live 1 outages 0 changes complete false collected true")[0]; d.Version != "" || len(d.Files) > 0 || d.Created.IsZero() {
		t.Errorf("of an older store: got %+v", d)
	}
	do(clickhouse.DropDataset(ctx, s, "a"))
	must(t, conn, "DROP TABLE "+s.Database+".prefix_states SYNC") // as before the table came
	list("live 1 outages 0 changes complete false collected true")
}
