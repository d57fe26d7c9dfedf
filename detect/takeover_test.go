package detect_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// dark is a collector's stream, minute by minute, in which the prefix 192.0.2.0/24 can be withdrawn.
type dark struct {
	cfg    kafka.Config
	minute int64
	seq    uint64
}

const darkPeers = 5

func (d *dark) peer(i int) *pb.Peer {
	return codec.Peer(bgp.Peer{Address: netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), ASN: bgp.ASN(64500 + i)}, netip.Addr{})
}

// produce writes the records of some minutes, those given at the beginning of the first.
func (d *dark) produce(t *testing.T, minutes int, first ...*pb.RouteRecord) {
	t.Helper()
	p, err := kafka.NewProducer(t.Context(), d.cfg, schemas.TopicRoutes, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range minutes {
		us := (minute0 + 60*d.minute) * 1e6
		for _, r := range append(first, &pb.RouteRecord{Body: &pb.RouteRecord_Tick{Tick: &pb.Tick{}}}) {
			d.seq++
			r.TimestampUs, r.Position = us, &pb.Position{Collector: "ris/rrc00", Lane: string(bgp.LaneLive), Epoch: 1, Sequence: d.seq}
			if l := r.GetWatchList(); l != nil {
				r.Position.Collector, r.Position.Lane = "watch/"+l.GetName(), string(bgp.LaneWatch)
			}
			d.send(t, p, r)
		}
		first = nil
		d.send(t, p, &pb.RouteRecord{Position: &pb.Position{Lane: "clock/x", Sequence: uint64(d.minute) + 1}, TimestampUs: us, Body: &pb.RouteRecord_Clock{Clock: &pb.Clock{}}})
		d.minute++
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (d *dark) send(t *testing.T, p *kafka.Producer, r *pb.RouteRecord) {
	t.Helper()
	b, err := r.MarshalVT()
	if err == nil {
		if r.GetClock() != nil {
			err = p.ProduceAll(t.Context(), b)
		} else {
			err = p.Produce(t.Context(), r.GetPosition().GetCollector(), b)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// table is what a gap's beginning, its table of the prefixes, and its end are.
func (d *dark) table(id string, prefixes ...string) []*pb.RouteRecord {
	chunk := &pb.TableChunk{Id: id, Family: pb.Family_FAMILY_IPV4}
	for i := range darkPeers {
		chunk.Peers = append(chunk.Peers, d.peer(i))
	}
	for _, p := range prefixes {
		chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
			Prefix: codec.AppendPrefix(nil, netip.MustParsePrefix(p)), Paths: []*pb.TablePath{{OriginAs: 64496, UpstreamAs: 64497, Peers: []byte{1<<darkPeers - 1}}},
		})
	}
	return []*pb.RouteRecord{
		{Body: &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}},
		{Body: &pb.RouteRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}},
		{Body: &pb.RouteRecord_TableChunk{TableChunk: chunk}},
		{Body: &pb.RouteRecord_GapEnd{GapEnd: &pb.GapEnd{Id: id, Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV4}, Peers: chunk.Peers}}},
	}
}

// changes are the announcements or withdrawals of a prefix by everybody.
func (d *dark) changes(prefix string, announced bool) []*pb.RouteRecord {
	var all []*pb.RouteRecord
	for i := range darkPeers {
		ch, routes := &pb.RouteChanges{Peer: d.peer(i)}, []*pb.Route{{Prefix: codec.AppendPrefix(nil, netip.MustParsePrefix(prefix))}}
		if ch.Withdrawn = routes; announced {
			ch.Withdrawn, ch.Announced, ch.OriginAs, ch.UpstreamAs = nil, routes, 64496, 64497
		}
		all = append(all, &pb.RouteRecord{Body: &pb.RouteRecord_Changes{Changes: ch}})
	}
	return all
}

// life is every record of the prefix's outages: the outage, the event, why it ended, and minutes since minute0.
func (d *dark) life(t *testing.T, prefix string) []string {
	t.Helper()
	var out []string
	ids, next := map[string]int{}, map[string]uint32{}
	for _, r := range kafkatest.Read(t, d.cfg, schemas.TopicOutages) {
		rec, o := &pb.OutageRecord{}, bgp.Outage{}
		if err := rec.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(rec.GetJson(), &o); err != nil {
			t.Fatal(err)
		}
		if o.Entity.Code != prefix {
			continue
		}
		if _, known := ids[o.ID]; !known {
			ids[o.ID] = len(ids) + 1
		}
		if next[o.ID]++; o.Sequence != next[o.ID] {
			t.Errorf("%s: record %d of the life has the number %d", o.ID, next[o.ID], o.Sequence)
		}
		out = append(out, fmt.Sprintf("%d %s %s at %d", ids[o.ID], o.Event, o.EndReason, (rec.GetDecidedAtUs()/1e6-minute0)/60))
	}
	return out
}

func newCore(t *testing.T, cfg kafka.Config) *detect.Stage {
	t.Helper()
	s, err := coreStage(cfg, "0")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// coreStage detects with the real core, from three voters on.
func coreStage(cfg kafka.Config, instance string) (*detect.Stage, error) {
	c := detect.DefaultConfig()
	c.Core.Panel.MinVoters, c.Core.Panel.MinCollectors, c.Core.NotAddressSpace = 3, 1, nil
	return detect.New(c, detect.Deps{Kafka: cfg, Log: kafkatest.Log(), Instance: instance, NewDetector: func() (detect.Detector, error) { return core.New(c.Core) }})
}

// TestTakeOver: an outage is open when detect ends. With the whole log it goes on; where the log has lost what it was known from it ends as lost from
// sight, once, and the next outage of the prefix is found.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	const prefix = "192.0.2.0/24"
	others := []string{"203.0.113.0/24", "198.51.100.0/24"}
	for name, tt := range map[string]struct {
		trimmed, back bool // back: before the start
		ends          string
	}{
		"the whole log, back": {false, true, "closed recovered at 60"},
		"the whole log, dark": {false, false, "closed recovered at 90"},
		"a trimmed log, back": {true, true, "closed lost_sight at 51"},
		"a trimmed log, dark": {true, false, "closed lost_sight at 51"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &dark{cfg: kafkatest.New(t, 2)}
			run := func() {
				t.Helper()
				stop := start(t, newCore(t, d.cfg))
				kafkatest.WaitDrained(t, d.cfg, reading)
				stop()
			}
			d.produce(t, 30, d.table("a", append(others, prefix)...)...)
			d.produce(t, 20, d.changes(prefix, false)...)
			run()
			if tt.trimmed {
				trim(t, d.cfg)
			}
			again := slices.Clone(others)
			if tt.back {
				again = append(again, prefix)
			}
			d.produce(t, 30, d.table("b", again...)...)
			run()
			d.produce(t, 240, d.changes(prefix, true)...) // until it is usual again
			d.produce(t, 20, d.changes(prefix, false)...)
			run()
			run() // nothing is said twice
			got := slices.DeleteFunc(d.life(t, prefix), func(s string) bool { return s[2:9] == "updated" })
			if diff := gocmp.Diff([]string{"1 opened  at 35", "1 " + tt.ends, "2 opened  at 325"}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// trim deletes all that is in bgp.routes, as retention does.
func trim(t *testing.T, cfg kafka.Config) {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	topic := cfg.Topic(schemas.TopicRoutes)
	ends, err := adm.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	at := kadm.Offsets{}
	ends.Each(func(o kadm.ListedOffset) { at.Add(kadm.Offset{Topic: topic, Partition: o.Partition, At: o.Offset}) })
	if _, err := adm.DeleteRecords(t.Context(), at); err != nil {
		t.Fatal(err)
	}
}
