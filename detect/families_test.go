package detect_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The prefixes of each family that go dark, and one of each that does not.
const (
	dark4, dark6 = "192.0.2.0/24", "2001:db8:1::/48"
	lit4, lit6   = "203.0.113.0/24", "2001:db8:2::/48"
)

func runFamily(families core.Families) func(context.Context, kafka.Config, string) error {
	return func(ctx context.Context, cfg kafka.Config, instance string) error {
		s, err := familyStage(cfg, families, instance, "a", &keptEvents{})
		if err != nil {
			return err
		}
		return s.Run(ctx)
	}
}

// one and two are the detectors of a log.
var (
	one = []core.Families{core.BothFamilies}
	two = []core.Families{core.OnlyIPv4, core.OnlyIPv6}
)

// begin starts detectors, and returns a function that waits until they have read the log.
func begin(t *testing.T, cfg kafka.Config, all ...core.Families) (drained, stop func()) {
	t.Helper()
	var stops []func()
	for _, families := range all {
		s, err := familyStage(cfg, families, "0", "a", &keptEvents{})
		if err != nil {
			t.Fatal(err)
		}
		stops = append(stops, start(t, s))
	}
	return func() {
			for _, families := range all {
				kafkatest.WaitDrained(t, cfg, kafka.Reading{Stage: families.Group(), Topics: []string{schemas.TopicRoutes}})
			}
		}, func() {
			for _, stop := range stops {
				stop()
			}
		}
}

// change returns the announcements or withdrawals of prefixes by all peers.
func (d *dark) change(announced bool, prefixes ...string) []*pb.RouteRecord {
	var out []*pb.RouteRecord
	for _, p := range prefixes {
		out = append(out, d.changes(p, announced)...)
	}
	return out
}

// lanes returns the published records of each collector, in the order of their positions: topic,
// key, position and content. It fails on a position that comes twice.
func lanes(t *testing.T, cfg kafka.Config) map[string][]string {
	t.Helper()
	type record interface {
		UnmarshalVT(b []byte) error
		GetPosition() *pb.Position
	}
	type line struct {
		seq  uint64
		text string
	}
	all := map[string][]line{}
	for topic, empty := range map[string]func() record{
		schemas.TopicVisibility: func() record { return &pb.VisibilityRecord{} },
		schemas.TopicPrefixes:   func() record { return &pb.PrefixRecord{} },
		schemas.TopicPanel:      func() record { return &pb.PanelRecord{} },
		schemas.TopicOutages:    func() record { return &pb.OutageRecord{} },
		schemas.TopicFeeds:      func() record { return &pb.FeedRecord{} },
	} {
		for _, r := range kafkatest.Read(t, cfg, topic) {
			x := empty()
			if err := x.UnmarshalVT(r.Value); err != nil {
				t.Fatal(err)
			}
			pos := x.GetPosition()
			all[pos.GetCollector()] = append(all[pos.GetCollector()], line{pos.GetSequence(), fmt.Sprintf("%d %s %s %x", pos.GetSequence(), topic, r.Key, r.Value)})
		}
	}
	out := map[string][]string{}
	for collector, lines := range all {
		slices.SortFunc(lines, func(a, b line) int { return cmp.Compare(a.seq, b.seq) })
		for i, l := range lines {
			if i > 0 && l.seq == lines[i-1].seq {
				t.Errorf("%s: position %d comes twice", collector, l.seq)
			}
			out[collector] = append(out[collector], l.text)
		}
	}
	return out
}

