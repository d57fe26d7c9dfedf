package notify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/ledger"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/atom"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

var (
	kills      = flag.Int("kills", 6, "how often TestKilled kills the stage; the published bar is 50")
	kafkaKills = flag.Int("kafka-kills", 1, "how often TestSilent and TestKilledApache kill Kafka while a message is written down")
	stops      = flag.Duration("stops", 12*time.Second, "for how long TestStopped stops the stage; the published bar is 60s")
)

// receiverEnv gives a child the address of the receiver.
const receiverEnv = "DARKMAP_NOTIFY_RECEIVER"

func TestMain(m *testing.M) {
	if kafkatest.Child(map[string]func(context.Context, kafka.Config, string) error{"notify": runChild, "watched": runWatched, "broker": runBroker, "storm": runStorm}) {
		return
	}
	goleak.VerifyTestMain(m)
}

// runChild runs a stage whose targets are at the parent's receiver.
func runChild(ctx context.Context, cfg kafka.Config, instance string) error {
	s, err := newStage(cfg, instance, os.Getenv(receiverEnv), nil)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// places returns the targets of these tests. The name determines the type.
var places = map[string]target.Traits{
	"keyed":   {Style: target.Chat, Keyed: true, MaxAge: time.Hour, Retries: []time.Duration{time.Second, time.Second, time.Minute}},
	"unkeyed": {Style: target.Chat, MaxAge: time.Hour, Retries: []time.Duration{time.Second, time.Second, time.Minute}},
	"records": {Style: target.Records, Keyed: true, MaxAge: time.Hour, Retries: []time.Duration{time.Second, time.Second, time.Minute}},
}

// newStage makes a stage with the usual targets at a receiver, and without storms.
func newStage(cfg kafka.Config, instance, receiver string, reg prometheus.Registerer) (*notify.Stage, error) {
	return newStageOf(cfg, instance, receiver, reg, places, 1000, "0")
}

// newStageAt makes a stage like newStage whose clock is now.
func newStageAt(cfg kafka.Config, instance, receiver string, now func() time.Time) (*notify.Stage, error) {
	c, d := stageOf(cfg, instance, receiver, nil, places, 1000, "0")
	d.Now = now
	return notify.New(c, d)
}

// newStageOf makes a stage with targets at a receiver. More incidents than moreThan are a storm.
// New incidents wait for groupWait.
func newStageOf(cfg kafka.Config, instance, receiver string, reg prometheus.Registerer, places map[string]target.Traits, moreThan int, groupWait string) (*notify.Stage, error) {
	return notify.New(stageOf(cfg, instance, receiver, reg, places, moreThan, groupWait))
}

// stageOf returns the configuration and the dependencies of newStageOf.
func stageOf(cfg kafka.Config, instance, receiver string, reg prometheus.Registerer, places map[string]target.Traits, moreThan int, groupWait string) (notify.Config, notify.Deps) {
	c := notify.DefaultConfig()
	c.Storm.MoreThan = moreThan
	c.Routes = []incident.Route{{Name: "all", To: slices.Sorted(maps.Keys(places)), GroupWait: groupWait}}
	c.Targets = map[string]*notify.Target{}
	d := notify.Deps{Kafka: cfg, Log: kafkatest.Log(), Instance: instance, Registerer: reg, Now: time.Now, Targets: map[string]*notify.Place{}}
	for name, traits := range places {
		c.Targets[name] = &notify.Target{Atom: &atom.Config{File: "never-opened", ID: "tag:example.net,2026:x", Entries: 1}} // the names have to be there
		d.Targets[name] = &notify.Place{Target: &poster{url: receiver + "/" + name, traits: traits}, Info: incident.TargetInfo{Name: name, Traits: traits}}
	}
	return c, d
}

// poster is a target that posts messages to the receiver.
type poster struct {
	url    string
	traits target.Traits
}

func (p *poster) Traits() target.Traits { return p.traits }
func (p *poster) Close() error          { return nil }

func (p *poster) Send(ctx context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		return nil, &target.Fault{Err: errors.New("refused"), Status: resp.StatusCode}
	}
	return append(h, 'x'), nil
}

// receiver takes messages. It stores those that it accepts. It answers held messages late or never.
type receiver struct {
	*httptest.Server
	mu   sync.Mutex
	got  map[string][]received // by target
	hold func(name string) int // returns the status of an answer; 0 never answers
}

type received struct {
	target.Message
	at time.Time
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: map[string][]received{}}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return r
}

