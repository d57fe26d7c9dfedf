package schemas_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var update = flag.Bool("update", false, "write golden records that do not exist yet; those that do are for ever")

func position(n uint64) *pb.Position {
	return &pb.Position{Collector: "file/example", Lane: "file/0123456789abcdef", Sequence: n}
}

var (
	peer   = &pb.Peer{Address: []byte{192, 0, 2, 1}, Asn: 64496, Distinguisher: 7, Table: pb.Table_TABLE_PRE, BgpId: []byte{192, 0, 2, 9}}
	entity = &pb.Entity{Type: pb.EntityType_ENTITY_TYPE_PREFIX, Code: "198.51.100.0/24", Name: "Example"}
	chunk  = &pb.TableChunk{
		Id: "table/1", Family: pb.Family_FAMILY_IPV4, Peers: []*pb.Peer{peer},
		Prefixes: []*pb.TablePrefix{{Prefix: []byte{4, 24, 198, 51, 100}, Paths: []*pb.TablePath{{OriginAs: 64497, UpstreamAs: 64496, Peers: []byte{1}}}, PlaceShares: []uint64{0, 256}}},
		Places:   []*pb.Place{{Country: "KP", Region: "KP-01"}}, Owners: []*pb.Owner{{Asn: 64497, Name: "EXAMPLE", Organisation: "Example Ltd", Country: "KP"}},
	}
)

