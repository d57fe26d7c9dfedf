package main

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/rislivetest"
)

var (
	rowsKills = flag.Int("rows-kills", 2, "how often TestRowsOnce kills up before it takes the log away; the published bar is 6")
	rowsFor   = flag.Duration("rows", 40*time.Second, "how long TestRowsOnce disturbs up; the published bar is 30m")
	rowsStop  = flag.Duration("rows-stop", 5*time.Second, "for how long TestRowsOnce stops up, once; the published bar is 90s")
)

// rowsFactor is how many times faster than real TestRowsOnce plays.
const rowsFactor = 30

// TestRowsOnce follows a RIS Live with an up that is killed, stopped, cut off, and started on an
// empty broker, again and again: the view route_changes holds each message that was sent once, and
// no other.
func TestRowsOnce(t *testing.T) {
	t.Parallel()
	clickhousetest.StartIn(t, t.TempDir()) // skips where there is no engine
	sched := rowsWorld(t)
	archives, begin := t.TempDir(), time.Now()
	index, err := sched.WriteArchives(archives, begin, rowsFactor)
	if err != nil {
		t.Fatal(err)
	}
	writeTables(t, index, sched, begin)
	srv := rislivetest.Start(t, rislivetest.Options{BehindBytes: 1 << 16, BehindFor: time.Second})
	go func() { _ = srv.Play(t.Context(), sched, begin, rowsFactor) }() // ends with the test
	o := newObservatory(t, "ingest.rislive.url="+srv.URL, "ingest.rislive.collectors=[rrc00, rrc01]", "ingest.archive.index="+index,
		"ingest.bootstrap.poll=500ms", "ingest.bootstrap.dump_age=2h", "ingest.bootstrap.overlap=2s", "ingest.bootstrap.least_percent=0", "ingest.bootstrap.check_every=0s")
	o.args = slices.DeleteFunc(o.args, func(a string) bool { return a == "--no-store" })
	o.start()
	answered := func() bool {
		return !slices.ContainsFunc(sched.Hosts(), func(h string) bool {
			g := o.gaps("ris/" + h)
			return len(g) == 0 || g[len(g)-1] != "recovered"
		})
	}
	running := func() bool { return len(o.feeds()) == len(sched.Hosts()) }
	o.eventually("the tables have come", func() bool { return running() && answered() })
	disturbRows(t, o, srv, begin.Add(*rowsFor), func() { o.eventually("it runs", running) })
	t.Logf("disturbed for %v", time.Since(begin))
	quiet := begin.Add(*rowsFor + 2*time.Second)
	o.eventually("all was sent, and all gaps are answered", func() bool { return time.Now().After(quiet) && answered() })
	want := wantRows(t, sched, begin)
	last := settled(t, o, len(want))
	got := strings.Split(sqlRows(t, o.dir, `SELECT collector, peer_address, type, prefix, toUnixTimestamp64Milli(timestamp) FROM route_changes ORDER BY ALL`), "\n")
	slices.Sort(got)
	compareRows(t, want, got)
	t.Logf("%d rows were sent; route_changes has %d, route_change_log %s; by lane: %q", len(want), len(got), last,
		sqlRows(t, o.dir, "SELECT splitByChar('/', toString(lane))[1] AS kind, uniq(lane, session), count(), countIf(repeats != 0) FROM route_change_log GROUP BY kind ORDER BY kind"))
	if last == strconv.Itoa(len(got)) {
		t.Error("nothing came twice: the test has shown nothing")
	}
}