func (r *receiver) take(w http.ResponseWriter, req *http.Request) {
	var m target.Message
	body, err := io.ReadAll(req.Body)
	if err != nil || json.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name := req.URL.Path[1:]
	r.mu.Lock()
	status := http.StatusOK
	if r.hold != nil {
		status = r.hold(name)
	}
	if status == http.StatusOK {
		r.got[name] = append(r.got[name], received{m, time.Now()})
	}
	r.mu.Unlock()
	if status == 0 {
		<-req.Context().Done()
		return
	}
	w.WriteHeader(status)
}

// of returns the messages of incidents to a target.
func (r *receiver) of(name string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got[name]), func(m received) bool { return m.Kind == target.Notice })
}

// notices counts the messages to a target without an incident.
func (r *receiver) notices(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(r.got[name]), func(m received) bool { return m.Kind != target.Notice }))
}

func (r *receiver) holds(f func(name string) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hold = f
}

// told returns the messages to a target as words, in order.
func (r *receiver) told(name string) (out []string) {
	for _, m := range r.of(name) {
		out = append(out, string(m.Kind)+" "+m.Incident)
	}
	return out
}

// toldOnce returns told without messages of an id that occurred before.
func (r *receiver) toldOnce(name string) (out []string) {
	seen := map[string]bool{}
	for _, m := range r.of(name) {
		if !seen[m.ID] {
			out = append(out, string(m.Kind)+" "+m.Incident)
		}
		seen[m.ID] = true
	}
	return out
}

// world writes outages.
type world struct {
	t   *testing.T
	cfg kafka.Config
	seq map[string]uint32
	at  map[string]time.Time
	out *kafka.Producer // to bgp.outages
	now func() time.Time
}

