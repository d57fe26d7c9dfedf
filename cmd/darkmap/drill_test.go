package main

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/eval/simulate"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

var (
	drillBrokers  = flag.Int("drill-brokers", 1, "how many brokers TestDrill starts; the published bar is 3")
	drillRounds   = flag.Int("drill-rounds", 1, "how often TestDrill replaces each member; the published bar is 5")
	drillScenario = flag.String("drill-scenario", "four-withdrawn", "the scenario of eval/simulate that TestDrill plays")
	drillAround   = flag.Duration("drill-around", 2*time.Hour, "how much of the scenario before and after its first loss TestDrill plays; the published bar is 12h")
)

// rolled are the stages that TestDrill replaces, in the order of an upgrade.
var rolled = []string{sink.Name, notify.Name, detect.Name, enrich.Name}

// TestDrill carries out what docs/operations.md describes, on a real Kafka and a ClickHouse engine.
// It replaces each member of enrich, detect, sink and notify while records are produced, backs up
// the store meanwhile, ends an ingest in the middle of its files and starts it again, starts a
// second process for a member that runs, loses the store, restores the backup and lets the sink read
// again what came since. After the roll, and after the restore, the
// topics of detect and the rows of ClickHouse are those of an undisturbed run.
func TestDrill(t *testing.T) {
	t.Parallel()
	clickhousetest.NeedEngine(t)
	files := scenarioArguments(t, yesterday(scenario(t, *drillScenario)))[1:] // without --no-store
	cluster := kafkatest.StartApache(t, *drillBrokers)
	quiet := newChaos(t, prefixed(cluster, "quiet."), append(files[:2:2], "--set", "kafka.topic_prefix=quiet."), files[2:])
	want := quiet.run(nil)
	if t.Failed() {
		return
	}
	if len(want.topics[schemas.TopicOutagesJSON]) == 0 {
		t.Fatal("the undisturbed run has no outage")
	}
	d := newDrill(t, prefixed(cluster, "drill."), append(files[:2:2], "--set", "kafka.topic_prefix=drill."))
	d.ingest = d.stage(ingest.Name, "a", files[2:]...)
	d.records = kafkatest.Read(t, quiet.cfg, schemas.TopicUpdates)
	d.begun = time.Now()
	d.roll()
	d.compare("the roll", want)
	d.restore()
	d.compare("the restore", want)
	d.others()
}

// yesterday cuts a scenario to the time around its first loss and moves it to yesterday, because
// notify gives old news up.
func yesterday(s simulate.Scenario) simulate.Scenario {
	const day = 24 * time.Hour
	first := s.Losses[0]
	if at := first.Start.Add(-*drillAround); at.After(s.Start) {
		s.Start = at
	}
	if at := first.End.Add(*drillAround); at.Before(s.End) {
		s.End = at
	}
	by := time.Now().Truncate(day).Sub(s.End.Truncate(day)) - day
	s.Start, s.End = s.Start.Add(by), s.End.Add(by)
	s.Losses = slices.Clone(s.Losses)
	for i := range s.Losses {
		l := &s.Losses[i]
		l.Start, l.End = l.Start.Add(by), l.End.Add(by)
	}
	return s
}

// prefixed returns the cluster with a prefix of topics, groups and transactional ids, so that two
// runs of one dataset share it.
func prefixed(c *kafkatest.ApacheCluster, prefix string) *kafkatest.ApacheCluster {
	own := *c
	own.Config.TopicPrefix = prefix
	return &own
}

// member is a static member that is replaced.
type member struct {
	*stageProcess
	stage, admin string
}

// drill is the run with the replacements.
type drill struct {
	*chaos
	records []*kgo.Record // of bgp.updates, those of the undisturbed run
	members []*member
	begun   time.Time // before the first record was produced
	pauses  *pauses

	mu   sync.Mutex
	told map[string]int // how often notify sent each message; guarded by mu
}

// newDrill makes two members of each stage. notify sends its messages to the drill.
func newDrill(t *testing.T, cluster *kafkatest.ApacheCluster, flags []string) *drill {
	t.Helper()
	d := &drill{told: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.told[r.Header.Get("Webhook-Id")]++
	}))
	t.Cleanup(server.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="), 0o600); err != nil {
		t.Fatal(err)
	}
	d.chaos = &chaos{apart: newApart(t, cluster, chaosDataset, slices.Concat(flags, []string{
		"--set", "notify.targets={hook: {webhook: {url: '" + server.URL + "', secrets: [{file: '" + secret + "'}]}, max_age: 720h}}",
		"--set", "notify.routes=[{name: all, match: {datasets: [" + chaosDataset + "]}, to: [hook], updates: all, group_wait: '0'}]",
	}))}
	for _, stage := range rolled {
		for _, instance := range []string{"a", "b"} {
			m := &member{stage: stage, admin: datatest.FreeAddress(t)}
			m.stageProcess = d.stage(stage, instance, "--admin-addr", m.admin)
			d.members = append(d.members, m)
			d.stages = append(d.stages, m.stageProcess)
		}
	}
	return d
}

// roll starts all members and replaces them, one after the other, while records are produced.
func (d *drill) roll() {
	d.t.Helper()
	for _, m := range d.members {
		m.start()
		d.t.Cleanup(m.kill)
	}
	for _, m := range d.members {
		d.ready(m)
	}
	d.pauses = watchPauses(d.t, d.cfg)
	play := d.player()
	steps := *drillRounds * len(d.members)
	for i := range steps {
		stop := play.begin((i + 1) * len(d.records) / (steps + 1))
		m := d.members[i%len(d.members)]
		began := time.Now()
		m.term()
		m.start()
		d.ready(m)
		d.pauses.replaced(m.stage, time.Since(began))
		if i == steps/2 { // the store is backed up while it is written
			d.documented("BACKUP")
		}
		stop()
	}
	play.begin(len(d.records))()
	d.ingestAgain()
	d.drained()
	d.pauses.report()
	for _, stage := range rolled {
		d.twins(stage)
	}
	d.end()
}

