package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/datadir"
	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// toldAlert is a line of the consumers in examples/consumers.
type toldAlert struct {
	Action, Key, Severity, Text string
	Back                        bool
}

// exampleConsumers returns the commands of the consumers that this machine can run, by language.
func exampleConsumers(t *testing.T) map[string][]string {
	t.Helper()
	folder := filepath.Join(datatest.Root(t), "examples", "consumers")
	built := filepath.Join(t.TempDir(), "consumer")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", built, filepath.Join(folder, "go")).CombinedOutput(); err != nil {
		t.Fatalf("building the consumer in Go: %v\n%s", err, out)
	}
	python := filepath.Join(folder, "python", ".venv", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		python = "python3"
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import confluent_kafka").Run(); err != nil {
		datatest.Missing(t, "Python with confluent-kafka is not here (make deps installs the client; it needs python3 with venv)")
	}
	return map[string][]string{"Go": {built}, "Python": {python, filepath.Join(folder, "python", "consumer.py")}}
}

// replayedRecords replays the small world of the documents over a broker, and returns the records
// of bgp.outages.json.v1. They are the objects of bgp.outages.v1.
func replayedRecords(t *testing.T, cfg kafka.Config, dataset string) []*kgo.Record {
	t.Helper()
	folder := t.TempDir()
	flags := writeCaptures(t, folder)
	files := []string{"c0=" + filepath.Join(folder, "bview.20141222.0000.gz"), "c0=" + filepath.Join(folder, "file.gz"), "c1=" + filepath.Join(folder, "a.gz"), "c2=" + filepath.Join(folder, "b.gz")}
	password := filepath.Join(folder, "password")
	if err := os.WriteFile(password, []byte(cfg.Credentials().Password), 0o600); err != nil {
		t.Fatal(err)
	}
	flags = append(flags, "--no-store", "--all", "--dataset", dataset, "--set", "kafka.brokers=["+cfg.Brokers[0]+"]", "--set", "kafka.replication_factor=1",
		"--set", "kafka.sasl.mechanism="+cfg.Credentials().Mechanism, "--set", "kafka.sasl.user="+cfg.Credentials().User, "--set", "kafka.sasl.password.file="+password)
	replay(t, t.TempDir(), slices.Concat(flags, files)...)
	cfg = cfg.WithDataset(dataset)
	records := kafkatest.Read(t, cfg, schemas.TopicOutagesJSON)
	var objects [][]byte
	for _, r := range kafkatest.Read(t, cfg, schemas.TopicOutages) {
		var o pb.OutageRecord
		if err := o.UnmarshalVT(r.Value); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o.GetJson())
	}
	if len(records) < 12 || len(records) != len(objects) {
		t.Fatalf("%d records as JSON, %d of Protocol Buffers", len(records), len(objects))
	}
	for i, r := range records {
		if !bytes.Equal(r.Value, objects[i]) {
			t.Errorf("record %d: got\n%s\nwant\n%s", i, r.Value, objects[i])
		}
	}
	return records
}

// oddLives are rounds of records of outages that are never opened, or that end before their routes
// are back.
func oddLives(t *testing.T, dataset string) [][]*kgo.Record {
	t.Helper()
	record := func(id string, sequence uint32, state bgp.State, o bgp.Outage) *kgo.Record {
		o.ID, o.Sequence, o.State, o.Dataset, o.Severity, o.Headline = id, sequence, state, dataset, bgp.SeverityMajor, "About "+id
		o.Entity = bgp.Entity{Type: bgp.EntityAS, Code: "AS64496"}
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return &kgo.Record{Key: []byte(id), Value: b}
	}
	return [][]*kgo.Record{{
		record("blip", 1, bgp.StateClosed, bgp.Outage{Blip: true, EndReason: bgp.EndRecovered}),
		record("suspicion", 1, bgp.StateSuspected, bgp.Outage{}),
		record("passes", 1, bgp.StateOpen, bgp.Outage{}),
	}, {
		record("suspicion", 2, bgp.StateRetracted, bgp.Outage{EndReason: bgp.EndRecovered}),
		record("passes", 2, bgp.StateClosed, bgp.Outage{EndReason: bgp.EndSuperseded, Successor: "next"}),
		record("next", 1, bgp.StateSuspected, bgp.Outage{}),
		record("next", 2, bgp.StateOpen, bgp.Outage{}),
		record("next", 1, bgp.StateSuspected, bgp.Outage{}), // comes twice
	}, nil, { // a round without records
		record("next", 3, bgp.StateClosed, bgp.Outage{EndReason: bgp.EndNewNormal}),
	}, {
		record("next", 4, bgp.StateOpen, bgp.Outage{}), // reopened
	}, {
		record("next", 5, bgp.StateClosed, bgp.Outage{EndReason: bgp.EndRecovered}),
	}}
}

