package watch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/ingest/stream"
	"github.com/darkmap/darkmap/ingest/stream/streamtest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/ingest/watch/hosts"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an installation: a broker, a configuration file and DNS. It is in virtual time.
type world struct {
	t    *testing.T
	k    kafka.Config
	file string

	mu  sync.Mutex
	dns map[string]hosts.Answer
	log bytes.Buffer
}

const partitions = 4

func newWorld(t *testing.T) *world {
	t.Helper()
	_, k := kafkatest.Virtual(t, partitions)
	return &world{t: t, k: k, file: filepath.Join(t.TempDir(), "darkmap.yaml"), dns: map[string]hosts.Answer{}}
}

// Write appends to the log.
func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *world) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

func (w *world) ask(_ context.Context, host string) hosts.Answer {
	time.Sleep(2 * time.Second)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dns[host]
}

func (w *world) resolves(host string, a hosts.Answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dns[host] = a
}

// edit writes the configuration, as an editor does.
func (w *world) edit(text string) {
	w.t.Helper()
	if err := errors.Join(os.WriteFile(w.file+".new", []byte(text), 0o600), os.Rename(w.file+".new", w.file)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) load() (watch.Loaded, error) {
	var c sectioned
	err := config.Load(&c, w.file, nil)
	l, e := watch.Load(c.Watch, w.file)
	return l, errors.Join(err, e)
}

// replica is a running source.
type replica struct {
	*watch.Source
	hangup chan os.Signal
	stop   func()
}

// start runs a source on partitions.
func (w *world) start(owned ...int32) *replica {
	w.t.Helper()
	reader, err := watch.Open(w.load)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	producer, err := kafka.NewProducer(ctx, w.k, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r := &replica{hangup: make(chan os.Signal, 1)}
	r.Source = watch.NewSource(reader, watch.Deps{
		Log: slog.New(slog.NewTextHandler(w, nil)), Now: time.Now, Kafka: w.k, Updates: producer, Epochs: streamtest.New(w.t, stream.DefaultConfig(), nil).Set,
		Ask: w.ask, Hangup: r.hangup,
	})
	r.Own(owned)
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }() // ends with stop
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		producer.Close()
	}
	return r
}

// all returns all partitions.
func all() (p []int32) {
	for i := range int32(partitions) {
		p = append(p, i)
	}
	return p
}

// records describes the records of bgp.updates after the first n. For a list it gives the members
// in order, and a + if more parts follow.
func (w *world) records(n int) (words []string, raw []*pb.UpdateRecord) {
	w.t.Helper()
	type placed struct {
		at  time.Time
		rec *pb.UpdateRecord
	}
	var recs []placed
	for _, r := range kafkatest.Read(w.t, w.k, schemas.TopicUpdates) {
		var u pb.UpdateRecord
		if err := u.UnmarshalVT(r.Value); err != nil {
			w.t.Fatal(err)
		}
		p := u.GetPosition()
		if string(r.Key) != p.GetCollector() || p.GetLane() != "watch" || p.GetEpoch() == 0 || p.GetSequence() == 0 {
			w.t.Errorf("key %s of %v", r.Key, p)
		}
		recs = append(recs, placed{time.UnixMicro(u.GetTimestampUs()), &u})
	}
	slices.SortStableFunc(recs, func(a, b placed) int { return a.at.Compare(b.at) })
	for _, p := range recs[min(n, len(recs)):] {
		raw = append(raw, p.rec)
		switch b := p.rec.GetBody().(type) {
		case *pb.UpdateRecord_WatchList:
			text := b.WatchList.GetName()
			for _, m := range b.WatchList.GetMembers() {
				switch {
				case m.GetAsn() != 0:
					text += fmt.Sprintf(" AS%d", m.GetAsn())
				case m.GetHost() != "":
					text += " " + m.GetHost()
				default:
					text += " ?"
				}
			}
			if b.WatchList.GetRemoved() {
				text += " removed"
			}
			words = append(words, text)
		case *pb.UpdateRecord_HostAddresses:
			text := b.HostAddresses.GetList() + "/" + b.HostAddresses.GetHost() + ":"
			for _, a := range b.HostAddresses.GetAddresses() {
				addr, _ := netip.AddrFromSlice(a)
				text += " " + addr.String()
			}
			if b.HostAddresses.GetProblem() != "" {
				text += " (" + b.HostAddresses.GetProblem() + ")"
			}
			words = append(words, text)
		}
	}
	return words, raw
}

