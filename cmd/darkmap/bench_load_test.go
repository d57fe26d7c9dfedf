package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

// benchLoad is the input of a benchmark: the same messages round after round.
type benchLoad struct {
	flags    []string // for every stage: geography and owners of a simulated world
	sched    *rislivetest.Schedule
	each     []*rislivetest.Schedule // its collectors
	rate     float64                 // route changes a second, if each is repeated as soon as it ends
	names    []string                // of the files and collectors
	changes  int64                   // route changes of a round
	messages int                     // of a round
	span     time.Duration           // of a round in event time, whole minutes
}

func (l *benchLoad) String() string {
	return fmt.Sprintf("a round has %d route changes in %d messages within %v:\n%s", l.changes, l.messages, l.span, strings.Join(l.names, "\n"))
}

// loadStart is the event time of the first message of played files.
var loadStart = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// firstHost is the number of the first collector, above those of RIS.
const firstHost = 50

// mostSpan bounds a round: files of one collector that are further apart do not belong together.
const mostSpan = 7 * 24 * time.Hour

// readLoad reads the files of arguments FILE, NAME=FILE or patterns of them, or, without any, makes
// those of a scenario. Files without a name are a collector each. The collectors begin at the same
// time, whatever the times of their files are, with the tables among them. Each is there as often
// as copies, under other names.
func readLoad(t *testing.T, args []string, scenarioName string, copies int) *benchLoad {
	t.Helper()
	l := &benchLoad{}
	files, order := map[string][]string{}, []string(nil)
	add := func(name, path string) {
		if files[name] == nil {
			order = append(order, name)
		}
		files[name] = append(files[name], path)
	}
	if len(args) == 0 {
		all := scenarioArguments(t, scenario(t, scenarioName))[1:] // without --no-store
		l.flags, args = all[:2], all[2:]
	}
	for _, arg := range args {
		name, pattern, named := strings.Cut(arg, "=")
		if !named {
			pattern = arg
		}
		paths, err := filepath.Glob(benchPath(pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("FILES: %s is no file (%v)", pattern, err)
		}
		for _, path := range paths {
			if !named {
				name = path
			}
			add(name, path)
		}
	}
	for i, name := range order {
		one := readCollector(t, name, fmt.Sprintf("rrc%d", firstHost+i*copies), files[name])
		l.names = append(l.names, fmt.Sprintf("%s is %s (%d messages, %v)", one.Hosts()[0], name, len(one.Events), one.Length))
		for n := range copies {
			copied := one
			if n > 0 {
				copied = one.Renamed(func(string) string { return fmt.Sprintf("rrc%d", firstHost+i*copies+n) })
			}
			l.add(copied)
		}
	}
	if l.changes == 0 {
		t.Fatal("FILES: no message of them has a route")
	}
	l.messages = len(l.sched.Events)
	l.span = l.sched.Length.Truncate(time.Minute) + time.Minute
	l.sched.Length = l.span
	return l
}

// readCollector reads the files of a collector: updates, and tables for the begin.
func readCollector(t *testing.T, name, host string, paths []string) *rislivetest.Schedule {
	t.Helper()
	var updates, tables []string
	for _, path := range paths {
		isTable, err := rislivetest.IsTable(path)
		switch {
		case err != nil:
			t.Fatal(err)
		case isTable:
			tables = append(tables, path)
		default:
			updates = append(updates, path)
		}
	}
	s, err := rislivetest.ReadEach(map[string][]string{host: updates})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if s.Length > mostSpan {
		t.Fatalf("the updates of %s span %v: at most %v are possible", name, s.Length, mostSpan)
	}
	for _, path := range tables {
		if s, err = s.WithTable(host, path); err != nil {
			t.Fatal(err)
		}
	}
	s.Length += time.Second // between its last message and its first one again
	return s
}

// add adds a collector.
func (l *benchLoad) add(s *rislivetest.Schedule) {
	changes := routeChanges(s)
	l.changes += changes
	l.rate += float64(changes) / s.Length.Seconds()
	l.each = append(l.each, s)
	if l.sched == nil {
		l.sched = s.Renamed(func(host string) string { return host })
	} else {
		l.sched = l.sched.Beside(s)
	}
}

// routeChanges counts the route changes of a schedule.
func routeChanges(s *rislivetest.Schedule) (n int64) {
	var d wire.Decoder
	for i := range s.Events {
		e := &s.Events[i]
		kind, body, err := wire.SplitMessage(e.Message)
		if err != nil || kind != wire.MessageUpdate {
			continue
		}
		if u, err := d.DecodeUpdate(body, wire.Options{ASOctets: e.ASOctets}); err == nil {
			n += int64(len(u.Announced) + len(u.Withdrawn))
		}
	}
	return n
}

// benchInput is a load as files on disk.
type benchInput struct {
	args    []string // NAME=FILE, for ingest and replay
	rounds  int
	changes int64
	bytes   int64
}

// write writes as many rounds as have at least that many route changes.
func (l *benchLoad) write(t *testing.T, changes int64) (w benchInput) {
	t.Helper()
	dir := t.TempDir()
	for w.changes < changes || w.rounds == 0 {
		begin := loadStart.Add(time.Duration(w.rounds) * l.span)
		files, err := l.sched.WriteCaptures(filepath.Join(dir, fmt.Sprint(w.rounds)), begin, w.rounds == 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range slices.Sorted(maps.Keys(files)) {
			for _, path := range files[host] {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				w.bytes += info.Size()
				w.args = append(w.args, host+"="+path)
			}
		}
		w.rounds++
		w.changes += l.changes
	}
	return w
}

// TestLoad: the rounds of a scenario follow one another in files that ingest takes.
func TestLoad(t *testing.T) {
	t.Parallel()
	l := readLoad(t, nil, "four-withdrawn", 2)
	w := l.write(t, l.changes+1)
	hosts := len(l.sched.Hosts())
	if w.rounds != 2 || w.changes != 2*l.changes || len(w.args) != 3*hosts {
		t.Errorf("got %d rounds with %d changes in %d files of %d collectors, want 2, %d, %d",
			w.rounds, w.changes, len(w.args), hosts, 2*l.changes, 3*hosts)
	}
	if got := simulate.CollectorNames(); hosts != 2*len(got) {
		t.Errorf("got %d collectors, want each of %v twice", hosts, got)
	}
}
