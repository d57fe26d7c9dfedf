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
	rowsKills  = flag.Int("rows-kills", 2, "how often TestRowsOnce kills up before it takes the log away; the published bar is 6")
	rowsFor    = flag.Duration("rows", 40*time.Second, "how long TestRowsOnce disturbs up; the published bar is 30m")
	rowsResets = flag.Int("rows-resets", 200, "how many connections to each port TestRowsThroughStrangers breaks off; the published bar is 1000")
	rowsStop   = flag.Duration("rows-stop", 5*time.Second, "for how long TestRowsOnce stops up, once; the published bar is 90s")
)

// rowsFactor is how many times faster than real time TestRowsOnce plays.
const rowsFactor = 30

// TestRowsOnce follows a RIS Live with an up that is killed, stopped, cut off, and started on an
// empty broker, again and again. The view route_changes holds each sent message once, and no other
// message.
func TestRowsOnce(t *testing.T) {
	t.Parallel()
	p := playRows(t)
	disturbRows(t, p.o, p.srv, p.begin.Add(*rowsFor), func() { p.o.eventually("it runs", p.running) })
	t.Logf("disturbed for %v", time.Since(p.begin))
	if p.complete() == 0 {
		t.Error("nothing came twice: the test has shown nothing")
	}
}

// TestRowsThroughStrangers follows a RIS Live while another user breaks off connections to every
// port and the store's engine is killed, again and again. The up goes on, and no row is missing.
func TestRowsThroughStrangers(t *testing.T) {
	t.Parallel()
	binary := strangersBinary(t)
	p := playRows(t)
	up := p.o.cmd.Process.Pid
	const rounds = 5
	resets := 0
	for i := range rounds {
		at := targets{Addresses: listening(t, up), Resets: *rowsResets / rounds}
		resets += at.Resets * len(at.Addresses)
		answers, _ := probe(t, binary, at)
		for _, answer := range answers {
			t.Error(answer)
		}
		p.o.killEngine()
		p.o.eventually("the engine is there again", func() bool {
			return strings.Count(p.o.said(), "ClickHouse is back") > i
		})
	}
	t.Logf("%d resets and %d kills of the engine in %v", resets, rounds, time.Since(p.begin))
	if p.o.get("/livez") == "" {
		t.Error("up has ended")
	}
	p.complete()
}

// rowsPlay is a RIS Live that plays rowsWorld, and an up with a store that follows it.
type rowsPlay struct {
	t     *testing.T
	o     *observatory
	srv   *rislivetest.Server
	sched *rislivetest.Schedule
	begin time.Time
}

// playRows starts both and waits for the tables.
func playRows(t *testing.T) *rowsPlay {
	t.Helper()
	clickhousetest.NeedEngine(t)
	p := &rowsPlay{t: t, sched: rowsWorld(t), begin: time.Now()}
	index, err := p.sched.WriteArchives(t.TempDir(), p.begin, rowsFactor)
	if err != nil {
		t.Fatal(err)
	}
	writeTables(t, index, p.sched, p.begin)
	p.srv = rislivetest.Start(t, rislivetest.Options{BehindBytes: 1 << 16, BehindFor: time.Second})
	go func() { _ = p.srv.Play(t.Context(), p.sched, p.begin, rowsFactor) }() // ends with the test
	p.o = newObservatory(t, "ingest.rislive.url="+p.srv.URL, "ingest.rislive.collectors=[rrc00, rrc01]", "ingest.archive.index="+index,
		"ingest.bootstrap.poll_interval=500ms", "ingest.bootstrap.dump_age_limit=2h", "ingest.bootstrap.overlap=2s", "ingest.bootstrap.least_percent=off", "ingest.bootstrap.check_interval=off").withStore()
	p.o.start()
	p.o.eventually("the tables have come", func() bool { return p.running() && p.answered() })
	return p
}

// running reports whether every collector is known.
func (p *rowsPlay) running() bool { return len(p.o.feeds()) == len(p.sched.Hosts()) }

// answered reports whether every gap is answered.
func (p *rowsPlay) answered() bool {
	return !slices.ContainsFunc(p.sched.Hosts(), func(h string) bool {
		g := p.o.gaps("ris/" + h)
		return len(g) == 0 || g[len(g)-1] != "recovered"
	})
}

// complete waits until all messages were sent and stored, and compares the rows. It returns how
// many rows of the log repeat others.
func (p *rowsPlay) complete() int {
	t, o := p.t, p.o
	t.Helper()
	quiet := p.begin.Add(*rowsFor + 2*time.Second)
	o.eventually("all was sent, and all gaps are answered", func() bool { return time.Now().After(quiet) && p.answered() })
	want := wantRows(t, p.sched, p.begin)
	last := settled(t, o, len(want))
	got := strings.Split(sqlRows(t, o.dir, `SELECT collector, peer_address, type, prefix, toUnixTimestamp64Milli(timestamp) FROM route_changes ORDER BY ALL`), "\n")
	slices.Sort(got)
	compareRows(t, want, got)
	if code, out, errs := darkmap(t, "", "sink", "verify", "--data-dir", o.dir); code != 0 || !strings.Contains(out, "The tables of dataset live equal the log.") {
		t.Errorf("sink verify: got %d, %s%s", code, out, errs)
	}
	t.Logf("%d rows were sent; route_changes has %d, route_change_log %s; by lane: %q", len(want), len(got), last,
		sqlRows(t, o.dir, "SELECT splitByChar('/', toString(lane))[1] AS kind, uniq(lane, epoch), count(), countIf(repeats != 0) FROM route_change_log GROUP BY kind ORDER BY kind"))
	all, err := strconv.Atoi(last)
	if err != nil {
		t.Fatalf("counting rows: %v", err)
	}
	return all - len(got)
}

// rowsWorld repeats real messages of at most two peers of an AS. Their tables are the sent ones.
// After that come minutes without messages, in which gaps are answered.
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
	return sched.Loop(length).Then(rislivetest.Quiet(hosts, rowsFactor*15*time.Minute))
}

// disturbRows disturbs up until end: kills, a stop, cuts of both connections, and once an empty
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

// settled waits until as many rows are shown as were sent, or until none has come for a minute.
// Then it waits until no more come for a while. It returns the number of rows in the log's table.
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

// wantRows returns the rows of all sent messages, in order.
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

// compareRows compares two sorted lists and prints the rows that only one has.
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
