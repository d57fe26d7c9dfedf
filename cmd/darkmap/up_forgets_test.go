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

// leaveOpen makes the log of an up that had an outage open when it was killed, and whose routes are past their retention.
func leaveOpen(t *testing.T, dir string, o bgp.Outage) {
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
	object, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	value, err := (&pb.OutageRecord{
		Position: codec.Position(bgp.Position{Collector: "detect/ipv4", Lane: bgp.LaneOut, Sequence: uint64(o.Start.Unix()/60+5)<<24 | 1}), DecidedAtUs: o.Start.Add(5 * time.Minute).UnixMicro(),
		Id: o.ID, Sequence: o.Sequence, Event: string(o.Event), State: string(o.State), Entity: codec.Entity(o.Entity), Family: pb.Family_FAMILY_IPV4, StartS: o.Start.Unix(), Dataset: o.Dataset, Json: object,
	}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	err = cl.ProduceSync(t.Context(), &kgo.Record{Topic: cfg.Topic(schemas.TopicOutages), Key: []byte(o.ID), Value: value}).FirstErr()
	cl.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUpForgets: an outage that was open when up was killed, and of which the log holds no routes any more, ends as lost from sight. Meanwhile two
// collectors with few peers give no verdict: /readyz, `feeds` and standard error say so.
func TestUpForgets(t *testing.T) {
	t.Parallel()
	o := playedObservatory(t, t.TempDir())
	begin := time.Now().UTC().Add(-12 * time.Hour).Truncate(time.Minute)
	leaveOpen(t, o.dir, bgp.Outage{
		ID: bgp.OutageID(bgp.EntityCountry, "KP", bgp.IPv4, begin), Sequence: 2, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Family: bgp.IPv4.String(),
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Start: begin, Severity: bgp.SeverityTotal, Dataset: kafka.LiveDataset,
		Baseline: bgp.Size{Prefixes: 4, Space: 400}, Peak: bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 10000}, Panel: bgp.Panel{Voters: 40, Collectors: 12, Table: bgp.TablesComplete},
	})
	o.start()
	o.eventually("the outage from before is shown", func() bool { return strings.Contains(o.outages(), "(from before)") })
	o.eventually("a verdict is not possible", func() bool { return strings.Contains(o.get("/readyz"), "IPv4: no verdict is possible: ") })
	o.eventually("up says so", func() bool { return strings.Contains(o.said(), "panel     IPv4: no verdict is possible: ") })
	var last bgp.Outage
	o.eventually("the outage has ended", func() bool {
		o.records(schemas.TopicOutages, func(rec *kgo.Record) error {
			var r pb.OutageRecord
			if err := r.UnmarshalVT(rec.Value); err != nil {
				return err
			}
			return json.Unmarshal(r.GetJson(), &last)
		})
		return last.State == bgp.StateClosed
	})
	if last.EndReason != bgp.EndLostSight || last.Sequence != 3 || !last.End.Equal(begin.Add(5*time.Minute)) || !strings.Contains(last.Summary, "All 4 IPv4 prefixes of North Korea lost their routes") {
		t.Errorf("got %+v", last)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"feeds", "--data-dir", o.dir}, nil, &out, &errs); code != 0 || !strings.Contains(out.String(), "\nIPv4: no verdict is possible: ") {
		t.Errorf("feeds: got %d, %s%s", code, out.String(), errs.String())
	}
}
