package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"

	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/schemas"
)

// machine describes the machine, its load and the day.
func machine() string {
	model, load := "unknown processor", "unknown"
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			model = cpus[0].ModelName
		}
		if l, err := fs.LoadAvg(); err == nil {
			load = fmt.Sprintf("%.1f", l.Load1)
		}
	}
	nice := ""
	if p, err := procfs.NewProc(os.Getpid()); err == nil {
		if s, err := p.Stat(); err == nil && s.Nice != 0 {
			nice = fmt.Sprintf(", nice %d", s.Nice)
		}
	}
	return fmt.Sprintf("%s, %d cores (%s %s), load %s%s, %s, %s\nbrokers %d, partitions %d, replicas of enrich and sink %d, GOMAXPROCS %s, copies %d, files %q\n",
		model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load, nice, runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		*benchBrokers, *benchPartitions, *benchReplicas, orAll(*benchProcs), *benchCopies, cmp.Or(*benchFiles, "scenario "+*benchScenario))
}

func orAll(n int) string {
	if n == 0 {
		return "all"
	}
	return fmt.Sprint(n)
}

// markdown returns a table whose columns are aligned.
func markdown(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var out strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			fmt.Fprintf(&out, "| %-*s ", widths[i], cell)
		}
		out.WriteString("|\n")
		if n == 0 {
			for _, w := range widths {
				out.WriteString("|" + strings.Repeat("-", w+2))
			}
			out.WriteString("|\n")
		}
	}
	return out.String()
}

// table returns the measurement as tables, and the stage that limits.
func (m *measurement) table() string {
	seconds := m.took.Seconds()
	out := fmt.Sprintf("\n%s: %d records and %d route changes in %.1f s\n\n%s\n%s\n",
		strings.Join(m.stages, ", "), m.input(), m.routeChanges(), seconds,
		costs(m.rows, seconds, m.input(), m.routeChanges()), limiting(m.rows, m.stages, seconds, runtime.NumCPU()))
	if len(m.b.others[0].seen) >= growthLooks {
		out += "\n" + growths(m.rows)
	}
	return out
}

// input returns the records that the first stage has handled.
func (m *measurement) input() int64 { return m.rows[0].records }

func (m *measurement) routeChanges() int64 { return m.rows[0].changes }

// costs returns the table of costs. Rows without records are programs that the stages use; their
// costs are those of the records and route changes of the first stage.
func costs(rows []benchRow, seconds float64, records, changes int64) string {
	all := [][]string{{
		"", "processes", "records/s", "route changes/s", "CPU s per million records", "CPU s per million route changes",
		"cores", "cores without input", "RSS MB", "in MB", "out MB", "lag at the end of the input, records",
	}}
	for _, r := range rows {
		n, c := r.records, r.changes
		cells := []string{r.name, fmt.Sprint(r.processes), "", "", "", "", fmt.Sprintf("%.2f", r.cpu/seconds), idleCores(r.idle), fmt.Sprint(r.rss / 1e6), "", "", ""}
		if n > 0 {
			cells[2], cells[3] = fmt.Sprintf("%.0f", float64(n)/seconds), fmt.Sprintf("%.0f", float64(c)/seconds)
			cells[9], cells[10], cells[11] = fmt.Sprintf("%.1f", float64(r.in)/1e6), fmt.Sprintf("%.1f", float64(r.out)/1e6), fmt.Sprint(r.lag)
		} else {
			n, c = records, changes
		}
		cells[4], cells[5] = perMillion(r.cpu, n), perMillion(r.cpu, c)
		all = append(all, cells)
	}
	return markdown(all)
}

func idleCores(idle float64) string {
	if idle == unmeasured {
		return ""
	}
	return fmt.Sprintf("%.3f", idle)
}

func perMillion(seconds float64, n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", seconds/float64(n)*1e6)
}

// limiting names the program that takes the most CPU (its costs of a record times the rate), whether
// the machine has cores left, and the stage that was the furthest behind.
func limiting(rows []benchRow, stages []string, seconds float64, cores int) string {
	var most, behind benchRow
	total := 0.0
	for _, r := range rows {
		total += r.cpu / seconds
		if r.name != harnessName && r.cpu > most.cpu {
			most = r
		}
		if slices.Contains(stages, r.name) && r.lag > behind.lag {
			behind = r
		}
	}
	out := fmt.Sprintf("The most CPU is taken by %s: %.2f cores. All processes together take %.2f of %d cores", most.name, most.cpu/seconds, total, cores)
	if total < fullShare*float64(cores) {
		out += ": some are left, or taken by other programs."
	} else {
		out += ": the machine is full."
	}
	if behind.lag > 0 {
		out += fmt.Sprintf(" At the end of the input %s was the furthest behind: %d records.", behind.name, behind.lag)
	}
	for _, r := range rows {
		if r.aborted > 0 {
			out += fmt.Sprintf(" %s has repeated %d aborted transactions, with their records.", r.name, r.aborted)
		}
	}
	return out
}

