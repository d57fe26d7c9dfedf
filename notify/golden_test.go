package notify_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var update = flag.Bool("update", false, "write the golden memory of notify if there is none; one that exists is for ever")

// goldenMemory holds the records of bgp.outages and bgp.notify after an outage of AS64496, which is
// open, and one of AS64497, which is over. A first stage told all targets of both.
const goldenMemory = "testdata/golden/memory.json"

// goldenRecord is a record of goldenMemory.
type goldenRecord struct {
	Topic      string
	Key, Value []byte
}

// writeMemory writes goldenMemory with a clock of two years ago: a memory can be old.
func writeMemory(t *testing.T) {
	t.Helper()
	cfg, r := kafkatest.New(t, 1), newReceiver(t)
	old := func() time.Time { return time.Now().AddDate(-2, 0, 0) }
	w := newWorld(t, cfg)
	w.now = old
	w.decide()
	s, err := newStageAt(cfg, "0", r.URL, old)
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, s)
	w.say(64496, bgp.StateOpen)
	w.say(64497, bgp.StateOpen)
	for name := range places {
		eventually(t, name+" hears of both", func() bool { return len(r.of(name)) == 2 })
	}
	w.say(64497, bgp.StateClosed)
	for name := range places {
		eventually(t, name+" hears that one is over", func() bool { return len(r.of(name)) == 3 })
	}
	stop()
	var all []goldenRecord
	for _, topic := range []string{schemas.TopicOutages, schemas.TopicNotify} {
		for _, rec := range kafkatest.Read(t, cfg, topic) {
			all = append(all, goldenRecord{topic, rec.Key, rec.Value})
		}
	}
	b, err := json.MarshalIndent(all, "", " ")
	err = errors.Join(err, os.MkdirAll(filepath.Dir(goldenMemory), 0o750), os.WriteFile(goldenMemory, append(b, '\n'), 0o600))
	if err != nil {
		t.Fatal(err)
	}
}

// remember writes the records of goldenMemory, changed by change, and commits the group's offset
// behind the outages. It returns the newest record of each outage.
func remember(t *testing.T, cfg kafka.Config, change func(*goldenRecord)) map[string]bgp.Outage {
	t.Helper()
	b, err := os.ReadFile(goldenMemory)
	if err != nil {
		t.Fatalf("%v: run with -update", err)
	}
	var all []goldenRecord
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	outages, n := map[string]bgp.Outage{}, int64(0)
	for _, g := range all {
		change(&g)
		if g.Topic == schemas.TopicOutages {
			rec, o := &pb.OutageRecord{}, bgp.Outage{}
			if err := errors.Join(rec.UnmarshalVT(g.Value), json.Unmarshal(rec.GetJson(), &o)); err != nil {
				t.Fatal(err)
			}
			outages[o.ID] = o
			n++
		}
		if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: cfg.Topic(g.Topic), Key: g.Key, Value: g.Value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	var offsets kadm.Offsets
	offsets.AddOffset(cfg.Topic(schemas.TopicOutages), 0, n, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(t.Context(), cfg.Group(notify.Name), offsets); err != nil {
		t.Fatal(err)
	}
	return outages
}

// TestGoldenMemory: notify goes on from the memory of an earlier version. It tells nothing again,
// closes the incident that is open, and tells of a new one. Fields of a newer version in the memory
// change nothing.
func TestGoldenMemory(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(goldenMemory); err != nil && *update {
		writeMemory(t)
	}
	for name, change := range map[string]func(*goldenRecord){
		"of this version": func(*goldenRecord) {},
		"of a newer version": func(g *goldenRecord) {
			rec := &pb.NotifyRecord{}
			if err := rec.UnmarshalVT(g.Value); g.Topic != schemas.TopicNotify || err != nil || len(rec.GetJson()) == 0 {
				return
			}
			rec.Json = append([]byte(`{"newer":{"field":1},`), rec.GetJson()[1:]...)
			g.Value, _ = rec.MarshalVT() // it was decoded before
			g.Value = append(g.Value, 0xc0, 0xa9, 0x07, 0x01)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, r := kafkatest.New(t, 1), newReceiver(t)
			outages := remember(t, cfg, change)
			w := newWorld(t, cfg)
			w.decide()
			for id, o := range outages {
				w.seq[id], w.at[id] = o.Sequence, o.Start
			}
			defer start(t, mustStage(t, cfg, r.URL))()
			first := w.say(64496, bgp.StateClosed)
			last := w.say(64498, bgp.StateOpen)
			if _, known := outages[first]; !known || len(outages) != 2 {
				t.Fatalf("the memory is about %d outages", len(outages))
			}
			for name := range places {
				eventually(t, name+" hears of the new one", func() bool { return slices.Contains(r.told(name), "open "+last) })
				eventually(t, name+" hears that one is over", func() bool { return slices.Contains(r.told(name), "close "+first) })
				got := r.told(name)
				slices.Sort(got)
				if diff := cmp.Diff([]string{"close " + first, "open " + last}, got); diff != "" || r.notices(name) != 0 {
					t.Errorf("%s: %d notices; messages (-want +got):\n%s", name, r.notices(name), diff)
				}
			}
		})
	}
}
