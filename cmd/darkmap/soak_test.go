package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

var soak = flag.Duration("soak", 3*time.Minute, "how long TestSoak runs; the published bar is a day at 20 times speed, 72m")

// TestSoak has two observatories follow a simulated day at 20 times speed, in which networks go
// dark and peers come and go. The connections of one of them break. It is killed and started again,
// at once or after so long that it begins with tables again. Outside of the gaps both find the same
// outages, and the resource use of the disturbed one does not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	sched, sets := soakDay(t, *soak+time.Minute)
	begin := time.Now()
	index, err := sched.WriteArchives(t.TempDir(), begin, soakFactor)
	if err != nil {
		t.Fatal(err)
	}
	var all []*observatory
	var servers []*rislivetest.Server
	for range 2 { // a server for each: a fault concerns one
		srv := rislivetest.Start(t, rislivetest.Options{})
		go func() { _ = srv.Play(t.Context(), sched, begin, soakFactor) }() // ends with the test
		o := newObservatory(t, append(sets, "ingest.rislive.url="+srv.URL, "ingest.rislive.collectors=["+strings.Join(sched.Hosts(), ", ")+"]", "ingest.archive.index="+index,
			"ingest.bootstrap.poll_interval=500ms", "ingest.bootstrap.overlap=2s", fmt.Sprintf("ingest.bootstrap.fill_limit=%v", longOutage(*soak)/2), "ingest.bootstrap.check_interval=off")...)
		o.start()
		all, servers = append(all, o), append(servers, srv)
	}
	quiet, disturbed := all[0], all[1]
	defer func() {
		if t.Failed() {
			t.Logf("quiet: %q\ndisturbed: %q\nfeeds: %v", quiet.gaps("ris/rrc00"), disturbed.gaps("ris/rrc00"), disturbed.feeds())
		}
	}()
	used, disturbances := disturb(t, disturbed, servers[1], begin.Add(*soak))
	var until int64
	for _, o := range all {
		o.eventually("all gaps are answered", func() bool {
			return !slices.ContainsFunc(sched.Hosts(), func(h string) bool {
				g := o.gaps("ris/" + h)
				return len(g) == 0 || g[len(g)-1] != "recovered"
			})
		})
		o.eventually("the last minute is judged", func() bool {
			_, last := o.visible()
			until = last
			return !time.Unix(last+60, 0).Before(begin.Add(*soak).Truncate(time.Minute))
		})
	}
	sameOutside(t, quiet, disturbed, until)
	first, last := most(used[len(used)/4:len(used)/2]), most(used[3*len(used)/4:])
	t.Logf("%s; used %v in the second quarter, %v in the last", disturbances, first, last)
	if last.goroutines > first.goroutines+50 || last.files > first.files+50 || last.bytes > first.bytes*3/2+64<<20 {
		t.Errorf("what is used grows: %v, then %v", first, last)
	}
}

const soakFactor = 20

// longOutage returns how long the disturbed observatory is down once.
func longOutage(soak time.Duration) time.Duration { return max(soak/50, 5*time.Second) }

// soakDay simulates the day that is played in length. Networks at the edge go dark every five
// minutes of the play, one after the other, some of them long enough for an outage. It returns the
// day and the networks' geography, as settings.
func soakDay(t *testing.T, length time.Duration) (*rislivetest.Schedule, []string) {
	t.Helper()
	start := time.Date(2015, 1, 5, 0, 0, 0, 0, time.UTC)
	s := simulate.Scenario{Name: "soak", Seed: 20, Start: start, End: start.Add(soakFactor * length), Background: true}
	edge := []bgp.ASN{24757, 17660, 131279, 36991, 9329, 24482, 3661, 2848, 7497, 1659}
	durations := []time.Duration{130 * time.Minute, 40 * time.Minute, 240 * time.Minute, 170 * time.Minute}
	for i := range int(soakFactor * length / (100 * time.Minute)) {
		at := start.Add(time.Duration(i)*100*time.Minute + 47*time.Minute + time.Duration(i*i)*time.Second)
		s.Losses = append(s.Losses, simulate.Loss{Origin: edge[i%len(edge)], Start: at, End: at.Add(durations[i%len(durations)])})
	}
	world, err := simulate.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := world.Export(dir); err != nil {
		t.Fatal(err)
	}
	files := map[string][]string{}
	for i, c := range world.Collectors() {
		files[fmt.Sprintf("rrc%02d", i)] = []string{filepath.Join(dir, c+".rib.mrt.gz"), filepath.Join(dir, c+".updates.mrt.gz")}
	}
	sched, err := rislivetest.ReadEach(files)
	if err != nil {
		t.Fatal(err)
	}
	sched = sched.Beside(rislivetest.Quiet(sched.Hosts(), soakFactor*length)) // no collector is silent
	sched.DumpEvery = 8 * time.Hour
	return sched, []string{"enrich.geo.files=[" + filepath.Join(dir, "geo.csv") + "]", "enrich.asn.files=[" + filepath.Join(dir, "asn.csv") + "]"}
}

// disturb cuts connections and kills the observatory until end. It returns the observatory's
// resource use, second by second, and a description of the faults.
func disturb(t *testing.T, o *observatory, srv *rislivetest.Server, end time.Time) (used []usage, what string) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	whole := time.Until(end)
	cuts, kills, long := 0, 0, false
	for next := time.Now().Add(whole / 10); time.Now().Before(end); time.Sleep(time.Second) {
		left := time.Until(end)
		switch {
		case time.Now().Before(next) || left < whole/8:
			used = append(used, o.usage())
			continue
		case !long && left < whole/2:
			long = true
			o.kill()
			time.Sleep(longOutage(whole))
			o.start()
		case random.IntN(3) == 0: // another process takes over
			kills++
			o.kill()
			o.start()
		default: // both connections at once
			cuts++
			for _, c := range srv.Conns() {
				c.Break(rislivetest.Cut)
			}
		}
		// A connection that lasted a minute is opened again at once.
		next = time.Now().Add(max(whole/20, 75*time.Second))
	}
	return used, fmt.Sprintf("%d times both connections cut, %d times killed and started at once, once after %v", cuts, kills, longOutage(whole))
}

// usage is the resource use of a process, by its own metrics.
type usage struct{ goroutines, files, bytes int64 }

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d MB resident", u.goroutines, u.files, u.bytes/1e6)
}

// most returns the highest value of each resource.
func most(all []usage) (m usage) {
	for _, u := range all {
		m = usage{max(m.goroutines, u.goroutines), max(m.files, u.files), max(m.bytes, u.bytes)}
	}
	return m
}

// usage requests the metrics. It returns zero while the process starts.
func (o *observatory) usage() usage {
	o.t.Helper()
	m := metricSums(o.get("/metrics"))
	return usage{int64(m["go_goroutines"]), int64(m["process_open_fds"]), int64(m["process_resident_memory_bytes"])}
}

// metricSums reads metrics in Prometheus' text format. It sums each over its labels.
func metricSums(text string) map[string]float64 {
	sums := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := cutLast(strings.TrimSpace(line), " ")
		name, _, _ = strings.Cut(name, "{")
		if n, err := strconv.ParseFloat(value, 64); err == nil && !strings.HasPrefix(name, "#") {
			sums[name] += n
		}
	}
	return sums
}

// cutLast is strings.Cut around the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