// rowsWorld is real messages over and over, of at most two peers of an AS, whose tables are those
// that are sent; and quiet after that, in which gaps are answered.
func rowsWorld(t *testing.T) *rislivetest.Schedule {
	t.Helper()
	hosts := []string{"rrc00", "rrc01"}
	sched, err := rislivetest.Read(hosts, datatest.Path(t, "mrt/routeviews2-20130101-arch0.mrt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	type as struct {
		host string
		asn  bgp.ASN
	}
	of := map[as][]bgp.Peer{}
	sched.Events = slices.DeleteFunc(sched.Events, func(e rislivetest.Event) bool {
		k := as{e.Host, e.Peer.ASN}
		if !slices.Contains(of[k], e.Peer) {
			of[k] = append(of[k], e.Peer)
		}
		return slices.Index(of[k], e.Peer) >= 2
	})
	length := rowsFactor * *rowsFor
	return sched.Loop(length).Then(rislivetest.Quiet(hosts, rowsFactor*5*time.Minute))
}

// disturbRows breaks up until end: kills, a stop, cuts of both connections, and once an empty
// broker.
func disturbRows(t *testing.T, o *observatory, srv *rislivetest.Server, end time.Time, running func()) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 6))
	pause := func(of int) {
		time.Sleep(time.Duration(float64(time.Until(end)) / float64(of) * (0.5 + r.Float64()/2)))
	}
	steps := *rowsKills + 3
	for i := range *rowsKills {
		pause(steps - i)
		for _, c := range srv.Conns() { // both connections at once
			c.Break(rislivetest.Cut)
		}
		time.Sleep(time.Duration(r.Int64N(int64(2 * time.Second))))
		o.kill()
		time.Sleep(time.Duration(r.Int64N(int64(2 * time.Second))))
		o.start()
		running()
	}
	pause(3)
	if err := o.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.Sleep(*rowsStop)
	if err := o.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	pause(2)
	o.kill()
	if err := os.RemoveAll(filepath.Join(o.dir, "kafka")); err != nil {
		t.Fatal(err)
	}
	o.start()
	running()
}

// settled waits until as many rows are shown as were sent, or none has come for long, and then
// until no more come for a while. It returns how many rows there are in the log's table.
func settled(t *testing.T, o *observatory, sent int) string {
	t.Helper()
	last, since := "", time.Now()
	for ; time.Since(since) < time.Minute; time.Sleep(500 * time.Millisecond) {
		counts := sqlRows(t, o.dir, "SELECT (SELECT count() FROM route_changes), (SELECT count() FROM route_change_log)")
		if counts != last {
			last, since = counts, time.Now()
		}
		shown, _, _ := strings.Cut(last, "\t")
		if shown == strconv.Itoa(sent) && time.Since(since) > 3*time.Second {
			break
		}
	}
	_, all, _ := strings.Cut(last, "\t")
	return all
}

// wantRows are the rows of all messages that were sent, in order.
func wantRows(t *testing.T, sched *rislivetest.Schedule, begin time.Time) []string {
	t.Helper()
	var d wire.Decoder
	var all []string
	for i := range sched.Events {
		e := &sched.Events[i]
		if e.Message == nil {
			continue
		}
		typ, body, err := wire.SplitMessage(e.Message)
		if err != nil || typ != wire.MessageUpdate {
			continue
		}
		u, err := d.DecodeUpdate(body, wire.Options{ASOctets: e.ASOctets, Multicast: true})
		if err != nil {
			t.Fatal(err)
		}
		at := begin.Add(time.Duration(float64(e.At) / rowsFactor)).UnixMilli()
		row := func(kind, prefix string) string {
			return fmt.Sprintf("ris/%s\t%s\t%s\t%s\t%d", e.Host, e.Peer.Address, kind, prefix, at)
		}
		for _, n := range u.Withdrawn {
			all = append(all, row("withdraw", n.Prefix.String()))
		}
		for _, n := range u.Announced {
			all = append(all, row("announce", n.Prefix.String()))
		}
	}
	slices.Sort(all)
	return all
}

// compareRows compares two sorted lists and names what only one has.
func compareRows(t *testing.T, want, got []string) {
	t.Helper()
	missing, extra := 0, 0
	name := func(n *int, what, row string) {
		if *n++; *n <= 20 {
			t.Errorf("%s: %s", what, row)
		}
	}
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && cmp.Compare(want[0], got[0]) < 0:
			name(&missing, "missing", want[0])
			want = want[1:]
		case len(want) == 0 || want[0] != got[0]:
			name(&extra, "not sent, or twice", got[0])
			got = got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	if missing+extra > 0 {
		t.Errorf("%d rows are missing, %d too many", missing, extra)
	}
}