// wantTold returns the alerts that the consumers have to send if they handle the records of each
// round at once. The alerts follow from the newest state.
func wantTold(t *testing.T, rounds [][]*kgo.Record) (want []string) {
	t.Helper()
	newest, told := map[string]bgp.Outage{}, map[string]bgp.Severity{}
	for _, records := range rounds {
		for _, r := range records {
			var o bgp.Outage
			if err := json.Unmarshal(r.Value, &o); err != nil {
				t.Fatal(err)
			}
			if o.Sequence > newest[o.ID].Sequence {
				newest[o.ID] = o
			}
		}
		for _, id := range slices.Sorted(maps.Keys(newest)) {
			o := newest[id]
			severity, open := told[id]
			switch {
			case o.State == bgp.StateOpen && !open && !o.Blip:
				want = append(want, "open "+id)
				told[id] = o.Severity
			case o.State == bgp.StateOpen && open && severity != o.Severity:
				want = append(want, "update "+id)
				told[id] = o.Severity
			case o.EndReason != bgp.NotEnded:
				if open {
					want = append(want, "close "+id+" "+string(o.EndReason))
				}
				delete(told, id)
			}
		}
	}
	return want
}

// TestConsumers runs the consumers of examples/consumers on the Kafka of a running darkmap, in one
// process for each part of a day's records. Their alerts follow from the records. No alert is sent
// twice, and both consumers send the same. A running consumer finds the Kafka of a restarted
// darkmap.
func TestConsumers(t *testing.T) {
	t.Parallel()
	commands := exampleConsumers(t)
	const dataset = "consumed"
	d, err := datadir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // the test is over
	cfg, stop := brokerOf(t, d)
	records := replayedRecords(t, cfg, dataset)
	rounds := append(slices.Collect(slices.Chunk(records, (len(records)+2)/3)), oddLives(t, dataset)[:5]...)
	got, states := map[string][]toldAlert{}, t.TempDir()
	for _, round := range rounds {
		produceOutages(t, cfg, round)
		for language, command := range commands {
			out, err := consumer(t, command, d.Path(), filepath.Join(states, language), dataset, "--until-end").Output()
			if err != nil {
				t.Fatalf("%s: %v\n%s", language, err, out)
			}
			got[language] = append(got[language], toldAlerts(t, bytes.NewReader(out))...)
		}
	}
	if diff := cmp.Diff(got["Go"], got["Python"]); diff != "" {
		t.Errorf("they differ (-Go +Python):\n%s", diff)
	}
	told := toldLines(got["Go"])
	if diff := cmp.Diff(wantTold(t, rounds), told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, want := range []string{"open country-KP-ipv4-20141222T0100Z", "close country-KP-ipv4-20141222T0100Z recovered", "close next new_normal"} {
		if !slices.Contains(told, want) {
			t.Errorf("%q is missing in %q", want, told)
		}
	}
	running := map[string]*bufio.Reader{}
	for language, command := range commands {
		cmd := consumer(t, command, d.Path(), filepath.Join(states, language), dataset)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		running[language] = bufio.NewReader(out)
		defer func() {
			if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
				t.Errorf("%s, told to end: %v", language, err)
			}
		}()
	}
	stop()
	cfg, _ = brokerOf(t, d)
	produceOutages(t, cfg, oddLives(t, dataset)[5])
	for language, out := range running {
		line, err := out.ReadBytes('\n')
		if got := toldLines(toldAlerts(t, bytes.NewReader(line))); err != nil || !slices.Equal(got, []string{"close next recovered"}) {
			t.Errorf("%s, after darkmap was started again: got %q and %v", language, line, err)
		}
	}
}

// brokerOf starts a broker for the instance that runs in the folder.
func brokerOf(t *testing.T, d *datadir.Dir) (cfg kafka.Config, stop func()) {
	t.Helper()
	b, err := kafka.StartBroker(t.Context(), kafka.BrokerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = b.Close() }) // in memory
	t.Cleanup(stop)
	cfg = b.Use(kafka.DefaultConfig())
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteRun(datadir.Run{Command: "up", Dataset: kafka.LiveDataset, Kafka: b.Addrs(), KafkaCredentials: cfg.Credentials()}); err != nil {
		t.Fatal(err)
	}
	return cfg, stop
}

// produceOutages writes values and keys of records to bgp.outages.json.v1.
func produceOutages(t *testing.T, cfg kafka.Config, records []*kgo.Record) {
	t.Helper()
	cl, err := kafka.NewClient(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for _, r := range records {
		copied := &kgo.Record{Topic: cfg.Topic(schemas.TopicOutagesJSON), Key: r.Key, Value: r.Value}
		if err := cl.ProduceSync(t.Context(), copied).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// toldLines returns alerts in the form of wantTold.
func toldLines(all []toldAlert) (lines []string) {
	for _, a := range all {
		line := a.Action + " " + a.Key
		if a.Action == "close" {
			reason := string(bgp.EndRecovered)
			if !a.Back {
				_, reason, _ = strings.Cut(a.Text, "not back: ")
				reason, _, _ = strings.Cut(reason, ")")
			}
			line += " " + reason
		}
		lines = append(lines, line)
	}
	return lines
}

// consumer returns the command of a consumer of the instance that runs in the folder.
func consumer(t *testing.T, command []string, dir, state, dataset string, flags ...string) *exec.Cmd {
	t.Helper()
	args := slices.Concat(command[1:], []string{"--run", filepath.Join(dir, "run.json"), "--state", state, "--dataset", dataset}, flags)
	cmd := exec.CommandContext(t.Context(), command[0], args...)
	cmd.Stderr, cmd.WaitDelay = t.Output(), time.Second
	return cmd
}

// toldAlerts decodes the output of a consumer.
func toldAlerts(t *testing.T, r io.Reader) (all []toldAlert) {
	t.Helper()
	for d := json.NewDecoder(r); d.More(); {
		var a toldAlert
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}
