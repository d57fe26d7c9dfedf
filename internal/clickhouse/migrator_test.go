package clickhouse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
)

// runnerEnv makes the test's program run migrations on the server that the variable describes.
const runnerEnv = "DARKMAP_TEST_MIGRATE"

// runner applies the slow migrations of testdata.
func runner(server string) error {
	var s clickhouse.Server
	if err := json.Unmarshal([]byte(server), &s); err != nil {
		return err
	}
	files, err := further(true)
	if err != nil {
		return err
	}
	_, err = clickhouse.MigratorOf(clickhouse.Migrator{Server: s, Program: "darkmap killed"}, files).Migrate(context.Background())
	return err
}

// said collects the messages of a Migrator.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, text)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// waitFor checks ok every 20 ms for half a minute.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited half a minute for %s", what)
		}
	}
}

// TestKilledRunner kills a process in the middle of a copy by partition. Status and dry run show
// its progress, and the next runner continues at once after the recorded statements. It also waits
// for a living process, and names it.
func TestKilledRunner(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	const partitions = 4
	letters(t, conn, s, partitions)
	files, err := further(true)
	if err != nil {
		t.Fatal(err)
	}
	server, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	m := clickhouse.MigratorOf(clickhouse.Migrator{Server: s, Program: "darkmap next"}, files)

	plan, err := m.Plan(t.Context())
	for _, want := range []string{"RENAME TABLE", "once for each partition of deadletter: 4 of 4 partitions and 40000 rows are left to copy", "_partition_id = {{partition}};"} {
		if err != nil || !strings.Contains(plan, want) {
			t.Errorf("before: got %v and\n%s\nwant %q in it", err, plan, want)
		}
	}

	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), runnerEnv+"="+string(server))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	copied := func() uint64 {
		var n uint64
		// The table may not exist yet.
		_ = conn.QueryRow(t.Context(), "SELECT count() FROM "+s.Database+".schema_progress FINAL WHERE partition != ''").Scan(&n)
		return n
	}
	waitFor(t, "a partition that is copied", func() bool { return copied() > 0 })

	// A second runner waits.
	var words said
	waiting := m
	waiting.Say = words.say
	limited, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { // ends with limited
		_, err := waiting.Migrate(limited)
		ended <- err
	}()
	waitFor(t, "a runner that waits", func() bool { return strings.Contains(words.String(), "waiting: darkmap killed (process ") })
	cancel()
	if err := <-ended; err == nil {
		t.Error("a runner that was told to end: got no error")
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	n := copied()
	if n == 0 || n == partitions {
		t.Fatalf("%d partitions of %d are copied: the kill came at the wrong time", n, partitions)
	}
	status, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := status.Steps[len(status.Steps)-1]
	if !last.Begun() || last.Done || last.Passed != last.Statements-1 || last.Copied != int(n) || last.Partitions != partitions || status.Holder != "" {
		t.Errorf("status: got %+v, holder %q; want %d of %d partitions copied", last, status.Holder, n, partitions)
	}
	if plan, err := m.Plan(t.Context()); err != nil || !strings.Contains(plan, fmt.Sprintf(": %d of 4 partitions", partitions-n)) || strings.Contains(plan, "RENAME TABLE") {
		t.Errorf("plan: got %v and\n%s", err, plan)
	}

	began := time.Now()
	m.Say = (&said{}).say
	got, err := m.Migrate(t.Context())
	if err != nil || got.Steps != 1 || len(got.Repairs) > 0 {
		t.Fatalf("after the kill: got %+v, %v; want one step", got, err)
	}
	t.Logf("went on and done within %v", time.Since(began))
	if programs := list(t, conn, "SELECT program FROM "+s.Database+".schema_progress FINAL WHERE partition != '' GROUP BY program ORDER BY program"); strings.Join(programs, " ") != "darkmap killed darkmap next" {
		t.Errorf("partitions were copied by %q, want both runners", programs)
	}
	if n := one[uint64](t, conn, "SELECT count() FROM "+s.Database+".letters_by_offset FINAL"); n != 40000 {
		t.Errorf("%d rows were copied, want 40000", n)
	}
	if plan, err := m.Plan(t.Context()); err != nil || plan != "" {
		t.Errorf("at the end: got %v and\n%s", err, plan)
	}
	status, err = m.Status(t.Context())
	if last := status.Steps[len(status.Steps)-1]; err != nil || !last.Done || last.Program != "darkmap next" || time.Since(last.At) > time.Minute {
		t.Errorf("at the end: got %+v, %v", last, err)
	}
	testFill(t, conn, s, files)
}