// samples holds one record of every topic and every body. Values may be added. Existing values must
// not change.
func samples() map[string]proto.Message {
	const at = 1419264900000000
	up := func(n uint64, r *pb.UpdateRecord) *pb.UpdateRecord {
		r.Position, r.TimestampUs, r.ReceivedAtUs = position(n), at, at+5
		return r
	}
	rt := func(n uint64, r *pb.RouteRecord) *pb.RouteRecord {
		r.Position, r.TimestampUs, r.ReceivedAtUs = position(n), at, at+5
		return r
	}
	out := &pb.Position{Collector: "detect/ipv4", Lane: "out", Sequence: 3}
	gap := &pb.GapBegin{Id: "table/1", Families: []pb.Family{pb.Family_FAMILY_IPV6}, Peers: []*pb.Peer{peer}}
	end := &pb.GapEnd{Id: "table/1", Complete: true, Families: []pb.Family{pb.Family_FAMILY_IPV6}, Peers: []*pb.Peer{peer}}
	check := &pb.CheckBegin{Id: "check/1", Families: []pb.Family{pb.Family_FAMILY_IPV4}, Peers: []*pb.Peer{peer}}
	lost := pb.DownReason_DOWN_REASON_LOST
	raw := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0, 23, 2, 0, 0, 0, 0)
	return map[string]proto.Message{
		"update-message":        up(1, &pb.UpdateRecord{Body: &pb.UpdateRecord_BgpMessage{BgpMessage: &pb.BGPMessage{Peer: peer, Raw: raw, AsOctets: 4, AddPathIpv4: true, AddPathIpv6: true}}}),
		"update-peer-up":        up(2, &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerUp{PeerUp: &pb.PeerUp{Peer: peer}}}),
		"update-peer-down":      up(3, &pb.UpdateRecord{Body: &pb.UpdateRecord_PeerDown{PeerDown: &pb.PeerDown{Peer: peer, Reason: lost}}}),
		"update-collector-up":   up(4, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorUp{CollectorUp: &pb.CollectorUp{}}}),
		"update-collector-down": up(5, &pb.UpdateRecord{Body: &pb.UpdateRecord_CollectorDown{CollectorDown: &pb.CollectorDown{Reason: lost}}}),
		"update-epoch-begin":    up(6, &pb.UpdateRecord{Body: &pb.UpdateRecord_EpochBegin{EpochBegin: &pb.EpochBegin{}}}),
		"update-gap-begin":      up(7, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: gap}}),
		"update-gap-end":        up(8, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: end}}),
		"update-check-begin":    up(9, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckBegin{CheckBegin: check}}),
		"update-check-end":      up(10, &pb.UpdateRecord{Body: &pb.UpdateRecord_CheckEnd{CheckEnd: &pb.CheckEnd{Id: "check/1", Complete: true}}}),
		"update-table-chunk":    up(11, &pb.UpdateRecord{Body: &pb.UpdateRecord_TableChunk{TableChunk: chunk}}),
		"update-tick":           up(12, &pb.UpdateRecord{Body: &pb.UpdateRecord_Tick{Tick: &pb.Tick{}}}),
		"update-clock":          up(13, &pb.UpdateRecord{Body: &pb.UpdateRecord_Clock{Clock: &pb.Clock{End: true}}}),
		"route-changes": rt(1, &pb.RouteRecord{Part: 1, MoreParts: true, Body: &pb.RouteRecord_Changes{Changes: &pb.RouteChanges{
			Peer: peer, AsPath: []*pb.PathSegment{{Type: 2, Asns: []uint32{64496, 64497}}}, OriginAs: 64497, UpstreamAs: 64496,
			Withdrawn: []*pb.Route{{Prefix: []byte{6, 32, 0x20, 1, 0xd, 0xb8}, PathId: 2}}, Announced: []*pb.Route{{Prefix: []byte{4, 24, 198, 51, 100}, PlaceShares: []uint64{0, 256}}},
			EndOfRib: []pb.Family{pb.Family_FAMILY_IPV4}, FirstIndex: 3, Places: chunk.Places, Owners: chunk.Owners, TreatAsWithdraw: true,
		}}}),
		"route-table-chunk": rt(11, &pb.RouteRecord{Body: &pb.RouteRecord_TableChunk{TableChunk: chunk}}),
		"route-tick":        rt(12, &pb.RouteRecord{Body: &pb.RouteRecord_Tick{Tick: &pb.Tick{}}}),
		"visibility":        &pb.VisibilityRecord{Position: out, Entity: entity, Family: pb.Family_FAMILY_IPV4, WindowUs: at, Space: 256, Prefixes: 1, BaselineSpace: 512, BaselinePrefixes: 2, Voters: 40},
		"visibility-usual": &pb.VisibilityRecord{
			Position: out, Entity: entity, Family: pb.Family_FAMILY_IPV4, WindowUs: at, Space: 256, Prefixes: 1, BaselineSpace: 512, BaselinePrefixes: 2, Voters: 40, UsualSpace: proto.Uint64(768), UsualPrefixes: proto.Uint32(3),
		},
		"prefix": &pb.PrefixRecord{
			Position: out, Prefix: []byte{4, 24, 198, 51, 100}, Family: pb.Family_FAMILY_IPV4, WindowUs: at, State: pb.PrefixState_PREFIX_STATE_PARTLY, SinceUs: at - 60e6, SinceAtLeast: true,
			Origins: []*pb.PrefixAS{{Asn: 64497, Voters: 20}}, Upstreams: []*pb.PrefixAS{{Asn: 64496, Voters: 18}, {Asn: 64498, Voters: 2}}, SeenBy: 20, Voters: 40,
			UsualPermille: proto.Uint32(900), Places: []*pb.PrefixPlace{{Place: &pb.Place{Country: "KP", Region: "KP-01"}, Space: 256}}, Daily: true,
		},
		"panel": &pb.PanelRecord{
			Position: out, Family: pb.Family_FAMILY_IPV4, TimeUs: at, Table: pb.TableKnowledge_TABLE_KNOWLEDGE_LEARNED, Voters: 40, Collectors: 12, MinVoters: 20,
			Peers: []*pb.PanelPeer{{Collector: "file/example", Peer: peer, Votes: true, Reason: "partial", Prefixes: 9}},
		},
		"panel-no-verdict": &pb.PanelRecord{
			Position: out, Family: pb.Family_FAMILY_IPV6, TimeUs: at, Voters: 2, Collectors: 1, MinVoters: 20, MinCollectors: 3, Verdicts: new(false), NoVerdict: "voters",
			Peers: []*pb.PanelPeer{{Collector: "file/example", Peer: peer, Reason: "no_panel", Prefixes: 9}},
		},
		"outage": &pb.OutageRecord{
			Position: out, DecidedAtUs: at, Event: "opened", Id: "prefix-198.51.100.0_24-ipv4-20141222T1615Z", Sequence: 1, Entity: entity, Family: pb.Family_FAMILY_IPV4,
			StartS: at / 1e6, EndS: proto.Int64(at/1e6 + 60), Kind: "outage", State: "open", Severity: "total", Blip: true, Dataset: "demo", Json: []byte(`{"id":"x"}`),
		},
		"outage-superseded": &pb.OutageRecord{
			Position: out, DecidedAtUs: at, Event: "closed", Id: "country-KP-ipv4-20141222T0000Z", Sequence: 3, Entity: entity, Family: pb.Family_FAMILY_IPV4,
			StartS: at/1e6 - 60, EndS: proto.Int64(at / 1e6), Kind: "intermittent", State: "closed", Severity: "total", Dataset: "demo", Json: []byte(`{"id":"x"}`),
			EndReason: "superseded", Successor: "country-KP-ipv4-20141222T1615Z", Predecessor: "country-KP-ipv4-20141221T0000Z",
		},
		"feed": &pb.FeedRecord{Position: out, TimestampUs: at, Collector: "file/example", Peer: peer, Event: pb.FeedEvent_FEED_EVENT_GAP, Reason: "why", GapId: "table/1"},
		"feed-status": &pb.FeedRecord{
			Position: out, TimestampUs: at, Collector: "ris/rrc00", Event: pb.FeedEvent_FEED_EVENT_STATUS, Source: "rislive", Instance: "0", BeginUs: at - 30, EndUs: at, Peers: []*pb.Peer{peer},
			Status: &pb.FeedStatus{State: "up", PeersUp: 3, Messages: 9, MessagesPerSecond: 1.5, LagUs: 7, LastGapUs: at - 1, DoneBytes: 5, TotalBytes: 10},
		},
		"update-gap-since":  up(16, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapBegin{GapBegin: &pb.GapBegin{Id: "1-1", SinceUs: at - 30}}}),
		"update-gap-filled": up(17, &pb.UpdateRecord{Body: &pb.UpdateRecord_GapEnd{GapEnd: &pb.GapEnd{Id: "1-1", Complete: true, Filled: true}}}),
		"checkpoint-chunk":  &pb.CheckpointRecord{Detector: "detect/ipv4", Slot: 1, Id: "c", Body: &pb.CheckpointRecord_Chunk{Chunk: &pb.CheckpointChunk{Index: 2, Data: []byte{1}, Crc32C: 3}}},
		"checkpoint-manifest": &pb.CheckpointRecord{Detector: "detect/ipv4", Slot: 1, Id: "c", Body: &pb.CheckpointRecord_Manifest{
			Manifest: &pb.CheckpointManifest{Chunks: 3, Offsets: map[int32]int64{0: 7}, WindowUs: at},
		}},
		"watch-list": &pb.WatchMemory{List: "my-customers", Title: "Our customers", Epoch: 7},
		"watch-host": &pb.WatchMemory{List: "my-customers", Host: &pb.HostAddresses{
			List: "my-customers", Host: "www.example.net", Addresses: [][]byte{{192, 0, 2, 1}}, NameServers: [][]byte{{192, 0, 2, 53}}, ResolvedAtUs: at, Problem: "no answer",
		}},
		"notify-delivery": &pb.NotifyRecord{
			Kind: pb.NotifyKind_NOTIFY_KIND_DELIVERY, Target: "noc-pager", Incident: "country-KP-ipv4-20141222T1615Z", Route: "countries", Generation: 3, WrittenUs: at, Json: []byte(`{"number":1}`),
		},
	}
}

