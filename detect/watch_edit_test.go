package detect_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var editKills = flag.Int("edit.kills", 4, "how often TestListEditedKilled kills detect")

func runCore(ctx context.Context, cfg kafka.Config, instance string) error {
	s, err := coreStage(cfg, instance, "a", &keptEvents{})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// list returns the record of a watch list.
func list(prefixes ...string) *pb.RouteRecord {
	l := &pb.WatchList{Name: "mine", Title: "Ours"}
	for _, p := range prefixes {
		l.Members = append(l.Members, &pb.WatchMember{Member: &pb.WatchMember_Prefix{Prefix: codec.AppendPrefix(nil, netip.MustParsePrefix(p))}})
	}
	return &pb.RouteRecord{Body: &pb.RouteRecord_WatchList{WatchList: l}}
}

// outages returns the records of bgp.outages in the order of their positions, encoded and in words.
func outages(t *testing.T, cfg kafka.Config) (raw, events []string) {
	t.Helper()
	type record struct {
		seq  uint64
		text string
		o    *pb.OutageRecord
	}
	var all []record
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicOutages) {
		o := &pb.OutageRecord{}
		if err := o.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		all = append(all, record{o.GetPosition().GetSequence(), fmt.Sprintf("%s %x", r.Key, r.Value), o})
	}
	slices.SortFunc(all, func(a, b record) int { return int(a.seq) - int(b.seq) })
	for _, r := range all {
		raw = append(raw, r.text)
		if r.o.GetEvent() != string(bgp.EventUpdated) {
			events = append(events, fmt.Sprintf("%s %s %s at %d", r.o.GetEntity().GetCode(), r.o.GetEvent(), r.o.GetEndReason(), (r.o.GetDecidedAtUs()/1e6-minute0)/60))
		}
	}
	return raw, events
}

// TestListEditedKilled edits a watch list twenty times while two of its members are dark, and kills
// detect with SIGKILL in between, each time at another moment. The output equals, octet for octet,
// the output of a detector that reads the same log undisturbed, over another number of partitions.
// The events neither end, begin again nor change their ids.
func TestListEditedKilled(t *testing.T) {
	t.Parallel()
	var members []string
	for i := range 30 {
		members = append(members, fmt.Sprintf("192.0.%d.0/24", i))
	}
	plain := []string{"203.0.113.0/24", "198.51.100.0/24"}
	const edits, each = 20, 3
	play := func(d *dark, between func(i int)) {
		d.produce(t, 30, append(d.table("a", append(plain, members...)...), list(members[:20]...))...)
		d.produce(t, 10, append(d.changes(members[0], false), d.changes(members[1], false)...)...)
		for i := range edits {
			is := slices.Clone(members[:2+(7*i)%28])
			// For a while one of the dark prefixes is no member.
			if i%4 == 3 {
				is = is[1:]
			}
			d.produce(t, each, list(is...))
			between(i)
		}
		d.produce(t, each, list(members[:20]...))
		d.produce(t, 40, append(d.changes(members[0], true), d.changes(members[1], true)...)...)
	}
	calm := &dark{cfg: kafkatest.New(t, 1)}
	play(calm, func(int) {})
	stop := start(t, newCore(t, calm.cfg))
	kafkatest.WaitDrained(t, calm.cfg, reading)
	stop()
	want, events := outages(t, calm.cfg)

	killed := &dark{cfg: kafkatest.New(t, 5)}
	r := rand.New(rand.NewPCG(7, 7))
	play(killed, func(i int) {
		if i*(*editKills)/edits == (i+1)*(*editKills)/edits {
			return
		}
		p := kafkatest.Start(t, "core", killed.cfg, "0")
		if i%2 == 0 {
			kafkatest.WaitDrained(t, killed.cfg, reading)
		}
		<-time.After(time.Duration(r.IntN(400)) * time.Millisecond)
		p.Kill()
	})
	stop = start(t, newCore(t, killed.cfg))
	kafkatest.WaitDrained(t, killed.cfg, reading)
	stop()
	got, _ := outages(t, killed.cfg)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("killed and undisturbed say other things (-undisturbed +killed):\n%.3000s", diff)
	}
	count := map[string]int{}
	for _, e := range events {
		code, rest, _ := strings.Cut(e, " ")
		count[code+" "+strings.Fields(rest)[0]]++
	}
	for _, code := range []string{members[0], members[1], "mine"} {
		if count[code+" opened"] != 1 || count[code+" closed"] != 1 {
			t.Errorf("%s: opened %d times and closed %d times, want once", code, count[code+" opened"], count[code+" closed"])
		}
	}
	if t.Failed() {
		t.Logf("events:\n%s", strings.Join(events, "\n"))
	}
}