// testFill: if a materialized view is missing or different, or its table is missing, Migrate makes
// it again, and the table has every row.
func testFill(t *testing.T, conn driver.Conn, s clickhouse.Server, files fs.FS) {
	t.Helper()
	db := s.Database + "."
	for i, by := range [][]string{
		{"DROP VIEW " + db + "letters_to_letters_by_offset SYNC"},
		{"DROP TABLE " + db + "letters_by_offset SYNC"},
		{"DROP VIEW " + db + "letters_to_letters_by_offset SYNC", "DROP TABLE " + db + "letters_by_offset SYNC"},
	} {
		must(t, conn, by...)
		if i != 1 { // a view without its table rejects rows
			must(t, conn, fmt.Sprintf("INSERT INTO %sletters (dataset, topic, offset, appended_at) VALUES ('t', 'late', %d, now())", db, 100_000+i))
		}
		got, err := clickhouse.MigrateFrom(t.Context(), s, files)
		if said := strings.Join(got.Repairs, "\n"); err != nil || !strings.Contains(said, "was missing") || !strings.Contains(said, "letters_by_offset was filled again") {
			t.Errorf("%v: got %+v, %v", by, got, err)
		}
		want := one[uint64](t, conn, "SELECT count() FROM "+db+"letters FINAL")
		if n := one[uint64](t, conn, "SELECT count() FROM "+db+"letters_by_offset FINAL"); n != want {
			t.Errorf("%v: %d rows, want %d", by, n, want)
		}
	}
}