// TestGoldenRecords decodes every golden record and compares it with its original contents.
func TestGoldenRecords(t *testing.T) {
	t.Parallel()
	for name, sample := range samples() {
		path := filepath.Join("testdata", "golden", name+".binpb")
		if _, err := os.Stat(path); err != nil && *update {
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(sample)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path[:len(path)-len(".binpb")]+".json", []byte(protojson.Format(sample)+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("no golden record for %s: run with -update", name)
			continue
		}
		text, err := os.ReadFile(path[:len(path)-len(".binpb")] + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want := sample.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(text, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := sample.ProtoReflect().New().Interface()
		if err := proto.Unmarshal(b, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		fast := sample.ProtoReflect().New().Interface()
		if err := fast.(interface{ UnmarshalVT([]byte) error }).UnmarshalVT(b); err != nil {
			t.Errorf("%s: fast: %v", name, err)
		}
		if diff := cmp.Diff(want, fast, protocmp.Transform()); diff != "" {
			t.Errorf("%s, fast (-want +got):\n%s", name, diff)
		}
	}
}

// TestGoldenFiles checks that the test above reads every golden record.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "*.binpb"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden records: %v", err)
	}
	known := samples()
	for _, f := range files {
		name := filepath.Base(f[:len(f)-len(".binpb")])
		if known[name] == nil {
			t.Errorf("%s: nothing decodes it", f)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, topic := range schemas.Topics {
		switch {
		case seen[topic.Name]:
			t.Errorf("%s stands twice", topic.Name)
		case topic.Key == "":
			t.Errorf("%s: no key", topic.Name)
		case topic.Value != "" && !known(topic.Value):
			t.Errorf("%s: no message darkmap.v1.%s", topic.Name, topic.Value)
		case topic.Value == "" && topic.Holds == "":
			t.Errorf("%s: nothing says what a record holds", topic.Name)
		case topic.PerCollector == (topic.Partitions != 0):
			t.Errorf("%s: either per collector or a number of partitions", topic.Name)
		case topic.Compacted == (topic.Retention != 0):
			t.Errorf("%s: either compacted or a retention", topic.Name)
		}
		seen[topic.Name] = true
	}
}

func known(message string) bool {
	_, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("darkmap.v1." + message))
	return err == nil
}