// fullShare is the share of the cores from which on a machine is called full.
const fullShare = 0.9

// growthLooks is the number of looks from which on the growth is shown.
const growthLooks = 240

// growths shows whether processes grow: the second quarter of the measurement and the last one.
func growths(rows []benchRow) string {
	all := [][]string{{"highest in a quarter", "RSS MB, second", "last", "goroutines, second", "last", "files, second", "last"}}
	for _, r := range rows {
		cells := []string{r.name}
		for _, of := range []func(usage) int64{
			func(u usage) int64 { return u.bytes / 1e6 }, func(u usage) int64 { return u.goroutines }, func(u usage) int64 { return u.files },
		} {
			cells = append(cells, fmt.Sprint(of(r.growth[0])), fmt.Sprint(of(r.growth[1])))
		}
		all = append(all, cells)
	}
	return markdown(all)
}

// topics returns the size of the topics.
func (b *bench) topics() string {
	b.t.Helper()
	octets := b.octets(b.t.Context())
	all := [][]string{{"topic", "records and markers", "MB on disk", "octets a record"}}
	for _, topic := range schemas.Topics {
		lags, err := kafka.Lag(b.t.Context(), b.adm, b.cfg, kafka.Reading{Stage: "bench", Topics: []string{topic.Name}})
		if err != nil {
			b.t.Fatal(err)
		}
		if n := lags[0].End; n > 0 {
			size := octets[topic.Name]
			all = append(all, []string{topic.Name, fmt.Sprint(n), fmt.Sprintf("%.1f", float64(size)/1e6), fmt.Sprintf("%.1f", float64(size)/float64(n))})
		}
	}
	return markdown(all)
}

// tables returns the size of ClickHouse's tables.
func (b *bench) tables() string {
	b.t.Helper()
	all := [][]string{{"table", "rows", "MB on disk", "octets a row"}}
	for _, p := range storeParts(b.t.Context(), b.t, b.store) {
		all = append(all, []string{p.table, fmt.Sprint(p.rows), fmt.Sprintf("%.1f", float64(p.octets)/1e6), fmt.Sprintf("%.1f", float64(p.octets)/float64(p.rows))})
	}
	return markdown(all)
}

// TestPhases: stages whose records are needed run before the named ones.
func TestPhases(t *testing.T) {
	t.Parallel()
	for stages, want := range map[string]string{
		"all": "[[ingest enrich detect sink]]", "each": "[[ingest] [enrich] [detect] [sink]]",
		"sink": "[[ingest] [enrich] [detect] [sink]]", "enrich": "[[ingest] [enrich]]",
		"sink,detect": "[[ingest] [enrich] [detect sink]]", "detect,ingest,enrich": "[[ingest enrich detect]]",
	} {
		if got := fmt.Sprint(phases(t, stages)); got != want {
			t.Errorf("%s: got %s, want %s", stages, got, want)
		}
	}
}

// TestCosts: costs are CPU over records; Kafka's are over the records of the pipeline.
func TestCosts(t *testing.T) {
	t.Parallel()
	rows := []benchRow{
		{name: "ingest", processes: 1, records: 1_000_000, changes: 2_000_000, cpu: 2},
		{name: "sink", processes: 2, records: 3_000_000, changes: 2_000_000, cpu: 9, lag: 5, rss: 3e6, in: 4e6, out: 5e6},
		{name: "Kafka", processes: 1, cpu: 4},
	}
	got := costs(rows, 10, rows[0].records, rows[0].changes)
	for _, want := range []string{
		"| ingest | 1         | 100000    | 200000          | 2.00                      | 1.00 ",
		"| sink   | 2         | 300000    | 200000          | 3.00                      | 4.50                            | 0.90  | 0.000               | 3      | 4.0   | 5.0    | 5 ",
		"| Kafka  | 1         |           |                 | 4.00                      | 2.00 ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant in it\n%s", got, want)
		}
	}
	stages := []string{"ingest", "sink"}
	const want = "The most CPU is taken by sink: 0.90 cores. All processes together take 1.50 of 2 cores: some are left, or taken by other programs. " +
		"At the end of the input sink was the furthest behind: 5 records."
	if got := limiting(rows, stages, 10, 2); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if got := limiting(rows, stages, 10, 1); !strings.Contains(got, "the machine is full") {
		t.Errorf("on one core: got %s", got)
	}
}

// TestGrowth compares quarters.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var seen []usage
	for i := range int64(8) {
		seen = append(seen, usage{goroutines: 7, files: i, bytes: i * 10})
	}
	second, last := growth(seen)
	if second != (usage{7, 3, 30}) || last != (usage{7, 7, 70}) {
		t.Errorf("got %v and %v", second, last)
	}
	if got := metricSums("# HELP x y\na{b=\"c d\"} 1\na{b=\"e\"} 2.5\ngo 3\n"); got["a"] != 3.5 || got["go"] != 3 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}