// TestOneRunner: of many runners that claim the schema at once, only one at a time holds it.
func TestOneRunner(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	var holders, most atomic.Int32
	var all sync.WaitGroup
	const runners = 8
	for i := range runners {
		all.Go(func() {
			_, release, err := clickhouse.Lock(t.Context(), s, fmt.Sprint("runner ", i), func(string) {})
			if err != nil {
				t.Error(err)
				return
			}
			if n := holders.Add(1); n > most.Load() {
				most.Store(n)
			}
			if _, err := s.HTTP(t.Context(), clickhouse.Query{SQL: "SELECT sleep(0.2)"}); err != nil {
				t.Error(err)
			}
			holders.Add(-1)
			if err := release(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if most.Load() != 1 {
		t.Errorf("%d runners had the schema at once", most.Load())
	}

	// A claim of another machine that is not renewed expires. A generation whose row was never
	// finished is skipped.
	generation := one[uint64](t, conn, "SELECT max(generation) FROM "+s.Database+".schema_lock")
	must(t, conn, fmt.Sprintf("INSERT INTO %s.schema_lock (generation, token, owner, machine, until) SETTINGS insert_deduplication_token = '%d' VALUES (%d, 'x', 'another', 'another', now64(3) + 2)", s.Database, generation+1, generation+1))
	began := time.Now()
	var words said
	lost, release, err := clickhouse.Lock(t.Context(), s, "runner", words.say)
	if err != nil || time.Since(began) < time.Second || !strings.Contains(words.String(), "waiting: another has been") {
		t.Fatalf("got %v after %v, and %q", err, time.Since(began), &words)
	}
	// A runner that claims the schema in spite of that ends the work of the holder.
	must(t, conn, fmt.Sprintf("INSERT INTO %s.schema_lock (generation, token, owner, machine, until) SELECT max(generation) + 1, 'y', 'thief', 'another', now64(3) FROM %s.schema_lock", s.Database, s.Database))
	<-lost.Done()
	if err := context.Cause(lost); err == nil || !strings.Contains(err.Error(), "could not be renewed") {
		t.Errorf("after a theft: got %v", err)
	}
	if err := release(); err != nil {
		t.Error(err)
	}
}

// TestRetention: tables keep rows for the configured time, and an operator's addition to a time to
// live remains.
func TestRetention(t *testing.T) {
	t.Parallel()
	s := clickhousetest.Server(t)
	conn := open(t, s)
	life := func(table string) string {
		return one[string](t, conn, "SELECT extract(engine_full, ' TTL (.*?)(?: SETTINGS|$)') FROM system.tables WHERE database = ? AND name = ?", s.Database, table)
	}
	keep := clickhouse.DefaultRetention()
	m := clickhouse.Migrator{Server: s, Retention: &keep}
	if _, err := m.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := life("visibility"); got != "appended_at + toIntervalYear(5)" {
		t.Errorf("visibility: got %q", got)
	}
	must(t, conn, "ALTER TABLE "+s.Database+".feeds MODIFY TTL appended_at + INTERVAL 1 DAY RECOMPRESS CODEC(ZSTD(9)), appended_at + INTERVAL 90 DAY DELETE")
	if got, err := m.Migrate(t.Context()); err != nil || len(got.Retention) > 0 || len(got.Repairs) > 0 {
		t.Errorf("again: got %+v, %v; want nothing done", got, err)
	}

	keep.RouteChanges, keep.Feeds, keep.Panel, keep.Outages = "12h", "8w", "0", "100y"
	if plan, err := m.Plan(t.Context()); err != nil || strings.Count(plan, "TTL") < 4 {
		t.Errorf("plan: got %v and\n%s", err, plan)
	}
	got, err := m.Migrate(t.Context())
	if err != nil || !strings.Contains(strings.Join(got.Retention, "\n"), "table panel keeps rows for ever now; it was 365 days") {
		t.Errorf("got %+v, %v", got, err)
	}
	for table, want := range map[string]string{
		"route_change_log": "appended_at + toIntervalHour(12)", "panel": "", "outage_events": "appended_at + toIntervalYear(100)",
		"feeds": "appended_at + toIntervalDay(1) RECOMPRESS CODEC(ZSTD(9)), appended_at + toIntervalWeek(8)",
	} {
		if got := life(table); got != want {
			t.Errorf("%s: got %q, want %q", table, got, want)
		}
	}
	keep.Panel, keep.Outages = "1y", "forever"
	if got, err := m.Migrate(t.Context()); err != nil || len(got.Retention) != 4 || life("panel") != "appended_at + toIntervalYear(1)" || life("panel_verdicts") != life("panel") || life("outage_events") != "" {
		t.Errorf("back: got %+v, %v, panel %q", got, err, life("panel"))
	}
	for _, wrong := range []string{"", "30", "1.5d", "-1d", "30 days", "5m", "0d", "for ever"} {
		keep.Feeds = wrong
		if faults := keep.Faults(); len(faults) != 1 || faults[0].Key != "feeds" {
			t.Errorf("%q: got %v, want a fault", wrong, faults)
		}
	}
}

// further holds the migrations of withFurther. The slow ones take a second for each partition.
func further(slow bool) (fstest.MapFS, error) {
	files, err := furtherFiles()
	if slow {
		for name, f := range files {
			if strings.HasSuffix(name, "_made_up.sql") {
				f.Data = []byte(strings.ReplaceAll(string(f.Data), "WHERE _partition_id", "WHERE sleep(1) = 0 AND _partition_id"))
			}
		}
	}
	return files, err
}
