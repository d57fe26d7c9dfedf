package main

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/darkmap/darkmap/detect/clock"
	"github.com/darkmap/darkmap/detect/core"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/mrttest"
	"github.com/darkmap/darkmap/notify/incident"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// worldUpdates returns the records of bgp.updates from the captures of a world: a table of each
// collector at its start, and the updates until a time.
func worldUpdates(t *testing.T, w *mrttest.World, until time.Duration) (all []*pb.UpdateRecord) {
	t.Helper()
	dir := t.TempDir()
	var inputs []playback.Input
	for _, c := range w.Collectors() {
		for name, content := range map[string][]byte{"table": w.Table(c, 0, nil), "updates": w.Updates(c, 0, until)} {
			path := filepath.Join(dir, c+"."+name)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, playback.Input{Collector: "file/" + c, Path: path})
		}
	}
	playInputs(t, inputs, func(rec playback.Record) { all = append(all, proto.Clone(rec.Update).(*pb.UpdateRecord)) })
	return all
}

// playInputs calls take with every record of the played inputs, and returns their plan. take must
// not keep the record.
func playInputs(t *testing.T, inputs []playback.Input, take func(playback.Record)) *playback.Plan {
	t.Helper()
	plan, err := playback.NewPlan(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	src := plan.Open()
	defer src.Close() //nolint:errcheck // only read
	for {
		rec, err := src.Next()
		if errors.Is(err, io.EOF) {
			return plan
		}
		if err != nil {
			t.Fatal(err)
		}
		take(rec)
	}
}

// detected runs enrich and detect on records of bgp.updates, in order of time, and returns the
// outages.
func detected(t *testing.T, cfg enrich.Config, updates []*pb.UpdateRecord) (all []incident.PastRecord) {
	t.Helper()
	sources, err := enrich.OpenSources(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	e := enrich.NewEnricher(sources)
	dc := core.DefaultConfig()
	dc.Panel.MinVoters, dc.Panel.MinCollectors, dc.Dataset = 3, 1, "live"
	d, err := core.New(dc)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(updates, func(a, b *pb.UpdateRecord) int { return int(a.GetTimestampUs() - b.GetTimestampUs()) })
	c := clock.New(clock.Config{Partitions: 1})
	offset := int64(0)
	for _, u := range updates {
		value, err := u.MarshalVT()
		if err != nil {
			t.Fatal(err)
		}
		routes, err := e.Transform(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range routes {
			rec := &pb.RouteRecord{}
			if err := rec.UnmarshalVT(b); err != nil {
				t.Fatal(err)
			}
			_, outs := lifeWindows(t, c, d, offset, rec, nil)
			offset++
			for _, out := range outs {
				if r, ok := out.Record.(*pb.OutageRecord); ok {
					var o bgp.Outage
					if err := json.Unmarshal(r.GetJson(), &o); err != nil {
						t.Fatal(err)
					}
					all = append(all, incident.PastRecord{Outage: &o, At: time.UnixMicro(r.GetDecidedAtUs())})
				}
			}
		}
	}
	if refused := c.Rejected(math.MaxInt64); len(refused) > 0 {
		t.Errorf("the clock refused %v", refused)
	}
	return all
}
