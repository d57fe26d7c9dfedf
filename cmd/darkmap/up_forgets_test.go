package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// leaveOpen makes the log of an up that was killed with open events, and whose routes are past
// their retention.
func leaveOpen(t *testing.T, dir string, open ...bgp.Outage) {
	t.Helper()
	d, err := datadir.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing else has it open
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{Dir: filepath.Join(d.Kafka(), kafka.LiveDataset), Log: kafkatest.Log()})
	if err != nil {
		t.Fatal(err)
	}
	cfg := b.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	var records []*kgo.Record
	for i, o := range open {
		records = append(records, openRecord(t, cfg, uint64(i+1), o))
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	err = cl.ProduceSync(t.Context(), records...).FirstErr()
	cl.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// openRecord returns the n-th record of the last minute in which an event was open.
func openRecord(t *testing.T, cfg kafka.Config, n uint64, o bgp.Outage) *kgo.Record {
	t.Helper()
	object, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	value, err := (&pb.OutageRecord{
		Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: uint64(o.Start.Unix()/60+4)<<24 | n}), DecidedAtUs: o.Start.Add(5 * time.Minute).UnixMicro(),
		Id: o.ID, Sequence: o.Sequence, Event: string(o.Event), State: string(o.State), Entity: codec.Entity(o.Entity), Family: pb.Family_FAMILY_IPV4, StartS: o.Start.Unix(), Dataset: o.Dataset, Json: object,
	}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	return &kgo.Record{Topic: cfg.Topic(schemas.TopicOutages), Key: []byte(o.ID), Value: value}
}

// TestUpForgets: an up was killed, and its log holds no routes any more. An open outage goes on
// under its id. A partial loss of a prefix, which cannot be judged by its record, ends as
// lost_sight. Two collectors with few peers give no verdict: /readyz, `feeds` and standard error
// report that.
func TestUpForgets(t *testing.T) {
	t.Parallel()
	o := playedObservatory(t, t.TempDir())
	begin := time.Now().UTC().Add(-12 * time.Hour).Truncate(time.Minute)
	outage := bgp.Outage{
		ID: bgp.OutageID(bgp.EntityCountry, "KP", bgp.IPv4, begin), Sequence: 2, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Family: bgp.IPv4.String(),
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Start: begin, Severity: bgp.SeverityTotal, Dataset: kafka.LiveDataset,
		Baseline: bgp.Size{Prefixes: 4, Space: 400}, Peak: bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000}, Panel: bgp.Panel{Voters: 40, Collectors: 12, Table: bgp.TablesComplete},
	}
	partial := outage
	partial.Entity = bgp.Entity{Type: bgp.EntityPrefix, Code: "192.0.2.0/24"}
	partial.ID, partial.Kind, partial.Severity = bgp.OutageID(bgp.EntityPrefix, partial.Entity.Code, bgp.IPv4, begin), bgp.KindPartial, bgp.SeverityMinor
	partial.Baseline, partial.Peak = bgp.Size{Prefixes: 1, Space: 100}, bgp.Loss{LostPrefixes: 1, LostSpace: 100, LossPercent: 5000}
	leaveOpen(t, o.dir, outage, partial)
	o.start()
	o.eventually("the outage from before is shown", func() bool { return strings.Contains(o.outages(), "(from before)") })
	o.eventually("a verdict is not possible", func() bool { return strings.Contains(o.get("/readyz"), "IPv4: no verdict is possible: ") })
	o.eventually("up says so", func() bool { return strings.Contains(o.said(), "panel     IPv4: no verdict is possible: ") })
	var last map[string]bgp.Outage
	o.eventually("the partial loss has ended", func() bool {
		last = map[string]bgp.Outage{}
		o.records(schemas.TopicOutages, func(rec *kgo.Record) error {
			var r pb.OutageRecord
			if err := r.UnmarshalVT(rec.Value); err != nil {
				return err
			}
			var x bgp.Outage
			err := json.Unmarshal(r.GetJson(), &x)
			last[x.ID] = x
			return err
		})
		return last[partial.ID].State == bgp.StateClosed
	})
	if x := last[partial.ID]; x.EndReason != bgp.EndLostSight || x.Sequence != 3 || !x.End.Equal(begin.Add(5*time.Minute)) || !strings.Contains(x.Summary, "192.0.2.0/24") {
		t.Errorf("the partial loss: got %+v", x)
	}
	if x := last[outage.ID]; len(last) != 2 || x.State != bgp.StateOpen || x.Sequence != 2 {
		t.Errorf("the outage: got %d events, %+v", len(last), x)
	}
	o.eventually("up counts the outage that stays open", func() bool { return strings.Contains(o.said(), "1 event stays open, nothing is decided") })
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"feeds", "--data-dir", o.dir}, nil, &out, &errs); code != 0 || !strings.Contains(out.String(), "\nIPv4: no verdict is possible: ") {
		t.Errorf("feeds: got %d, %s%s", code, out.String(), errs.String())
	}
}
