package enrich

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/internal/bgp/wire"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// The test runs the whole stage on an embedded broker. Every record must come out once, in its
// partition and in order. Records that cannot be decoded must be in the dead-letter topic with the
// reason.
func TestStage(t *testing.T) {
	t.Parallel()
	cfg := kafkatest.New(t, 3)
	reg := prometheus.NewRegistry()
	stage, err := New(DefaultConfig(), Deps{Log: kafkatest.Log(), Registerer: reg, Kafka: cfg, Instance: "enrich-0", Sources: testSources(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Ready(); err == nil {
		t.Error("ready before it runs")
	}
	const records = 200
	produce(t, cfg, records)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- stage.Run(ctx) }() // ends with cancel
	kafkatest.WaitDrained(t, cfg, kafka.Reading{Stage: "enrich", Topics: []string{schemas.TopicUpdates}})
	if err := stage.Ready(); err != nil {
		t.Errorf("not ready although it runs: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	next := map[string]uint64{}
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicRoutes) {
		out := &pb.RouteRecord{}
		if err := proto.Unmarshal(r.Value, out); err != nil {
			t.Fatal(err)
		}
		c := string(r.Key)
		if next[c]++; next[c] == 100 {
			next[c]++ // could not be decoded
		}
		if out.GetPosition().GetCollector() != c || out.GetPosition().GetSequence() != next[c] || r.Partition != kafka.PartitionOf(c, 3) {
			t.Fatalf("partition %d, key %s: got %v, want sequence %d", r.Partition, c, out.GetPosition(), next[c])
		}
		if c := out.GetChanges(); c != nil && len(c.GetAnnounced())+len(c.GetWithdrawn()) != 2 {
			t.Fatalf("changes %v, want two", c)
		}
	}
	if diff := cmp.Diff(map[string]uint64{"file/0": records, "file/1": records, "file/2": records}, next); diff != "" {
		t.Errorf("last sequences (-want +got):\n%s", diff)
	}
	letters := kafkatest.Read(t, cfg, schemas.TopicDeadLetter)
	if len(letters) != 3 {
		t.Fatalf("%d dead letters, want 3", len(letters))
	}
	for _, r := range letters {
		reason := ""
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderReason {
				reason = string(h.Value)
			}
		}
		if !strings.Contains(reason, string(r.Key)+" file/abc 0:100: peer 203.0.113.1 AS64500: ") {
			t.Errorf("dead letter of %s for the reason %q", r.Key, reason)
		}
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "darkmap_enrich_route_changes_total" {
				counted[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	if diff := cmp.Diff(map[string]float64{"announce": 297, "withdraw": 297}, counted); diff != "" {
		t.Errorf("route changes counted (-want +got):\n%s", diff)
	}
}

// produce writes the streams of three collectors: changes at odd sequences, ticks between them, and
// an undecodable record at 100.
func produce(t *testing.T, cfg kafka.Config, records int) {
	t.Helper()
	p, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicUpdates, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	changes := message(wire.MessageUpdate, updateBody(nlri("198.51.100.0/24"), pathAttributes(64500, 64496), nlri("192.0.2.0/24")))
	for seq := 1; seq <= records; seq++ {
		for c := range 3 {
			in := record(changes)
			in.Position.Collector, in.Position.Sequence = fmt.Sprint("file/", c), uint64(seq)
			if seq == 100 {
				in.GetBgpMessage().Raw = bytes.Repeat([]byte{0xff}, 30)
			} else if seq%2 == 0 || seq == 3 {
				in.Body = &pb.UpdateRecord_Tick{Tick: &pb.Tick{}}
			}
			if err := p.Produce(t.Context(), in.Position.Collector, encode(t, in)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := New(DefaultConfig(), Deps{Log: kafkatest.Log()}); err == nil {
		t.Error("a stage without sources was built")
	}
	cfg := Config{Geo: geo.Config{Files: []geo.File{{}}}, ASN: asn.Config{Files: []string{""}}, ReloadInterval: -1}
	err := config.Validate(&cfg)
	for _, fault := range []string{"geo.files[0].path: is empty", "asn.files[0]: is empty", "reload_interval: got -1ns, want 1s to 24h, or off"} {
		if err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("Validate = %v, want a fault of %s", err, fault)
		}
	}
}

// A changed file must be read again within the interval. A bad file must leave the old content and
// be reported once.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "places.csv")
		writeFile(t, path, "198.51.100.0,198.51.100.255,KP\n")
		s, err := OpenSources(Config{Geo: geo.Config{Files: []geo.File{{Path: path}}}}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		e := NewEnricher(s)
		country := func() string {
			out := transform(t, e, record(message(wire.MessageUpdate, updateBody(nlri("198.51.100.0/24"), nil, nil))))
			places := ""
			for _, p := range out[0].GetChanges().GetPlaces() {
				places += p.GetCountry()
			}
			return places
		}
		var changes, errs int
		ctx, cancel := context.WithCancel(t.Context())
		go s.Watch(ctx, 30*time.Second, func(changed bool, err error) { // ends with cancel
			if changed {
				changes++
			}
			if err != nil {
				errs++
			}
		})
		step := func(what, content, wantCountry string, wantChanges, wantErrs int) {
			t.Helper()
			if content != "" {
				writeFile(t, path, content)
			}
			time.Sleep(31 * time.Second)
			synctest.Wait()
			if got := country(); got != wantCountry || changes != wantChanges || errs != wantErrs {
				t.Errorf("%s: %q, %d changes, %d errors; want %q, %d, %d", what, got, changes, errs, wantCountry, wantChanges, wantErrs)
			}
		}
		first := s.Fingerprint()
		step("nothing happened", "", "KP", 0, 0)
		step("another country", "198.51.100.0,198.51.100.255,KR\n198.51.101.0,198.51.101.255,KR\n", "KR", 1, 0)
		if s.Fingerprint() == first {
			t.Error("the fingerprint did not change")
		}
		step("a bad file", "nonsense\n", "KR", 1, 1)
		step("nothing happened", "", "KR", 1, 1)
		cancel()
		synctest.Wait()
	})
}

// Without any file no route has a country or an owner; the rest must be complete.
func TestNoData(t *testing.T) {
	t.Parallel()
	s, err := OpenSources(Config{
		Geo: geo.Config{Files: []geo.File{{Path: filepath.Join(t.TempDir(), "missing.mmdb")}}},
		ASN: asn.Config{Files: []string{filepath.Join(t.TempDir(), "missing.csv")}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := NewEnricher(s)
	got := transform(t, e, record(message(wire.MessageUpdate, updateBody(nil, pathAttributes(64500, 64496), nlri("192.0.2.0/24")))))[0].GetChanges()
	if got.GetOriginAs() != 64496 || len(got.GetAnnounced()) != 1 || len(got.GetPlaces())+len(got.GetOwners()) != 0 || e.Counts.Unlocated != 1 {
		t.Errorf("got %v and %+v, want the route, its origin and nothing else", got, e.Counts)
	}
}

// The test uses real messages of an archive. The number of changes must be that of the decoder,
// including a message with AS 0 in its path (RFC 7607). The four real routes of North Korea must
// have their country and owner.
func TestRealMessages(t *testing.T) {
	t.Parallel()
	s, err := OpenSources(Config{
		Geo: geo.Config{Files: []geo.File{{Path: writeFile(t, filepath.Join(t.TempDir(), "places"), "175.45.176.0,175.45.179.255,KP\n")}}},
		ASN: asn.Config{Files: []string{datatest.Path(t, "enrich", "pyasn-asnames.json.gz")}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	values, changes := archiveRecords(t, "updates.et-header.2015.gz", 1<<30)
	e := NewEnricher(s)
	got, north, none := 0, 0, 0
	for _, v := range values {
		out, err := e.Transform(nil, v)
		switch {
		case err != nil && len(out) == 1 && strings.Contains(err.Error(), "AS 0"):
			none++
		case err != nil:
			t.Fatal(err)
		}
		for _, b := range out {
			r := &pb.RouteRecord{}
			if err := r.UnmarshalVT(b); err != nil {
				t.Fatal(err)
			}
			c := r.GetChanges()
			got += len(c.GetAnnounced()) + len(c.GetWithdrawn())
			if c.GetOriginAs() != 131279 {
				continue
			}
			owner := &pb.Owner{Asn: 131279, Name: "STAR-KP", Organisation: "Ryugyong-dong", Country: "KP"}
			if c.GetUpstreamAs() != 4837 || len(c.GetOwners()) != 2 || !proto.Equal(c.GetOwners()[0], owner) ||
				len(c.GetPlaces()) != 1 || c.GetPlaces()[0].GetCountry() != "KP" {
				t.Errorf("a North Korean route came out as %v", c)
			}
			north += len(c.GetAnnounced())
		}
	}
	if got != changes || uint64(changes) != e.Counts.Announced+e.Counts.Withdrawn || north != 4 {
		t.Errorf("%d changes, %d of North Korea; want %d and 4", got, north, changes)
	}
	if none != 1 {
		t.Errorf("%d messages have AS 0 in the path, want 1", none)
	}
}

// A small message must cost no more than the memory of its record.
func TestTransformAllocations(t *testing.T) {
	s := testSources(t)
	e := NewEnricher(s)
	value := encode(t, record(message(wire.MessageUpdate, updateBody(nlri("192.0.2.0/24"), pathAttributes(64500, 64496), nlri("198.51.100.0/24")))))
	var out [][]byte
	if got := testing.AllocsPerRun(1000, func() { out, _ = e.Transform(out[:0], value) }); got >= 1 {
		t.Errorf("%.2f allocations a record, want less than one (an arena every few hundred)", got)
	}
}
