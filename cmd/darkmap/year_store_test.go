package main

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/datadir"
)

var (
	yearScale = flag.String("year", "",
		"the scale of the simulated year that TestYearPages and TestYearQueries measure, as 0.1; empty: they are skipped")
	yearDir = flag.String("year-dir", "", "a folder that keeps that year between runs; empty: it is made again")
)

// servedYear serves a simulated year. It skips the test if -year is not set.
func servedYear(t *testing.T) (s *served, server clickhouse.Server, end time.Time) {
	t.Helper()
	if *yearScale == "" {
		t.Skip("it is a measurement: -year 0.1")
	}
	dir := *yearDir
	if dir == "" {
		dir = t.TempDir()
	}
	if code, out, _ := darkmap(t, "", "datasets", "list", "--data-dir", dir); code != 0 || !strings.Contains("\n"+out, "\nyear ") {
		began := time.Now()
		code, _, errs := darkmap(t, "", "simulate", "--store", "--scale", *yearScale, "--data-dir", dir, "--dataset", "year")
		if code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		t.Logf("MEASURED the year was stored in %v", time.Since(began).Round(time.Second))
	}
	s = serving(t, "serve", "--dataset", "year", "--data-dir", dir, "--admin-addr", "127.0.0.1:0",
		"--set", "serve.limits.exempt=[127.0.0.0/8]")
	s.until("the dataset's end", func() bool { return s.health().Minute != nil })
	run, err := datadir.ReadRun(dir)
	if err != nil || run == nil || run.ClickHouse == nil {
		t.Fatalf("there is no engine: %v", err)
	}
	return s, *run.ClickHouse, *s.health().Minute
}

// subject is a question that is measured. ask asks it for the n-th time.
type subject struct {
	name string
	ask  func(n int)
}

// measureYear asks each subject rounds times, in turn, so that other load on the machine affects
// all of them. It logs the first time, and the median and the 95th percentile of the others as
// multiples of those of the first subject.
func measureYear(t *testing.T, rounds int, subjects []subject) {
	t.Helper()
	took := make([][]time.Duration, len(subjects))
	cold := make([]time.Duration, len(subjects))
	for n := range rounds + 1 {
		for i, x := range subjects {
			began := time.Now()
			x.ask(n)
			if d := time.Since(began); n == 0 {
				cold[i] = d
			} else {
				took[i] = append(took[i], d)
			}
		}
	}
	at := func(i, percent int) time.Duration { return took[i][len(took[i])*percent/100] }
	for i := range took {
		slices.Sort(took[i])
	}
	for i, x := range subjects {
		t.Logf("MEASURED %-34s first %7v, p50 %7v (%.1f times), p95 %7v (%.1f times)", x.name,
			cold[i].Round(100*time.Microsecond),
			at(i, 50).Round(100*time.Microsecond), float64(at(i, 50))/float64(at(0, 50)),
			at(i, 95).Round(100*time.Microsecond), float64(at(i, 95))/float64(at(0, 95)))
	}
}