// since checks the records after the first n, in any order of the lists, and returns their present
// number.
func (w *world) since(n int, what string, want ...string) int {
	w.t.Helper()
	got, _ := w.records(n)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return n + len(got)
}

// TestSource checks, in virtual time, that lists are written whole at the start, once an hour, and
// when they have changed, and nothing else is. A change with a fault changes nothing and is
// reported with its line.
func TestSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		folder := t.TempDir()
		members := func(version, text string) { // as Kubernetes changes a ConfigMap
			dir := filepath.Join(folder, version)
			err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "members"), []byte(text), 0o600),
				os.Symlink(version, filepath.Join(folder, "data.new")), os.Rename(filepath.Join(folder, "data.new"), filepath.Join(folder, "data")))
			if err != nil {
				t.Fatal(err)
			}
		}
		members("v1", "AS64501\n")
		if err := os.Symlink("data/members", filepath.Join(folder, "members")); err != nil {
			t.Fatal(err)
		}
		const other = "watch:\n- name: b\n  asns: [64500]\n- name: a\n"
		linked := "  files: [" + filepath.Join(folder, "members") + "]\n"
		w.edit(other + linked)
		r := w.start(all()...)
		defer func() { r.stop() }()
		time.Sleep(5 * time.Second)
		n := w.since(0, "at the start", "a AS64501", "b AS64500")
		time.Sleep(50 * time.Minute)
		n = w.since(n, "nothing has changed")
		time.Sleep(10 * time.Minute)
		n = w.since(n, "an hour later", "a AS64501", "b AS64500")
		members("v2", "AS64501\nAS64502\n")
		time.Sleep(10 * time.Second)
		n = w.since(n, "a linked file was exchanged", "a AS64501 AS64502")
		members("v3", "AS64501\n198.51.100.1/24\n")
		time.Sleep(10 * time.Second)
		n = w.since(n, "a fault")
		if log, want := w.logged(), `members: line 2: got \"198.51.100.1/24\"`; strings.Count(log, want) != 1 {
			t.Errorf("the log has %q once, not:\n%s", want, log)
		}
		members("v4", "AS64503\n")
		time.Sleep(10 * time.Second)
		n = w.since(n, "mended", "a AS64503")
		w.edit("watch:\n- name: a\n  asn: [64500]\n")
		time.Sleep(10 * time.Second)
		n = w.since(n, "a misspelt key")
		if log := w.logged(); strings.Count(log, "line 3: unknown key watch[0].asn (did you mean watch[0].asns?)") != 1 {
			t.Errorf("the log does not have the misspelt key once:\n%s", log)
		}
		for i := range 20 {
			w.edit(fmt.Sprintf("%s  asns: [%d]\n", other, 64510+i))
			time.Sleep(10 * time.Second)
			n = w.since(n, fmt.Sprint("edit ", i), fmt.Sprintf("a AS%d", 64510+i))
		}
		w.edit(other + "  asns: [64502]\n")
		r.hangup <- syscall.SIGHUP
		time.Sleep(1500 * time.Millisecond)
		n = w.since(n, "told to read", "a AS64502")
		w.edit("watch:\n- name: b\n  title: Other\n  visibility: public\n  home: TO\n  asns: [64500]\n")
		time.Sleep(10 * time.Second)
		n = w.since(n, "a list was taken out, another renamed", "a removed", "b AS64500")
		_, raw := w.records(0)
		var epoch uint64
		sequences := map[string]uint64{}
		for _, u := range raw {
			p := u.GetPosition()
			if p.GetSequence() != sequences[p.GetCollector()]+1 || epoch == 0 && p.GetSequence() != 1 {
				t.Errorf("%v after %d", p, sequences[p.GetCollector()])
			}
			sequences[p.GetCollector()], epoch = p.GetSequence(), p.GetEpoch()
			if l := u.GetWatchList(); l.GetTitle() == "Other" && (!l.GetPublic() || l.GetHome() != "TO") {
				t.Errorf("got %v", l)
			}
		}
		w.edit(other + "  asns: [64502]\n")
		time.Sleep(10 * time.Second)
		w.since(n, "it is back", "a AS64502", "b AS64500")
	})
}