func newWorld(t *testing.T, cfg kafka.Config) *world {
	t.Helper()
	out, err := kafka.NewProducer(t.Context(), cfg, schemas.TopicOutages, kafkatest.Log(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.Close)
	return &world{t, cfg, map[string]uint32{}, map[string]time.Time{}, out, time.Now}
}

// say writes the next record of an AS's outage.
func (w *world) say(asn int, state bgp.State) string {
	w.t.Helper()
	id := w.produce(asn, state)
	if err := w.out.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// produce writes the record as say does, without waiting for the broker.
func (w *world) produce(asn int, state bgp.State) string {
	w.t.Helper()
	id := fmt.Sprintf("as-AS%d-ipv4-20261130T0000Z", asn)
	now := w.now().UTC().Truncate(time.Second)
	w.seq[id]++
	if w.at[id].IsZero() {
		w.at[id] = now.Add(-time.Minute)
	}
	o := bgp.Outage{
		ID: id, Sequence: w.seq[id], Kind: bgp.KindOutage, State: state, Event: bgp.EventOpened, Family: "ipv4", Dataset: "live", Severity: bgp.SeverityMajor,
		Entity: bgp.Entity{Type: bgp.EntityAS, Code: fmt.Sprintf("AS%d", asn)}, Start: w.at[id], Headline: "AS is dark", Post: "AS is dark", Summary: "AS is dark",
	}
	if state == bgp.StateClosed {
		o.Event, o.End, o.EndReason = bgp.EventClosed, &now, bgp.EndRecovered
	}
	body, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	rec := &pb.OutageRecord{DecidedAtUs: now.UnixMicro(), Id: id, Sequence: o.Sequence, State: string(state), Dataset: "live", Json: body}
	b, err := rec.MarshalVT()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.out.Produce(w.t.Context(), id, b); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// decide plays detect, so that no target is blind: it writes a panel of each family, and a commit
// with the current minute.
func (w *world) decide() {
	w.t.Helper()
	for _, f := range []pb.Family{pb.Family_FAMILY_IPV4, pb.Family_FAMILY_IPV6} {
		yes := true
		b, err := (&pb.PanelRecord{Family: f, TimeUs: time.Now().UnixMicro(), Verdicts: &yes, Voters: 40, Collectors: 12}).MarshalVT()
		if err != nil {
			w.t.Fatal(err)
		}
		kafkatest.Produce(w.t, w.cfg, schemas.TopicPanel, "x", b)
	}
}

// start runs a stage until the test ends or stop is called.
func start(t *testing.T, s *notify.Stage) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }() // ends with ctx
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	waittest.Until(t, time.Minute, "the stage is ready", func() bool { return s.Ready() == nil })
	return stop
}

func mustStage(t *testing.T, cfg kafka.Config, receiver string) *notify.Stage {
	t.Helper()
	s, err := newStage(cfg, "0", receiver, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	waittest.Until(t, time.Minute, what, ok)
}

// TestStage checks that an outage is opened, updated and closed, that a restart sends nothing
// again, and that the ledger holds the sent states. A lost ledger is rebuilt from the outages:
// recent messages are sent again under the same ids, and open incidents are closed.
func TestStage(t *testing.T) {
	t.Parallel()
	cfg, r := kafkatest.New(t, 1), newReceiver(t)
	w := newWorld(t, cfg)
	w.decide()
	stop := start(t, mustStage(t, cfg, r.URL))
	first := w.say(64496, bgp.StateOpen)
	second := w.say(64497, bgp.StateOpen)
	for name := range places {
		eventually(t, name+" hears of both", func() bool { return len(r.of(name)) == 2 })
	}
	stop()
	stop = start(t, mustStage(t, cfg, r.URL))
	w.say(64496, bgp.StateClosed)
	for name := range places {
		eventually(t, name+" hears that one is over", func() bool { return len(r.of(name)) == 3 })
	}
	stop()
	want := []string{"open " + first, "open " + second, "close " + first}
	for name := range places {
		if diff := cmp.Diff(want, r.told(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if n := r.notices("keyed"); n != 1 {
		t.Errorf("the first run was told of in %d messages, not in one", n)
	}
	book, err := ledger.Load(t.Context(), cfg, kafkatest.Log())
	if err != nil || !book.Begun {
		t.Fatalf("the ledger: %v, begun %v", err, book.Begun)
	}
	for _, d := range book.Deliveries {
		if d.Intent != nil || d.Waiting != nil {
			t.Errorf("%s has an intent or waits: %+v", d.Key(), d)
		}
	}
	loseLedger(t, cfg)
	stop = start(t, mustStage(t, cfg, r.URL))
	w.say(64497, bgp.StateClosed)
	for name := range places {
		eventually(t, name+" hears that the other is over", func() bool { return slices.Contains(r.told(name), "close "+second) })
	}
	stop()
	for name := range places {
		if diff := cmp.Diff(append(slices.Clone(want), "close "+second), r.toldOnce(name)); diff != "" {
			t.Errorf("%s after the loss (-want +got):\n%s", name, diff)
		}
	}
}

// loseLedger deletes bgp.notify.v1 and creates it again.
func loseLedger(t *testing.T, cfg kafka.Config) {
	t.Helper()
	adm, err := kafka.NewAdmin(cfg, kafkatest.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer adm.Close()
	if _, err := adm.DeleteTopics(t.Context(), cfg.Topic(schemas.TopicNotify)); err != nil {
		t.Fatal(err)
	}
	if _, err := kafka.Apply(t.Context(), cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
}

// TestDeadTarget checks that a target that never answers delays no other.
func TestDeadTarget(t *testing.T) {
	t.Parallel()
	cfg, r := kafkatest.New(t, 1), newReceiver(t)
	r.holds(func(name string) int {
		if name == "unkeyed" {
			return 0
		}
		return http.StatusOK
	})
	w := newWorld(t, cfg)
	w.decide()
	start(t, mustStage(t, cfg, r.URL))
	for i := 0; i < 20; i += 4 {
		began := time.Now()
		for j := range 4 {
			w.say(64500+i+j, bgp.StateOpen)
		}
		for _, name := range []string{"keyed", "records"} {
			eventually(t, name+" hears", func() bool { return len(r.of(name)) == i+4 })
		}
		if took := time.Since(began); took > 5*time.Second { // the limit, 2 s, is measured elsewhere: a busy machine is slow
			t.Errorf("outages %d to %d took %v", i, i+3, took)
		}
	}
	r.holds(nil) // at its end the stage waits for answers
	r.CloseClientConnections()
}

// check checks the messages about outages that are all over: as many closes as opens, each state
// once for keyed targets, and no more doubles than allowed.
func (r *receiver) check(t *testing.T, ids []string, doubles int) {
	t.Helper()
	for name, traits := range places {
		doubled := 0
		seen := map[string]int{}   // message ids
		states := map[string]int{} // by incident and kind, each message once
		for _, m := range r.of(name) {
			if seen[m.ID]++; seen[m.ID] > 1 {
				doubled++
				continue
			}
			states[m.Incident+" "+string(m.Kind)]++
		}
		for _, id := range ids {
			if o, c := states[id+" open"], states[id+" close"]; o != 1 || c != 1 {
				t.Errorf("%s: %s was opened %d times and closed %d times", name, id, o, c)
			}
		}
		t.Logf("%s: %d messages, %d of them doubles", name, len(r.of(name)), doubled)
		if !traits.Keyed && doubled > doubles {
			t.Errorf("%s: %d messages came twice, more than %d", name, doubled, doubles)
		}
	}
}

// over waits until every target has the closes of all outages.
func (r *receiver) over(t *testing.T, ids []string) {
	t.Helper()
	for name := range places {
		waittest.Until(t, 2*time.Minute, name+" hears of all ends", func() bool {
			closed := map[string]bool{}
			for _, m := range r.of(name) {
				if m.Kind == target.Close {
					closed[m.Incident] = true
				}
			}
			return !slices.ContainsFunc(ids, func(id string) bool { return !closed[id] })
		})
	}
}

// TestKilled kills the stage at random moments while outages begin and end.
func TestKilled(t *testing.T) { //nolint:paralleltest // it sets the environment of children
	testKilled(t, kafkatest.New(t, 1))
}

// TestKilledApache is TestKilled on a real Kafka, and TestSilent.
func TestKilledApache(t *testing.T) { //nolint:paralleltest // it sets the environment of children
	b := kafkatest.StartApache(t, 1)
	testKilled(t, kafkatest.Dataset(t, b.Config, 1))
	testSilent(t, kafkatest.Dataset(t, b.Config, 1), b.KillAll, b.StartAll)
}

func testKilled(t *testing.T, cfg kafka.Config) {
	t.Helper()
	r := newReceiver(t)
	t.Setenv(receiverEnv, r.URL)
	w := newWorld(t, cfg)
	w.decide()
	var ids []string
	doubles := *kills // one for each kill, and the messages of the minute before the loss of the ledger
	p := kafkatest.Start(t, "notify", cfg, "0")
	eventually(t, "the first run is told of", func() bool { return r.notices("unkeyed") > 0 })
	for i := range *kills {
		asn := 64496 + i
		ids = append(ids, w.say(asn, bgp.StateOpen))
		if i%2 == 0 {
			eventually(t, "it is told", func() bool { return slices.Contains(r.told("keyed"), "open "+ids[i]) })
		}
		<-time.After(rand.N(300 * time.Millisecond))
		if i == *kills/2 {
			loseLedger(t, cfg)
			<-time.After(rand.N(300 * time.Millisecond))
			for _, m := range r.of("unkeyed") {
				if time.Since(m.at) < 65*time.Second { // the minute counts from the last record, which is recent
					doubles++
				}
			}
		}
		p.Kill()
		p = kafkatest.Start(t, "notify", cfg, "0")
		eventually(t, "it is told at last", func() bool {
			return slices.Contains(r.told("records"), "open "+ids[i]) && slices.Contains(r.told("keyed"), "open "+ids[i]) && slices.Contains(r.told("unkeyed"), "open "+ids[i])
		})
		w.say(asn, bgp.StateClosed)
	}
	r.over(t, ids)
	p.Stop()
	r.check(t, ids, doubles)
}

// TestStopped stops the active one of two replicas for longer than the group waits. The other
// continues, and the first sends nothing when it wakes up.
func TestStopped(t *testing.T) { //nolint:paralleltest // it sets the environment of children
	cfg, r := kafkatest.New(t, 1), newReceiver(t)
	t.Setenv(receiverEnv, r.URL)
	w := newWorld(t, cfg)
	w.decide()
	a := kafkatest.Start(t, "notify", cfg, "0")
	eventually(t, "the first run is told of", func() bool { return r.notices("unkeyed") > 0 })
	b := kafkatest.Start(t, "notify", cfg, "1")
	ids := []string{}
	for i := range 3 {
		ids = append(ids, w.say(64500+i, bgp.StateOpen))
	}
	<-time.After(rand.N(20 * time.Millisecond))
	a.Pause()
	for i := range 3 {
		ids = append(ids, w.say(64510+i, bgp.StateOpen))
	}
	for name := range places {
		eventually(t, "the other one tells", func() bool {
			return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(r.told(name), "open "+id) })
		})
	}
	<-time.After(*stops - 10*time.Second)
	a.Resume()
	for i := range 3 {
		w.say(64500+i, bgp.StateClosed)
		w.say(64510+i, bgp.StateClosed)
	}
	r.over(t, ids)
	b.Stop()
	a.Stop()
	r.check(t, ids, 1)
}
