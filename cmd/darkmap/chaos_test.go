package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/detect"
	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/ingest"
	"github.com/darkmap/darkmap/internal/clickhouse"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/schemas"
	"github.com/darkmap/darkmap/sink"
)

var (
	chaosFaults   = flag.Int("chaos-faults", 0, "how many faults TestChaos makes, 0: it does not run; the published bar is 200")
	chaosBrokers  = flag.Int("chaos-brokers", 3, "how many brokers TestChaos starts; the published bar is 3")
	chaosScenario = flag.String("chaos-scenario", "four-withdrawn", "the scenario of eval/simulate that TestChaos plays")
	chaosSeed     = flag.Uint64("chaos-seed", 0, "draws the faults of TestChaos; 0 draws a seed and prints it")
)

// chaosDataset is the name in both runs: outages hold it.
const chaosDataset = "chaos"

// TestChaos plays the files of a simulation through stages that are processes of their own, on a real
// Kafka and a ClickHouse engine, and makes random faults meanwhile: a stage killed, stopped for a while
// or asked to end; a broker killed; the engine killed. The topics of detect are byte-identical to those
// of an undisturbed run. So are the rows of ClickHouse, apart from their place in Kafka and the times
// at which Kafka and ingest took them. `sink verify` finds no row missing or doubled.
func TestChaos(t *testing.T) {
	t.Parallel()
	if *chaosFaults == 0 {
		t.Skip("make chaos runs it")
	}
	clickhousetest.NeedEngine(t)
	seed := *chaosSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-chaos-seed=%d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	files := scenarioArguments(t, scenario(t, *chaosScenario))[1:] // without --no-store
	var want, got found
	t.Run("undisturbed", func(t *testing.T) {
		want = newChaos(t, kafkatest.StartApache(t, 1), files[:2], files[2:]).run(nil)
	})
	if t.Failed() {
		return
	}
	t.Run("disturbed", func(t *testing.T) {
		got = newChaos(t, kafkatest.StartApache(t, *chaosBrokers), files[:2], files[2:]).run(random)
	})
	if t.Failed() {
		return
	}
	if len(want.topics[schemas.TopicOutagesJSON]) == 0 {
		t.Fatal("the undisturbed run has no outage")
	}
	for topic, records := range want.topics {
		if diff := cmp.Diff(records, got.topics[topic]); diff != "" {
			t.Errorf("%s differs (-undisturbed +disturbed):\n%.3000s", topic, diff)
		}
	}
	if diff := cmp.Diff(want.rows, got.rows); diff != "" {
		t.Errorf("the sums of the rows differ (-undisturbed +disturbed):\n%.3000s", diff)
	}
}

// found is the result of a run.
type found struct {
	// topics holds the values of detect's topics in their order, by partition.
	topics map[string]map[int32][]string
	// rows holds the result of chaosSums by view.
	rows map[string]map[string]uint64
}

// chaos is one run.
type chaos struct {
	*apart
	ingest *stageProcess
	stages []*stageProcess
}

// newChaos makes an ingest of files and two members of each other stage. flags are those of every
// process.
func newChaos(t *testing.T, cluster *kafkatest.ApacheCluster, flags, files []string) *chaos {
	t.Helper()
	c := &chaos{apart: newApart(t, cluster, chaosDataset, flags)}
	c.ingest = c.stage(ingest.Name, "a", files...)
	for _, name := range []string{enrich.Name, detect.Name, sink.Name} {
		c.stages = append(c.stages, c.stage(name, "a"), c.stage(name, "b"))
	}
	return c
}

// run starts all processes, makes the faults that random draws until all of them are made, waits until
// everything is stored, and returns the results. Without random there are no faults.
func (c *chaos) run(random *rand.Rand) found {
	c.t.Helper()
	begin := time.Now()
	all := append([]*stageProcess{c.ingest}, c.stages...)
	for _, p := range all {
		p.start()
		defer p.kill()
	}
	if random != nil {
		c.disturb(random)
	}
	for c.ingest.running() { // a killed one is started again from the first file
		<-time.After(50 * time.Millisecond)
	}
	c.ingest.ended()
	// Each stage has read all, and then the one behind it.
	c.drain(kafka.Reading{Stage: enrich.Name, Topics: []string{schemas.TopicUpdates}})
	c.drain(kafka.Reading{Stage: detect.Name, Topics: []string{schemas.TopicRoutes}})
	c.drain(kafka.Reading{Stage: sink.Name, Topics: sink.Topics()})
	for _, p := range c.stages {
		p.term()
	}
	c.t.Logf("took %v", time.Since(begin).Round(time.Second))
	waittest.Until(c.t, time.Minute, "the engine runs", func() bool { return c.engine.Ready() == nil })
	c.once("sink", "verify", "--dataset", chaosDataset)
	return c.results()
}