// TestRestart checks, in virtual time, that a list that was removed while no process ran is written
// as removed, once. Epochs rise. The last addresses of a host that does not resolve after the
// restart are those from before.
func TestRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		const nxdomain = "there is no such name (NXDOMAIN)"
		w.resolves("www.example.net", hosts.Answer{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, TTL: time.Hour})
		w.resolves("never.example.net", hosts.Answer{Problem: nxdomain})
		w.edit("watch:\n- {name: gone, asns: [64500]}\n- {name: kept, hosts: [www.example.net, never.example.net]}\n")
		r := w.start(all()...)
		time.Sleep(10 * time.Second)
		r.stop()
		w.since(0, "at the start", "gone AS64500", "kept www.example.net never.example.net", "kept/www.example.net: 192.0.2.1 2001:db8::1", "kept/never.example.net: ("+nxdomain+")")
		if log := w.logged(); strings.Count(log, "host=never.example.net") != 1 || strings.Contains(log, "host=www") {
			t.Errorf("the log does not say once that a host never resolved:\n%s", log)
		}
		_, before := w.records(0)

		time.Sleep(30 * time.Hour) // longer than the broker keeps bgp.updates
		early, _ := w.records(0)
		n := len(early)
		w.resolves("www.example.net", hosts.Answer{Problem: "no answer from the DNS servers"})
		w.edit("watch:\n- {name: kept, hosts: [www.example.net, never.example.net]}\n")
		r = w.start(all()...)
		time.Sleep(10 * time.Second)
		r.stop()
		kept := []string{"kept www.example.net never.example.net", "kept/www.example.net: 192.0.2.1 2001:db8::1", "kept/never.example.net: (" + nxdomain + ")"}
		dark := "kept/www.example.net: 192.0.2.1 2001:db8::1 (no answer from the DNS servers)"
		n = w.since(n, "after a restart", append(kept, "gone removed", dark)...)
		_, after := w.records(0)
		last := after[slices.IndexFunc(after, func(u *pb.UpdateRecord) bool {
			return strings.HasPrefix(u.GetHostAddresses().GetProblem(), "no answer")
		})].GetHostAddresses()
		if at := time.UnixMicro(last.GetResolvedAtUs()); time.Since(at) < 30*time.Hour || time.Since(at) > 31*time.Hour {
			t.Errorf("resolved at %v, now is %v", at, time.Now())
		}
		if a, b := before[0].GetPosition().GetEpoch(), after[len(after)-1].GetPosition().GetEpoch(); b <= a {
			t.Errorf("epoch %d after %d", b, a)
		}

		w.edit("kafka: {}\n") // no section at all
		w.edit("watch: []\n")
		r = w.start(all()...)
		time.Sleep(10 * time.Second)
		r.stop()
		n = w.since(n, "without lists", "kept removed")
		r = w.start(all()...)
		time.Sleep(10 * time.Second)
		r.stop()
		w.since(n, "once more")
		if recs := kafkatest.Read(t, w.k, schemas.TopicWatch); recs[len(recs)-1].Value != nil {
			t.Error("the memory does not end with what it forgets")
		}
	})
}