// TestInterleaving12TwoDetectors: one for each family, they publish the records of one for both: the same outages
// under the same ids, panels and visibility, at the same positions of the same lanes. Each has a
// member that stands by. When one is killed, its other member goes on, and the other detector does
// not build its state again.
func TestInterleaving12TwoDetectors(t *testing.T) {
	t.Parallel()
	tell := func(d *dark, between func()) {
		d.produce(t, 30, d.table("a", dark4, lit4, dark6, lit6)...)
		d.produce(t, 20, d.change(false, dark4, dark6)...)
		between()
		d.produce(t, 20, d.change(true, dark6)...)
		between()
		d.produce(t, 20, d.change(true, dark4)...)
		between()
	}
	whole := &dark{cfg: kafkatest.New(t, 2)}
	drained, stop := begin(t, whole.cfg, one...)
	tell(whole, drained)
	stop()

	apart := &dark{cfg: kafkatest.New(t, 2)}
	group := func(f core.Families) kafka.Reading {
		return kafka.Reading{Stage: f.Group(), Topics: []string{schemas.TopicRoutes}}
	}
	registry := prometheus.NewRegistry()
	s, err := familyStage(apart.cfg, core.OnlyIPv6, "0", "a", &keptEvents{registry: registry})
	if err != nil {
		t.Fatal(err)
	}
	defer start(t, s)()
	active := kafkatest.Start(t, "ipv4", apart.cfg, "0")
	kafkatest.WaitDrained(t, apart.cfg, group(core.OnlyIPv4))
	kafkatest.Start(t, "ipv4", apart.cfg, "1")
	kafkatest.Start(t, "ipv6", apart.cfg, "1")
	killed := false
	tell(apart, func() {
		if !killed {
			active.Kill()
			killed = true
		}
		for _, f := range two {
			kafkatest.WaitDrained(t, apart.cfg, group(f))
		}
	})
	if got := active6(t, registry); got != "1 active, 0 rebuilds" {
		t.Errorf("the detector of IPv6, beside a kill of that of IPv4: %s", got)
	}
	want, got := lanes(t, whole.cfg), lanes(t, apart.cfg)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-one +two):\n%s", diff)
	}
	for _, family := range []string{"detect/ipv4", "detect/ipv6"} {
		if text := strings.Join(got[family], "\n"); strings.Count(text, schemas.TopicOutages) < 3 || !strings.Contains(text, schemas.TopicVisibility) || !strings.Contains(text, schemas.TopicPanel) {
			t.Errorf("%s has %d records, and not outages, visibility and panels", family, len(got[family]))
		}
	}
	if len(got) != 2 {
		t.Errorf("records of %d collectors, want those of two", len(got))
	}
}

// active6 returns the metrics that show whether a detector was disturbed.
func active6(t *testing.T, from *prometheus.Registry) string {
	t.Helper()
	all, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var rebuilds float64
	for _, m := range all {
		if m.GetName() == "darkmap_detect_rebuilds_total" {
			rebuilds = m.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return fmt.Sprintf("%v active, %v rebuilds", active(t, from), rebuilds)
}

// TestFromOneToTwo: an outage of each family is open when one detector ends and two begin, and when
// these end, the one before the other, and one begins. Each outage keeps its id and ends once. The
// next outages are found, nothing is published twice.
func TestFromOneToTwo(t *testing.T) {
	t.Parallel()
	for name, trimmed := range map[string]bool{"with the log": false, "with a trimmed log": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &dark{cfg: kafkatest.New(t, 2)}
			run := func(all ...core.Families) {
				t.Helper()
				drained, stop := begin(t, d.cfg, all...)
				drained()
				stop()
			}
			cut := func() {
				if trimmed {
					trim(t, d.cfg)
				}
			}
			d.produce(t, 30, d.table("a", dark4, lit4, dark6, lit6)...)
			run(one...)
			d.produce(t, 20, d.change(false, dark4, dark6)...)
			run(one...)
			cut()
			d.produce(t, 10, d.table("b", lit4, lit6)...)
			run(two...) // at minute 60
			d.produce(t, 30, d.change(true, dark4, dark6)...)
			run(two...)
			d.produce(t, 240)
			run(two...) // until the prefixes are usual again
			d.produce(t, 20, d.change(false, dark4, dark6)...)
			run(two...) // at minute 350
			d.produce(t, 20)
			run(core.OnlyIPv6) // it is 20 minutes ahead
			cut()
			d.produce(t, 30, d.table("c", dark4, lit4, dark6, lit6)...)
			run(one...)
			run(one...)
			for _, prefix := range []string{dark4, dark6} {
				got := slices.DeleteFunc(d.life(t, prefix), func(s string) bool { return s[2:9] == "updated" })
				want := []string{"1 opened  at 35", "1 closed recovered at 70", "2 opened  at 335", "2 closed recovered at 380"}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", prefix, diff)
				}
			}
			lanes(t, d.cfg)
		})
	}
}

// TestNeverBoth: a detector for both families does not begin beside one of a family, nor the other
// way round, and says why.
func TestNeverBoth(t *testing.T) {
	t.Parallel()
	for first, second := range map[core.Families]core.Families{core.BothFamilies: core.OnlyIPv6, core.OnlyIPv4: core.BothFamilies} {
		t.Run(fmt.Sprintf("%s beside %s", second, first), func(t *testing.T) {
			t.Parallel()
			d := &dark{cfg: kafkatest.New(t, 2)}
			d.produce(t, 10, d.table("a", lit4, lit6)...)
			drained, stop := begin(t, d.cfg, first)
			defer stop()
			drained()
			s, err := familyStage(d.cfg, second, "0", "a", &keptEvents{})
			if err != nil {
				t.Fatal(err)
			}
			defer start(t, s)()
			until(t, func() bool {
				err := s.Ready()
				return err != nil && strings.Contains(err.Error(), d.cfg.Group(first.Group())+" has 1 member")
			})
		})
	}
}
