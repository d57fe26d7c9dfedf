package detect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/detect/checkpoint"
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

// produce writes the records of some minutes, with first at the beginning of the first minute.
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

// table returns the beginning of a gap, its table with the prefixes, and its end, which names the
// families of the prefixes.
func (d *dark) table(id string, prefixes ...string) []*pb.RouteRecord {
	var chunks []*pb.TableChunk
	end := &pb.GapEnd{Id: id, Complete: true}
	for i := range darkPeers {
		end.Peers = append(end.Peers, d.peer(i))
	}
	for _, f := range bgp.Families {
		chunk := &pb.TableChunk{Id: id, Family: codec.Family(f), Peers: end.Peers}
		for _, s := range prefixes {
			if p := netip.MustParsePrefix(s); bgp.FamilyOf(p) == f {
				chunk.Prefixes = append(chunk.Prefixes, &pb.TablePrefix{
					Prefix: codec.AppendPrefix(nil, p), Paths: []*pb.TablePath{{OriginAs: 64496, UpstreamAs: 64497, Peers: []byte{1<<darkPeers - 1}}},
				})
			}
		}
		if len(chunk.Prefixes) > 0 {
			chunks, end.Families = append(chunks, chunk), append(end.Families, chunk.Family)
		}
	}
	out := []*pb.RouteRecord{
		{Body: &pb.RouteRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}},
		{Body: &pb.RouteRecord_GapBegin{GapBegin: &pb.GapBegin{Id: id}}},
	}
	for _, chunk := range chunks {
		out = append(out, &pb.RouteRecord{Body: &pb.RouteRecord_TableChunk{TableChunk: chunk}})
	}
	return append(out, &pb.RouteRecord{Body: &pb.RouteRecord_GapEnd{GapEnd: end}})
}

// changes returns the announcements or withdrawals of a prefix by all peers.
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

// life returns every record of the prefix's outages: the outage, the event, the reason of its end,
// and minutes since minute0.
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

// timed is the real core. It sets the time by which checkpoints are written.
type timed struct {
	*core.Detector
	ev *keptEvents
}

func (d timed) CloseWindow(start int64) ([]core.Out, error) {
	d.ev.now.Store(start + 65)
	return d.Detector.CloseWindow(start)
}

func (d timed) Snapshot(w io.Writer) error {
	d.ev.snapshots.Add(1)
	return d.Detector.Snapshot(w)
}

func (d timed) Restore(r io.Reader) error {
	d.ev.restores.Add(1)
	return d.Detector.Restore(r)
}

