package ingest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/codec"
	"github.com/darkmap/darkmap/internal/config"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// The bar's size is -edits 20, and with -chaos.apache.
var edits = flag.Int("edits", 5, "how often TestListEditedKilled edits the watch lists and kills ingest")

const listsEnv = "DARKMAP_TEST_LISTS"

// lister is an ingest process with watch lists and without a source.
func lister(ctx context.Context, k kafka.Config, instance string) error {
	cfg := ingest.DefaultConfig()
	cfg.RouteViews.Enabled, cfg.Archives, cfg.RISLive.Enabled = false, false, false
	file := os.Getenv(listsEnv)
	reader, err := watch.Open(func() (watch.Loaded, error) {
		var c struct {
			Watch watch.Section `yaml:"watch"`
		}
		err := config.Load(&c, file, nil)
		l, e := watch.Load(c.Watch, file)
		return l, errors.Join(err, e)
	})
	if err != nil {
		return err
	}
	l, err := ingest.NewLive(cfg, ingest.LiveDeps{Log: kafkatest.Log(), Kafka: k, Instance: instance, Version: "test", Now: time.Now, Watch: reader})
	if err != nil {
		return err
	}
	return l.Run(ctx)
}

// gathered returns the watch lists that a reader of bgp.updates has in the end, by name, and every
// state that it has seen: name and members, which are AS numbers.
func gathered(t *testing.T, k kafka.Config) (lists map[string][]uint32, seen map[string]bool) {
	t.Helper()
	lists, seen = map[string][]uint32{}, map[string]bool{}
	last := map[string]bgp.Position{}
	for _, r := range kafkatest.Read(t, k, schemas.TopicUpdates) {
		u := &pb.UpdateRecord{}
		if err := u.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		l := u.GetWatchList()
		if l == nil {
			continue
		}
		p := codec.ParsePosition(u.GetPosition())
		if before, ok := last[p.Collector]; ok && !p.After(before) {
			t.Fatalf("%v stands behind %v", p, before)
		}
		last[p.Collector] = p
		if l.GetRemoved() {
			t.Errorf("%v: the list is removed", p)
		}
		if l.GetPart() == 0 {
			lists[l.GetName()] = nil
		}
		for _, m := range l.GetMembers() {
			lists[l.GetName()] = append(lists[l.GetName()], m.GetAsn())
		}
		seen[fmt.Sprint(l.GetName(), lists[l.GetName()])] = true
	}
	return lists, seen
}

// TestListEditedKilled edits watch lists while an ingest process runs, and kills it with SIGKILL at
// varying moments. A reader of bgp.updates has the newest lists at the end, positions rise, and no
// list is ever removed. detect has a test of its own for such a log (TestListEditedKilled).
func TestListEditedKilled(t *testing.T) { //nolint:paralleltest // it sets the environment of children
	file := filepath.Join(t.TempDir(), "darkmap.yaml")
	want := map[string][]uint32{}
	edit := func(i int) {
		text := "watch:\n"
		for list := range 3 {
			name, members := fmt.Sprint("list-", list), []uint32{}
			text += fmt.Sprintf("- {name: %s, asns: [", name)
			for m := range uint32(1 + (i+list)%4) {
				asn := 4200000000 + uint32(100*i+10*list) + m
				members = append(members, asn)
				text += fmt.Sprint(asn, ", ")
			}
			text += "]}\n"
			want[name] = members
		}
		if err := errors.Join(os.WriteFile(file+".new", []byte(text), 0o600), os.Rename(file+".new", file)); err != nil {
			t.Fatal(err)
		}
	}
	edit(0)
	t.Setenv(listsEnv, file)
	k := chaosKafka(t)
	written := func() bool {
		_, seen := gathered(t, k)
		for name, members := range want {
			if !seen[fmt.Sprint(name, members)] {
				return false
			}
		}
		return true
	}
	p := kafkatest.Start(t, "lists", k, "a")
	for i := range *edits {
		edit(i + 1)
		if i%3 == 0 {
			waittest.Until(t, time.Minute, "the edit is written", written)
		}
		<-time.After(rand.N(time.Second))
		p.Kill()
		p = kafkatest.Start(t, "lists", k, "a")
	}
	waittest.Until(t, time.Minute, "the last edit is written", written)
	p.Stop()
	got, seen := gathered(t, k)
	for name, members := range want {
		if !slices.Equal(got[name], members) {
			t.Errorf("%s: got %v, want %v", name, got[name], members)
		}
	}
	t.Logf("%d edits, as many kills: %d states of 3 lists were written", *edits, len(seen))
}
