package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/rislivetest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// played are the collectors of playedObservatory.
var played = []string{"ris/rrc00", "ris/rrc01"}

// playedObservatory returns an observatory on a data directory. It hears two collectors and has
// their archives.
func playedObservatory(t *testing.T, dir string) *observatory {
	t.Helper()
	const factor = 30
	sched, err := rislivetest.Read([]string{"rrc00", "rrc01"}, datatest.Path(t, "mrt/routeviews2-20130101-arch0.mrt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	sched = sched.Loop(4 * time.Hour)
	begin := time.Now()
	index, err := sched.WriteArchives(t.TempDir(), begin, factor)
	if err != nil {
		t.Fatal(err)
	}
	writeTables(t, index, sched, begin)
	srv := rislivetest.Start(t, rislivetest.Options{})
	go func() { _ = srv.Play(t.Context(), sched, begin, factor) }() // ends with the test
	o := newObservatory(t, "ingest.rislive.url="+srv.URL, "ingest.rislive.collectors=[rrc00, rrc01]", "ingest.archive.index="+index,
		"ingest.bootstrap.poll_interval=500ms", "ingest.bootstrap.dump_age_limit=1h", "ingest.bootstrap.overlap=2s", "ingest.bootstrap.least_percent=off")
	o.args[slices.Index(o.args, "--data-dir")+1], o.dir = dir, dir
	return o
}

// hears reports whether all collectors are up.
func (o *observatory) hears() bool {
	rows := o.feeds()
	return len(rows) == len(played) && !slices.ContainsFunc(played, func(c string) bool { return rows[c].State != "up" || rows[c].PeersUp == 0 })
}

// TestUpDamaged damages octets of the log from which the detector builds its state. Up reports the
// damage and requests the tables of the affected collectors again. Other tables may come again,
// too. No outage follows.
func TestUpDamaged(t *testing.T) {
	t.Parallel()
	o := playedObservatory(t, t.TempDir())
	o.start()
	o.eventually("collectors are up", o.hears)
	answered := func(c string, gaps int) bool {
		said := o.gaps(c)
		return len(said) >= 2*gaps && said[len(said)-1] == "recovered"
	}
	o.eventually("their tables have come", func() bool { return answered(played[0], 1) && answered(played[1], 1) })
	time.Sleep(2 * time.Second) // until the statuses have them
	o.kill()
	file := filepath.Join(o.dir, "kafka", "live", "partitions", fmt.Sprintf("%s-%d", schemas.TopicRoutes, kafka.PartitionOf(played[0], 4)), "0.dat")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		b[len(b)/2+i] ^= 0x81
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o.start()
	o.eventually("they are up again", o.hears)
	if !regexp.MustCompile(`damaged.*` + regexp.QuoteMeta(schemas.TopicRoutes) + `.*0\.dat.*octets.*offsets`).MatchString(o.said()) {
		t.Errorf("it does not say what is damaged:\n%s", o.said())
	}
	o.eventually("the tables are wanted, and come", func() bool {
		wanted := false
		o.records(schemas.TopicFeeds, func(rec *kgo.Record) error {
			var f pb.FeedRecord
			err := f.UnmarshalVT(rec.Value)
			wanted = wanted || f.GetCollector() == played[0] && f.GetEvent() == pb.FeedEvent_FEED_EVENT_BOOTSTRAP_WANTED && strings.Contains(f.GetReason(), "lacks records")
			return err
		})
		said := o.gaps(played[0])
		return wanted && len(said) > 2 && slices.Contains(said[2:], "gap ever") && said[len(said)-1] == "recovered"
	})
	if out := o.outages(); out != "" {
		t.Errorf("outages of a log that was damaged:\n%s", out)
	}
}

var fullFor = flag.Duration("full-disk", 20*time.Second, "for how long the disk is full in TestUpFullDisk; the published bar is 2m")

// TestUpFullDisk: on a full disk up waits and reports it. It goes on at the same position when
// there is room again. All received messages are in bgp.updates, in order.
func TestUpFullDisk(t *testing.T) {
	t.Parallel()
	disk := datatest.SmallDisk(t, 160<<20)
	o := playedObservatory(t, filepath.Join(disk, "state"))
	o.start()
	o.eventually("collectors are up", o.hears)
	free := datatest.FillDisk(t, disk)
	time.Sleep(*fullFor)
	if o.get("/livez") == "" {
		t.Fatalf("it has ended:\n%s", o.said())
	}
	if !strings.Contains(o.said(), "the disk is full") || !strings.Contains(o.said(), filepath.Join(o.dir, "kafka", "live")) {
		t.Errorf("it does not say that the disk is full, and which:\n%s", o.said())
	}
	free()
	freed := time.Now()
	o.eventually("it goes on", func() bool {
		var last time.Time
		o.records(schemas.TopicRoutes, func(rec *kgo.Record) error {
			last = rec.Timestamp
			return nil
		})
		return last.After(freed.Add(2*time.Second)) && o.hears()
	})
	next := map[string]uint64{}
	o.records(schemas.TopicUpdates, func(rec *kgo.Record) error {
		var u pb.UpdateRecord
		if err := u.UnmarshalVT(rec.Value); err != nil {
			return err
		}
		p := u.GetPosition()
		if p.GetLane() != "live" {
			return nil
		}
		lane := fmt.Sprint(p.GetCollector(), " ", p.GetEpoch())
		if p.GetSequence() != next[lane]+1 {
			t.Errorf("%s: %d comes after %d", lane, p.GetSequence(), next[lane])
		}
		next[lane] = p.GetSequence()
		return nil
	})
	if len(next) != len(played) {
		t.Errorf("epochs %v, want one of each collector", next)
	}
	o.kill()
	free = datatest.FillDisk(t, disk)
	before := len(o.said())
	o.start()
	o.eventually("it says that it waits", func() bool { return strings.Contains(o.said()[before:], "the disk is full") })
	free()
	o.eventually("it starts", o.hears)
	if out := o.outages(); out != "" {
		t.Errorf("outages of a disk that was full:\n%s", out)
	}
}
