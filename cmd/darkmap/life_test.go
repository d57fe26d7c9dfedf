package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/bits"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/detect/core"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/rib"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/mrt"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/progress"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The message of docs/life-of-a-message.md: at lifeTime the peer 203.0.113.1, AS64500, withdraws
// lifeGone and announces lifeKept with another path.
var (
	lifeTime = time.Date(2014, 12, 22, 16, 15, 2, 250_000_000, time.UTC)
	lifeGone = netip.MustParsePrefix("192.0.2.0/24")
	lifeKept = netip.MustParsePrefix("198.51.100.0/24")
)

const lifePeers = 3

func lifeSession(i int) mrt.Session {
	return mrt.Session{
		PeerASN: bgp.ASN(64500 + i), LocalASN: 64511,
		PeerAddress: netip.AddrFrom4([4]byte{203, 0, 113, byte(1 + i)}), LocalAddress: netip.MustParseAddr("203.0.113.254"),
	}
}

// lifePath returns the peer's path: AS64496 through via.
func lifePath(i int, via bgp.ASN) wire.PlainAttributes {
	return wire.PlainAttributes{Path: []bgp.ASN{bgp.ASN(64500 + i), via, 64496}, NextHop: lifeSession(i).PeerAddress}
}

// lifeFiles writes a table of three peers and the updates of a quarter hour. All three peers lose
// lifeGone within seven seconds. One message is damaged.
func lifeFiles(t *testing.T) (inputs []playback.Input, message []byte) {
	t.Helper()
	dir := t.TempDir()
	out := func(name string, fill func(w *mrt.Writer)) {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := mrt.NewWriter(f)
		fill(w)
		if err := errors.Join(w.Err(), f.Close()); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, playback.Input{Collector: "file/doc", Path: path})
	}
	update := func(u wire.PlainUpdate) []byte {
		b, err := wire.AppendUpdate(nil, u)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	out("table.mrt", func(w *mrt.Writer) {
		at := lifeTime.Truncate(time.Minute).Add(-5 * time.Minute)
		var peers []mrt.TablePeer
		var entries []mrt.Entry
		for i := range lifePeers {
			s := lifeSession(i)
			peers = append(peers, mrt.TablePeer{BGPID: s.PeerAddress, Address: s.PeerAddress, ASN: s.PeerASN})
			entries = append(entries, mrt.Entry{Peer: uint16(i), Originated: at, Attributes: lifePath(i, 64497)})
		}
		w.PeerIndexTable(at, lifeSession(0).LocalAddress, "doc", peers)
		w.RIB(at, 0, lifeGone, entries)
		w.RIB(at, 1, lifeKept, entries)
	})
	message = update(wire.PlainUpdate{Withdrawn: []netip.Prefix{lifeGone}, Announced: []netip.Prefix{lifeKept}, Attributes: lifePath(0, 64498)})
	out("updates.mrt", func(w *mrt.Writer) {
		for m := -4; m < 10; m++ { // time passes only with messages
			t := lifeTime.Truncate(time.Minute).Add(time.Duration(m) * time.Minute)
			w.Message(t.UnixMicro(), lifeSession(1), update(wire.PlainUpdate{Announced: []netip.Prefix{lifeKept}, Attributes: lifePath(1, bgp.ASN(64497+m&1))}))
			if m != 0 {
				continue
			}
			w.Message(lifeTime.UnixMicro(), lifeSession(0), message)
			for i := 1; i < lifePeers; i++ {
				w.Message(lifeTime.Add(time.Duration(3*i)*time.Second).UnixMicro(), lifeSession(i), update(wire.PlainUpdate{Withdrawn: []netip.Prefix{lifeGone}}))
			}
			w.Message(lifeTime.Add(10*time.Second).UnixMicro(), lifeSession(0), lifeDamaged(message))
		}
	})
	return inputs, message
}

// lifeDamaged makes the message's attributes longer than they are.
func lifeDamaged(message []byte) []byte {
	b := append([]byte(nil), message...)
	b[wire.HeaderLength+2+4] = 0xff // header, length of withdrawn routes, one of them
	return b
}

