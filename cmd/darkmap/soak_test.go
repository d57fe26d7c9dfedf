package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/schemas"
)

var soak = flag.Duration("soak", time.Minute, "how long TestSoak runs; the published bar is a day at 20 times speed, 72m")

// TestSoak lets two observatories follow the same RIS Live at 20 times speed: one in peace, one whose connections break, which is
// killed and started again, and whose gaps are filled from archives. They find the same outages, and what the disturbed one
// uses does not grow.
func TestSoak(t *testing.T) {
	t.Parallel()
	const factor = 20
	hosts := []string{"rrc00", "rrc01", "rrc03", "rrc04"}
	sched, err := rislivetest.Read(hosts, datatest.Path(t, "mrt/routeviews2-20130101-arch0.mrt.gz"), datatest.Path(t, "mrt/routeviews2-20130101-arch1.mrt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sched = sched.Loop(factor * (*soak + time.Minute))
	begin := time.Now()
	index, err := sched.WriteArchives(t.TempDir(), begin, factor)
	if err != nil {
		t.Fatal(err)
	}
	writeTables(t, index, sched, begin)
	var all []*observatory
	var servers []*rislivetest.Server
	for range 2 { // a server each: faults are for one
		srv := rislivetest.Start(t, rislivetest.Options{})
		go func() { _ = srv.Play(t.Context(), sched, begin, factor) }() // ends with the test
		o := newObservatory(t, "ingest.rislive.url="+srv.URL, "ingest.rislive.collectors=["+strings.Join(hosts, ", ")+"]", "ingest.archive.index="+index,
			"ingest.bootstrap.poll=500ms", "ingest.bootstrap.overlap=2s", "ingest.bootstrap.least_percent=0", "ingest.bootstrap.check_every=0s")
		o.start()
		all, servers = append(all, o), append(servers, srv)
	}
	quiet, disturbed := all[0], all[1]
	var used []usage
	random := rand.New(rand.NewPCG(1, 2))
	kills := 0
	for end, next := begin.Add(*soak), begin.Add(*soak/10); time.Now().Before(end); time.Sleep(time.Second) {
		if time.Now().Before(next) {
			used = append(used, disturbed.usage())
			continue
		}
		next = time.Now().Add(*soak / 20)
		switch random.IntN(3) {
		case 0, 1: // both connections at once: a gap
			for _, c := range servers[1].Conns() {
				c.Break(rislivetest.Cut)
			}
		case 2: // another process takes over
			if time.Until(end) > *soak/5 {
				kills++
				disturbed.kill()
				disturbed.start()
			}
		}
	}
	whole := func(o *observatory) func() bool {
		return func() bool {
			for _, h := range hosts {
				if g := o.gaps("ris/" + h); len(g) == 0 || g[len(g)-1] != "recovered" {
					return false
				}
			}
			return true
		}
	}
	defer func() {
		if t.Failed() {
			t.Logf("quiet: %q\ndisturbed: %q\nfeeds: %v", quiet.gaps("ris/rrc00"), disturbed.gaps("ris/rrc00"), disturbed.feeds())
		}
	}()
	quiet.eventually("the quiet one is whole", whole(quiet))
	disturbed.eventually("the disturbed one is whole", whole(disturbed))
	if diff := cmp.Diff(quiet.found(), disturbed.found()); diff != "" {
		t.Errorf("outages, quiet and disturbed (-quiet +disturbed):\n%s", diff)
	}
	first, last := most(used[len(used)/4:len(used)/2]), most(used[3*len(used)/4:])
	t.Logf("%d kills, %d gaps of one collector, %d outages; used %v in the second quarter, %v in the last", kills, len(disturbed.gaps("ris/rrc00"))/2, len(quiet.found()), first, last)
	if last.goroutines > first.goroutines+50 || last.files > first.files+50 || last.bytes > first.bytes*3/2+64<<20 {
		t.Errorf("what is used grows: %v, then %v", first, last)
	}
}

// found lists outages in short: entity, kind, and the minute in which each began.
func (o *observatory) found() []string {
	r := newResults()
	o.records(schemas.TopicOutages, func(rec *kgo.Record) error {
		_, err := r.add(rec)
		return err
	})
	var out []string
	for _, x := range outages(r.sorted(filter{})) {
		out = append(out, fmt.Sprintf("%s %s %s", x.Entity.Code, x.Family, x.Kind))
	}
	slices.Sort(out)
	return out
}

// usage is what a process uses, by its own metrics.
type usage struct{ goroutines, files, bytes int64 }

func (u usage) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d MB resident", u.goroutines, u.files, u.bytes/1e6)
}

// most is the highest of each.
func most(all []usage) (m usage) {
	for _, u := range all {
		m = usage{max(m.goroutines, u.goroutines), max(m.files, u.files), max(m.bytes, u.bytes)}
	}
	return m
}

// usage asks for it; nothing while the process starts.
func (o *observatory) usage() (u usage) {
	o.t.Helper()
	for line := range strings.Lines(o.get("/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseFloat(value, 64) // comments are no numbers, and no names
		switch name {
		case "go_goroutines":
			u.goroutines = int64(n)
		case "process_open_fds":
			u.files = int64(n)
		case "process_resident_memory_bytes":
			u.bytes = int64(n)
		}
	}
	return u
}