func newCore(t *testing.T, cfg kafka.Config) *detect.Stage {
	t.Helper()
	s, err := coreStage(cfg, "0", "a", &keptEvents{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// coreStage returns a stage with the real core, which needs three voters and writes checkpoints
// every five minutes of its windows.
func coreStage(cfg kafka.Config, instance, settings string, ev *keptEvents) (*detect.Stage, error) {
	return familyStage(cfg, core.BothFamilies, instance, settings, ev)
}

// familyStage is coreStage for a detector of some families.
func familyStage(cfg kafka.Config, families core.Families, instance, settings string, ev *keptEvents) (*detect.Stage, error) {
	c := detect.DefaultConfig()
	c.Families, c.Core.Families = families, families
	c.Core.Panel.MinVoters, c.Core.Panel.MinCollectors, c.Core.NotAddressSpace = 3, 1, nil
	ev.now.CompareAndSwap(0, minute0)
	return detect.New(c, detect.Deps{
		Kafka: cfg, Log: kafkatest.Log(), Instance: instance, Settings: settings, Registerer: ev.registry,
		Now: func() time.Time { return time.Unix(ev.now.Load(), 0) },
		NewDetector: func() (detect.Detector, error) {
			d, err := core.New(c.Core)
			return timed{d, ev}, err
		},
	})
}

// TestTakeOver: an outage is open when detect ends. Whatever the next start finds, the outage keeps
// its id and ends once, when the routes are back, and the next outage of the prefix is found. If
// neither the log nor a checkpoint holds the beginning of the outage, it is adopted.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	const prefix = "192.0.2.0/24"
	others := []string{"203.0.113.0/24", "198.51.100.0/24"}
	for name, tt := range map[string]struct {
		trimmed  bool // the log, as by retention
		spoiled  int  // of the two checkpoints
		settings string
		restores int64
	}{
		"checkpoints":                   {false, 0, "a", 1},
		"a damaged newest":              {false, 1, "a", 2},
		"no checkpoint":                 {false, 2, "a", 0},
		"other settings":                {false, 0, "b", 0},
		"checkpoints, a trimmed log":    {true, 0, "a", 1},
		"no checkpoint, a trimmed log":  {true, 2, "a", 0},
		"other settings, a trimmed log": {true, 0, "b", 0},
		"a damaged newest and trimmed":  {true, 1, "a", 2},
	} {
		// back: the routes are back before the start.
		for back, ends := range map[bool]string{true: "closed recovered at 60", false: "closed recovered at 90"} {
			t.Run(fmt.Sprintf("%s, back %v", name, back), func(t *testing.T) {
				t.Parallel()
				d := &dark{cfg: kafkatest.New(t, 2)}
				run := func(settings string) *keptEvents {
					t.Helper()
					ev := &keptEvents{}
					s, err := coreStage(d.cfg, "0", settings, ev)
					if err != nil {
						t.Fatal(err)
					}
					before := newestOf(t, d.cfg)
					stop := start(t, s)
					until(t, func() bool {
						return s.Ready() == nil || d.minute == 0 || errors.As(s.Ready(), new(*detect.NoVerdictError)) || errors.As(s.Ready(), new(*detect.HeldError))
					})
					kafkatest.WaitDrained(t, d.cfg, reading)
					until(t, func() bool { return ev.snapshots.Load() == 0 || newestOf(t, d.cfg) != before })
					stop()
					return ev
				}
				d.produce(t, 30, d.table("a", append(others, prefix)...)...)
				run("a")
				d.produce(t, 10, d.changes(prefix, false)...)
				run("a")
				d.produce(t, 10)
				run("a")
				spoil(t, d.cfg, tt.spoiled)
				if tt.trimmed {
					trim(t, d.cfg)
				}
				again := slices.Clone(others)
				if back {
					again = append(again, prefix)
				}
				d.produce(t, 30, d.table("b", again...)...)
				if ev := run(tt.settings); ev.restores.Load() != tt.restores {
					t.Errorf("%d checkpoints were read, want %d", ev.restores.Load(), tt.restores)
				}
				d.produce(t, 240, d.changes(prefix, true)...) // until the prefix is usual again
				d.produce(t, 20, d.changes(prefix, false)...)
				run(tt.settings)
				run(tt.settings) // nothing is published twice
				got := slices.DeleteFunc(d.life(t, prefix), func(s string) bool { return s[2:9] == "updated" })
				if diff := gocmp.Diff([]string{"1 opened  at 35", "1 " + ends, "2 opened  at 325"}, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// newestOf returns the id of the newest checkpoint, or "".
func newestOf(t *testing.T, cfg kafka.Config) string {
	t.Helper()
	if all := checkpoints(t, cfg).Manifests; len(all) > 0 {
		return all[0].ID
	}
	return ""
}

// spoil damages the newest n checkpoints. If n is their number, it damages all.
func spoil(t *testing.T, cfg kafka.Config, n int) {
	t.Helper()
	rewrite(t, cfg, n, true, func(m *checkpoint.Manifest) {
		m.Sum = slices.Clone(m.Sum)
		m.Sum[0] ^= 1
	})
}

// rewrite changes the manifests of the newest n checkpoints. If n is their number and remove is set,
// it removes all.
func rewrite(t *testing.T, cfg kafka.Config, n int, remove bool, change func(*checkpoint.Manifest)) {
	t.Helper()
	all := checkpoints(t, cfg).Manifests
	if len(all) < 2 {
		t.Fatalf("%d checkpoints were written, want 2", len(all))
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log(), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, m := range all[:n] {
		change(&m)
		rec, err := m.Record(cfg.Topic(schemas.TopicCheckpoints), detect.Name)
		if err != nil {
			t.Fatal(err)
		}
		if remove && n == len(all) {
			rec.Value = nil
		}
		if err := cl.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// trim deletes all records of bgp.routes, as retention does.
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