// lifeEnrichment configures the location of lifeGone and the names of its ASes.
func lifeEnrichment(t *testing.T) enrich.Config {
	t.Helper()
	dir := t.TempDir()
	places, names := filepath.Join(dir, "places.csv"), filepath.Join(dir, "names.csv")
	for path, text := range map[string]string{places: "192.0.2.0,192.0.2.255,AQ\n", names: "64496 Example Net\n64497 Example Transit\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return enrich.Config{Geo: geo.Config{Files: []geo.File{{Path: places}}}, ASN: asn.Config{Files: []string{names}}}
}

// TestLifeOfAMessage steps one message through the code of every stage, in the steps of
// docs/life-of-a-message.md.
func TestLifeOfAMessage(t *testing.T) {
	t.Parallel()
	inputs, message := lifeFiles(t)
	lifeCapture(t, inputs[1].Path, message)
	updates, followed := lifeIngest(t, inputs, message)
	routes, at := lifeEnrich(t, updates, followed)
	lifeRIB(t, routes[at].GetChanges())
	lifeDetect(t, routes, at)
}

// lifeCapture is step 1: it frames a record of the file.
func lifeCapture(t *testing.T, path string, message []byte) {
	t.Helper()
	r, err := capture.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // only read
	for {
		it, err := r.Next()
		if err != nil {
			t.Fatalf("before the message: %v", err)
		}
		if it.Timestamp != lifeTime.UnixMicro() {
			continue
		}
		want := bgp.Peer{Address: lifeSession(0).PeerAddress, ASN: 64500}
		if it.Kind != capture.Message || it.Peer != want || it.ASOctets != 4 || !cmp.Equal(it.Message, message) {
			t.Errorf("got %+v, want the message of %+v", it, want)
		}
		return
	}
}

// lifeIngest is steps 2 and 3: it returns the records of bgp.updates.v1, and the
// position of the message.
func lifeIngest(t *testing.T, inputs []playback.Input, message []byte) (records [][]byte, followed bgp.Position) {
	t.Helper()
	plan := playInputs(t, inputs, func(rec playback.Record) {
		value, err := rec.Update.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, value)
		if m := rec.Update.GetBgpMessage(); m == nil || rec.Update.TimestampUs != lifeTime.UnixMicro() {
			return
		} else if rec.Collector != "file/doc" || !cmp.Equal(m.Raw, message) || m.AsOctets != 4 {
			t.Errorf("got key %s and %v, want the message as it was received", rec.Collector, m)
		}
		followed = codec.ParsePosition(rec.Update.Position)
	})
	if followed.Collector != "file/doc" || followed.Lane != bgp.FileLane(plan.Hash) || followed.Epoch != 0 || followed.Sequence == 0 || len(followed.EventID()) != 32 {
		t.Errorf("got position %v, event %s", followed, followed.EventID())
	}
	return records, followed
}