// ingestAgain plays the files of the produced records, ends ingest in the middle, and plays them
// again from the start. All records have positions that the stages have read.
func (d *drill) ingestAgain() {
	d.t.Helper()
	d.ingest.start()
	d.t.Cleanup(d.ingest.kill)
	adm, err := kafka.NewAdmin(d.cfg, kafkatest.Log())
	if err != nil {
		d.t.Fatal(err)
	}
	defer adm.Close()
	waittest.Until(d.t, time.Minute, "ingest writes", func() bool {
		ends, err := adm.ListEndOffsets(d.t.Context(), d.cfg.Topic(schemas.TopicUpdates))
		n := int64(0)
		ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
		return err == nil && n > int64(len(d.records))
	})
	d.ingest.signal(syscall.SIGTERM)
	<-d.ingest.done
	if code := d.ingest.cmd.ProcessState.ExitCode(); code != 0 && code != exitInterrupted {
		d.t.Errorf("ingest ended with %d: %s", code, d.ingest.said())
	}
	d.ingest.start()
	<-d.ingest.done
	d.ingest.ended()
}

// ready waits until a member works or stands by.
func (d *drill) ready(m *member) {
	d.t.Helper()
	if !waitReady(d.t.Context(), m.admin, m.running) {
		d.t.Fatalf("%s does not get ready: %s", m.name, m.said())
	}
}

// drained waits until each stage has read everything, and then the one behind it.
func (d *drill) drained() {
	d.t.Helper()
	d.drain(kafka.Reading{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}})
	d.drain(kafka.Reading{Stage: detect.Name, Topics: []string{schemas.TopicRoutes}})
	d.drain(kafka.Reading{Stage: notify.Name, Topics: []string{schemas.TopicOutages}})
	d.drain(kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
}

// end ends the members that run with SIGTERM, as docs/operations.md says: each within its drain and
// without a fault.
func (d *drill) end() {
	d.t.Helper()
	for _, m := range d.members {
		if m.running() {
			m.term()
		}
	}
}

// others ends serve and an ingest of live sources, which have no input in Kafka, with SIGTERM.
func (d *drill) others() {
	d.t.Helper()
	live := d.stage(ingest.Name, "live", "--set", "ingest.rislive.enabled=false", "--set", "ingest.routeviews.enabled=false",
		"--set", "ingest.archives=false", "--set", "ingest.bmp.listen=127.0.0.1:0",
		"--set", "ingest.bmp.routers=[{address: 127.0.0.1, name: r}]", "--admin-addr", datatest.FreeAddress(d.t))
	pages := d.stage(serveName, "pages", "--listen", "127.0.0.1:0", "--admin-addr", datatest.FreeAddress(d.t))
	at := slices.Index(pages.args, "--instance") // serve is no member of a group
	pages.args = slices.Delete(pages.args, at, at+2)
	for _, p := range []*stageProcess{live, pages} {
		p.start()
		d.t.Cleanup(p.kill)
		d.ready(&member{stageProcess: p, admin: p.args[slices.Index(p.args, "--admin-addr")+1]})
		p.term()
	}
}

// compare compares the results with those of the undisturbed run.
func (d *drill) compare(after string, want found) {
	d.t.Helper()
	d.once("sink", "verify", "--dataset", chaosDataset)
	got := d.results()
	for topic, records := range want.topics {
		if diff := cmp.Diff(records, got.topics[topic]); diff != "" {
			d.t.Errorf("after %s %s differs (-undisturbed +got):\n%.3000s", after, topic, diff)
		}
	}
	if diff := cmp.Diff(want.rows, got.rows); diff != "" {
		d.t.Errorf("after %s the sums of the rows differ (-undisturbed +got):\n%.3000s", after, diff)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, n := range d.told {
		if n != 1 {
			d.t.Errorf("after %s: notify sent the message %s %d times", after, id, n)
		}
	}
	if len(d.told) == 0 {
		d.t.Errorf("after %s: notify has sent no message: %s", after, d.members[2].said())
	}
	d.t.Logf("after %s: %d topics of detect, %d views and %d messages of notify are right",
		after, len(want.topics), len(want.rows), len(d.told))
}

// twins starts a second process for a member that runs. One of the two ends, and its message names
// the reason. The other goes on.
func (d *drill) twins(stage string) {
	d.t.Helper()
	i := slices.IndexFunc(d.members, func(m *member) bool { return m.stage == stage })
	old := d.members[i]
	twin := *old
	own := *old.stageProcess
	twin.stageProcess, twin.admin = &own, datatest.FreeAddress(d.t)
	own.args = slices.Clone(old.args)
	own.args[slices.Index(own.args, old.admin)] = twin.admin
	own.log += ".twin"
	twin.start()
	d.t.Cleanup(twin.kill)
	var ended, lives *member
	select {
	case <-old.done:
		ended, lives = old, &twin
	case <-twin.done:
		ended, lives = &twin, old
	case <-time.After(time.Minute):
		d.t.Errorf("%s: two processes run as one member for a minute", old.name)
		return
	}
	if said := ended.said(); ended.err == nil || !strings.Contains(said, `instance "a" is running elsewhere`) {
		d.t.Errorf("%s: one of two processes ended with %v: %s", old.name, ended.err, said)
	}
	d.ready(lives)
	d.members[i] = lives
}