// TestReplicas checks, in virtual time, that each of two processes writes the lists of its
// partitions. A process that takes partitions over writes their lists in a higher epoch, and
// detects removed ones.
func TestReplicas(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var text strings.Builder
		text.WriteString("watch:\n")
		var want []string
		for i := range 20 {
			fmt.Fprintf(&text, "- {name: list-%d, asns: [%d]}\n", i, 64500+i)
			want = append(want, fmt.Sprintf("list-%d AS%d", i, 64500+i))
		}
		w.edit(text.String())
		a, b := w.start(0, 1), w.start(2, 3)
		time.Sleep(10 * time.Second)
		n := w.since(0, "each list once", want...)
		b.stop()
		a.Own(all())
		time.Sleep(10 * time.Second)
		var moved []string
		for i := range 20 {
			if kafka.PartitionOf(fmt.Sprint("watch/list-", i), partitions) >= 2 {
				moved = append(moved, fmt.Sprintf("list-%d AS%d", i, 64500+i))
			}
		}
		if len(moved) == 0 || len(moved) == 20 {
			t.Fatalf("%d lists have moved", len(moved))
		}
		n = w.since(n, "one has taken over from the other", moved...)
		a.stop()
		_, raw := w.records(0)
		epochs := map[string]uint64{}
		for _, u := range raw {
			p := u.GetPosition()
			if p.GetEpoch() < epochs[p.GetCollector()] {
				t.Errorf("%s: epoch %d after %d", p.GetCollector(), p.GetEpoch(), epochs[p.GetCollector()])
			}
			epochs[p.GetCollector()] = p.GetEpoch()
		}
		w.edit("watch:\n- {name: list-0, asns: [64500]}\n")
		a, b = w.start(0, 1), w.start(2, 3)
		time.Sleep(10 * time.Second)
		a.stop()
		b.stop()
		want = want[:1]
		for i := 1; i < 20; i++ {
			want = append(want, fmt.Sprintf("list-%d removed", i))
		}
		w.since(n, "the others were taken out meanwhile", want...)
	})
}

// TestParts checks that a list of any size is written in parts that brokers accept, with its
// members in order.
func TestParts(t *testing.T) {
	t.Parallel()
	origins := make([]string, watch.MaxOrigins)
	for i := range origins {
		origins[i] = fmt.Sprint(4200000000 + i)
	}
	long := strings.Repeat(strings.Repeat("h", 60)+".", 4)
	c := watch.ListConfig{Name: "a", Origins: map[string][]string{}}
	for i := range watch.MaxMembers / 2 {
		c.Origins[fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)] = origins
		c.Hosts = append(c.Hosts, fmt.Sprintf("%d.%s", i, long[:240]+"x"))
	}
	if f := c.Faults(); len(f) > 0 {
		t.Fatal(f[0])
	}
	lists, _, err := watch.Read(watch.Section{c})
	if err != nil {
		t.Fatal(err)
	}
	l := lists[0]
	parts, n := l.Bodies(), 0
	for i, p := range parts {
		if size := p.SizeVT(); size > kafka.MaxRecordBytes/2 || p.GetPart() != uint32(i) || p.GetMoreParts() != (i < len(parts)-1) {
			t.Errorf("part %d of %d: %d octets, number %d, more %v", i, len(parts), size, p.GetPart(), p.GetMoreParts())
		}
		n += len(p.GetMembers())
	}
	if n != watch.MaxMembers || parts[0].GetMembers()[0].GetHost() != l.Members[0].Host {
		t.Errorf("%d members in parts, want %d in their order", n, watch.MaxMembers)
	}
	if empty := (watch.List{Name: "b"}).Bodies(); len(empty) != 1 || empty[0].GetMoreParts() {
		t.Errorf("an empty list: %v", empty)
	}
}