// lifeEnrich is step 4: it returns the records of bgp.routes.v1, and the index of the one from the
// message.
func lifeEnrich(t *testing.T, updates [][]byte, followed bgp.Position) (routes []*pb.RouteRecord, at int) {
	t.Helper()
	sources, err := enrich.OpenSources(lifeEnrichment(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := enrich.NewEnricher(sources)
	var refused []error
	for _, value := range updates {
		out, err := e.Transform(nil, value)
		if err != nil {
			refused = append(refused, err)
			continue
		}
		for _, b := range out {
			rec := &pb.RouteRecord{}
			if err := rec.UnmarshalVT(b); err != nil {
				t.Fatal(err)
			}
			if codec.ParsePosition(rec.Position) == followed {
				at = len(routes)
			}
			routes = append(routes, rec)
		}
	}
	if len(refused) != 1 || !strings.Contains(refused[0].Error(), "203.0.113.1 AS64500") {
		t.Errorf("got %v, want the damaged message refused, and its peer named", refused)
	}
	c := routes[at].GetChanges()
	var got []string
	for _, r := range append(c.GetWithdrawn(), c.GetAnnounced()...) {
		p, err := codec.ParsePrefix(r.GetPrefix())
		if err != nil {
			t.Fatal(err)
		}
		where := "nowhere"
		if s := r.GetPlaceShares(); len(s) == 2 {
			where = fmt.Sprint(c.Places[s[0]].Country, " ", s[1])
		}
		got = append(got, fmt.Sprint(p, " ", where))
	}
	if diff := cmp.Diff([]string{"192.0.2.0/24 AQ 256", "198.51.100.0/24 nowhere"}, got); diff != "" || len(c.GetWithdrawn()) != 1 {
		t.Errorf("withdrawn, then announced (-want +got):\n%s", diff)
	}
	if c.GetOriginAs() != 64496 || c.GetUpstreamAs() != 64498 || routes[at].GetTimestampUs() != lifeTime.UnixMicro() || c.Owners[0].GetOrganisation()+c.Owners[0].GetName() == "" {
		t.Errorf("got %v", routes[at])
	}
	return routes, at
}

// lifeRIB is step 6: it applies the message to the state of its peer.
func lifeRIB(t *testing.T, c *pb.RouteChanges) {
	t.Helper()
	table := rib.New(bgp.IPv4)
	slot, _ := table.AddSlot()
	_, gone, _ := rib.ParseKey(c.Withdrawn[0].Prefix)
	row, _, ok := table.Announce(slot, gone, 0, 64496, 64497) // as in the table dump
	if !ok || ones(table.Held(row)) != 1 {
		t.Fatalf("%v is not held", gone)
	}
	if _, lost, ok := table.Withdraw(slot, gone, c.Withdrawn[0].PathId, false); !ok || lost != rib.Lost || ones(table.Held(row)) != 0 {
		t.Errorf("got %d, held by %d, want it lost", lost, ones(table.Held(row)))
	}
	heard := false
	table.EachPair(row, func(origin, upstream bgp.ASN, slots []uint64) {
		heard = heard || origin == 64496 && upstream == 64497 && ones(slots) == 1
	})
	if !heard {
		t.Error("the withdrawal took the evidence with it: who heard the prefix where")
	}
}

// lifeWindows pushes a record into the clock, and has the detector take the steps that follow. It
// returns the effective time of the record followed, 0 if it was not applied, and the outages of
// the windows that closed.
func lifeWindows(t *testing.T, c *clock.Clock, d *core.Detector, offset int64, rec, followed *pb.RouteRecord) (effective int64, outs []core.Out) {
	t.Helper()
	if err := c.Push(0, offset, rec, rec.SizeVT()); err != nil {
		t.Fatal(err)
	}
	for step := range c.Steps() {
		if step.Record != nil {
			if step.Record == followed {
				effective = step.Effective
			}
			if err := d.Apply(step.Record, step.Effective); err != nil {
				t.Fatal(err)
			}
			continue
		}
		next, err := d.CloseWindow(step.Window)
		if err != nil {
			t.Fatal(err)
		}
		outs = append(outs, next...)
	}
	return effective, outs
}

// lifeDetect is steps 5 to 8: the clock, the detector, and the outage that all three withdrawals
// make.
func lifeDetect(t *testing.T, routes []*pb.RouteRecord, at int) {
	t.Helper()
	cfg := core.DefaultConfig()
	cfg.Panel.MinVoters, cfg.Panel.MinCollectors = lifePeers, 1
	detector, err := core.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.New(clock.Config{Partitions: 1})
	var effective int64
	var outs []core.Out
	for i, rec := range routes {
		e, o := lifeWindows(t, c, detector, int64(i), rec, routes[at])
		effective, outs = max(effective, e), append(outs, o...)
		if i == at { // a record that the broker sends again changes nothing
			if e, _ := lifeWindows(t, c, detector, int64(i), rec, rec); e != 0 || c.Dropped() != 1 {
				t.Errorf("sent again: applied at %d, %d dropped", e, c.Dropped())
			}
		}
	}
	if effective != lifeTime.UnixMicro() || len(c.Rejected(math.MaxInt64)) != 0 {
		t.Errorf("effective time %v, %d rejected", time.UnixMicro(effective).UTC(), len(c.Rejected(math.MaxInt64)))
	}
	opened := map[string]bgp.Outage{}
	var states []pb.PrefixState
	for _, out := range outs {
		if r, ok := out.Record.(*pb.PrefixRecord); ok && string(out.Key) == "ipv4/192.0.2.0/24" && r.GetSinceUs() == lifeTime.Truncate(time.Minute).UnixMicro() {
			states = append(states, r.GetState())
		}
		if r, ok := out.Record.(*pb.OutageRecord); ok && r.GetEvent() == "opened" {
			var o bgp.Outage
			if err := json.Unmarshal(r.GetJson(), &o); err != nil {
				t.Fatal(err)
			}
			opened[o.Entity.Code] = o
		}
	}
	if len(states) == 0 || states[0] != pb.PrefixState_PREFIX_STATE_LOST {
		t.Errorf("192.0.2.0/24: got the states %v since 16:15, want lost", states)
	}
	for _, code := range []string{"192.0.2.0/24", "AS64496", "AQ"} {
		o, ok := opened[code]
		if !ok || o.Start.Truncate(time.Minute) != lifeTime.Truncate(time.Minute) || o.Panel.Voters != lifePeers || len(o.Upstreams) != 1 || o.Upstreams[0].ASN != 64497 {
			t.Errorf("%s: got %+v, want an outage of 16:15 behind AS64497, seen by 3", code, o)
		}
	}
}

// TestLifeOfAMessageToSQL plays the same files through the stages themselves, and finds the
// message's rows.
func TestLifeOfAMessageToSQL(t *testing.T) {
	t.Parallel()
	server := clickhousetest.Server(t)
	inputs, message := lifeFiles(t)
	_, followed := lifeIngest(t, inputs, message)
	p := lifePipeline(t, inputs, &server)
	var offset int64
	partition := kafka.PartitionOf("file/doc", p.cfg.Kafka.Partitions)
	err := kafka.ReadToEnd(t.Context(), p.cfg.Kafka, p.log, schemas.TopicRoutes, func(rec *kgo.Record) error {
		var r pb.RouteRecord
		if err := r.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		if codec.ParsePosition(r.GetPosition()) == followed {
			if offset = rec.Offset; rec.Partition != partition || string(rec.Key) != "file/doc" {
				t.Errorf("got partition %d, key %s, want %d", rec.Partition, rec.Key, partition)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	where := fmt.Sprintf("%s\t%d\t%d", schemas.TopicRoutes, partition, offset)
	for _, tt := range []struct{ name, query, want string }{
		{
			"the message", "SELECT idx, type, prefix, as_path, origin_as, owner, country, peer_asn, toUnixTimestamp64Micro(timestamp), topic, partition, offset " +
				"FROM route_changes WHERE event_id = '" + followed.EventID() + "' ORDER BY idx",
			fmt.Sprintf("0\twithdraw\t192.0.2.0/24\t\t0\t\tAQ\t64500\t%d\t%s\n1\tannounce\t198.51.100.0/24\t64500 64498 64496\t64496\tExample Net\t\t64500\t%[1]d\t%[2]s", lifeTime.UnixMicro(), where),
		},
		{"the damaged one", "SELECT count(), any(key), any(headers['" + schemas.HeaderTopic + "']) FROM deadletter", "1\tfile/doc\tlife.bgp.updates.v1"},
		{"who holds it", "SELECT state, origins, seen_by, voters, upstreams, country, since FROM prefix_holders WHERE prefix = '192.0.2.0/24' AND until IS NULL", "lost\t[64496]\t0\t3\t[64497]\tAQ\t2014-12-22 16:15:00"},
		{"the outage", "SELECT start, state, peak_lost_prefixes, upstreams FROM outages WHERE entity_code = 'AQ'", "2014-12-22 16:15:02\topen\t1\t[64497]"},
	} {
		if got := lifeSQL(t, server, tt.query); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
}

// lifePipeline plays inputs through all stages. The broker runs on, so that the test can read it.
func lifePipeline(t *testing.T, inputs []playback.Input, server *clickhouse.Server) *pipeline {
	t.Helper()
	plan, err := playback.NewPlan(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfiguration()
	cfg.Enrich = lifeEnrichment(t)
	cfg.Detect.Core.Panel.MinVoters, cfg.Detect.Core.Panel.MinCollectors = lifePeers, 1
	cfg.Kafka = cfg.Kafka.WithDataset("life")
	log := slog.New(slog.DiscardHandler)
	sources, err := enrich.OpenSources(cfg.Enrich, log)
	if err != nil {
		t.Fatal(err)
	}
	p := &pipeline{cfg: cfg, log: log, dataset: "life", plan: plan, sources: sources, results: outagelog.New(), line: progress.NewLine(io.Discard), began: time.Now()}
	if server != nil {
		p.store = &store{server: *server}
	}
	stop, err := p.broker(t.Context(), filepath.Join(t.TempDir(), "kafka"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	stages, err := p.build()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.run(t.Context(), stages); err != nil {
		t.Fatal(err)
	}
	return p
}

// lifeSQL returns a statement's answer as tab-separated lines.
func lifeSQL(t *testing.T, s clickhouse.Server, sql string) string {
	t.Helper()
	body, err := s.HTTP(t.Context(), clickhouse.Query{SQL: sql, Database: s.Database})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// ones counts the bits of b.
func ones(b []uint64) int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