// results reads the topics of detect and the views.
func (c *chaos) results() found {
	c.t.Helper()
	f := found{topics: map[string]map[int32][]string{}, rows: map[string]map[string]uint64{}}
	for _, topic := range []string{schemas.TopicOutages, schemas.TopicOutagesJSON, schemas.TopicVisibility, schemas.TopicPanel, schemas.TopicPrefixes} {
		f.topics[topic] = map[int32][]string{}
		for _, rec := range kafkatest.Read(c.t, c.cfg, topic) {
			f.topics[topic][rec.Partition] = append(f.topics[topic][rec.Partition], fmt.Sprintf("%s %x", rec.Key, rec.Value))
		}
	}
	conn, err := clickhouse.Open(c.t.Context(), c.store)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // only read
	for _, view := range []string{"route_changes", "outage_events", "visibility", "panel", "prefix_states"} {
		f.rows[view] = chaosSums(c.t, conn, c.store.Database+"."+view)
	}
	return f
}

// chaosSums returns the number of a view's rows, a hash of all of them, and a hash of each column. It
// leaves out the place in Kafka and the times at which Kafka and ingest took a record.
func chaosSums(t *testing.T, conn driver.Conn, view string) map[string]uint64 {
	t.Helper()
	const columns = "* EXCEPT (partition, offset, appended_at, received_at)"
	rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT count() AS `the rows`, sum(cityHash64(toString(tuple(%s)))) AS `all columns`, "+
		"%s APPLY (x -> sum(cityHash64(toString(x)))) FROM %s WHERE dataset = '%s'", columns, columns, view, chaosDataset))
	if err != nil {
		t.Fatal(view, err)
	}
	defer rows.Close() //nolint:errcheck // only read
	names := rows.Columns()
	sums, at := make([]uint64, len(names)), make([]any, len(names))
	for i := range sums {
		at[i] = &sums[i]
	}
	if !rows.Next() {
		t.Fatal(view, rows.Err())
	}
	if err := rows.Scan(at...); err != nil {
		t.Fatal(view, err)
	}
	all := map[string]uint64{}
	for i, name := range names {
		all[name] = sums[i]
	}
	return all
}

// disturb makes the faults, one after the other.
func (c *chaos) disturb(random *rand.Rand) {
	c.t.Helper()
	some := func(most time.Duration) time.Duration { return time.Duration(random.Int64N(int64(most))) }
	counts := map[string]int{}
	for range *chaosFaults {
		<-time.After(200*time.Millisecond + some(time.Second))
		p := c.stages[random.IntN(len(c.stages))]
		fault := []string{"kill", "kill", "kill", "stop", "term", "broker", "engine", "ingest"}[random.IntN(8)]
		counts[fault]++
		switch fault {
		case "kill":
			p.kill()
			<-time.After(some(time.Second))
			p.start()
		case "stop":
			p.signal(syscall.SIGSTOP)
			<-time.After(some(8 * time.Second))
			p.signal(syscall.SIGCONT)
		case "term":
			p.term()
			p.start()
		case "broker":
			c.cluster.Kill(random.IntN(*chaosBrokers))
			<-time.After(some(2 * time.Second))
			c.cluster.StartAll()
		case "engine":
			if pid := c.engine.PID(); pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may just have ended
			}
		case "ingest":
			if c.ingest.running() {
				c.ingest.kill()
				c.ingest.start()
			}
		}
		for _, p := range c.stages {
			if !p.running() {
				c.t.Errorf("%s ended by itself after a fault of kind %s: %s", p.name, fault, p.said())
				p.start()
			}
		}
	}
	c.t.Logf("faults: %v; ingest still runs: %v", counts, c.ingest.running())
}
