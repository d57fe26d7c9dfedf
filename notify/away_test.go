package notify_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/kafka"
	"github.com/darkmap/darkmap/internal/kafkatest"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/atom"
	"github.com/darkmap/darkmap/schemas"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// ear is a pager in this process that takes heartbeats. It stores messages and heartbeats with
// their times.
type ear struct {
	mu    sync.Mutex
	heard []received
	beats []time.Time
}

func (*ear) Traits() target.Traits {
	return target.Traits{Style: target.Pager, Keyed: true, MaxAge: 24 * time.Hour, Retries: target.StateRetries()}
}
func (*ear) Close() error { return nil }
func (*ear) Beats() bool  { return true }

func (e *ear) Beat(context.Context, time.Duration) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.beats = append(e.beats, time.Now())
	return nil
}

func (e *ear) Send(_ context.Context, m *target.Message, h target.Handle) (target.Handle, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, received{*m, time.Now()})
	return h, nil
}

// lastBeat returns the time of the last heartbeat.
func (e *ear) lastBeat() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.beats) == 0 {
		return time.Time{}
	}
	return e.beats[len(e.beats)-1]
}

// first returns the first message of a kind and subject; nil if there is none.
func (e *ear) first(kind target.Kind, subject target.Subject) *received {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.heard, func(m received) bool { return m.Kind == kind && m.Subject == subject })
	if i < 0 {
		return nil
	}
	return &e.heard[i]
}

// observatory is a stage on its own broker, in virtual time, with a simulated detect that commits
// decided minutes.
type observatory struct {
	t    *testing.T
	bc   kafka.BrokerConfig
	b    *kafka.Broker
	cfg  kafka.Config
	ear  ear
	w    *world
	stop func() // the stage

	mu    sync.Mutex
	still bool // detect decides nothing
}

// newObservatory starts everything and sends the ear one outage.
func newObservatory(t *testing.T) *observatory {
	t.Helper()
	o := &observatory{t: t, bc: kafka.BrokerConfig{Network: &kfake.VirtualNetwork{}, Dir: t.TempDir(), Open: true}}
	o.startBroker()
	o.cfg = o.b.Use(kafka.DefaultConfig())
	o.cfg.Partitions = 1
	if _, err := kafka.Apply(t.Context(), o.cfg, kafkatest.Log(), schemas.Topics); err != nil {
		t.Fatal(err)
	}
	o.w = newWorld(t, o.cfg)
	o.panel(true)
	decideWhile(t, o.cfg, 10*time.Second, func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return !o.still
	})
	o.startStage()
	time.Sleep(3 * time.Minute)
	o.w.say(64496, bgp.StateOpen)
	time.Sleep(2 * time.Minute)
	if o.ear.first(target.Open, target.SubjectOutage) == nil || time.Since(o.ear.lastBeat()) > time.Minute {
		t.Fatalf("at first: heard %v, the last heartbeat at %v", o.ear.heard, o.ear.lastBeat())
	}
	return o
}

func (o *observatory) startBroker() {
	o.t.Helper()
	var err error
	if o.b, err = kafka.StartBroker(o.t.Context(), o.bc); err != nil {
		o.t.Fatal(err)
	}
	b := o.b
	o.t.Cleanup(func() { _ = b.Close() }) // it may have ended
}

func (o *observatory) startStage() {
	o.t.Helper()
	c := notify.DefaultConfig()
	c.Routes = []incident.Route{{Name: "all", To: []string{"ear"}, GroupWait: "0"}}
	c.Targets = map[string]*notify.Target{"ear": {Atom: &atom.Config{File: "never-opened", ID: "tag:example.net,2026:x", Entries: 1}}} // the name has to be there
	d := notify.Deps{Kafka: o.cfg, Log: kafkatest.Log(), Instance: "0", Now: time.Now, Targets: map[string]*notify.Place{
		"ear": {Target: &o.ear, Info: incident.TargetInfo{Name: "ear", Traits: o.ear.Traits()}},
	}}
	var err error
	if d.Heart, err = c.OpenHeart(notify.OpenDeps{Log: kafkatest.Log(), Now: time.Now}, d.Targets); err != nil {
		o.t.Fatal(err)
	}
	s, err := notify.New(c, d)
	if err != nil {
		o.t.Fatal(err)
	}
	o.stop = start(o.t, s)
}

// panel writes for both families whether verdicts are possible, as detect does if too few voters
// are heard.
func (o *observatory) panel(possible bool) {
	o.t.Helper()
	for _, f := range []pb.Family{pb.Family_FAMILY_IPV4, pb.Family_FAMILY_IPV6} {
		p := &pb.PanelRecord{Family: f, TimeUs: time.Now().UnixMicro(), Verdicts: &possible, Voters: 40, MinVoters: 20, Collectors: 12, MinCollectors: 3}
		if !possible {
			p.Voters, p.NoVerdict = 4, string(bgp.NoVerdictVoters)
		}
		b, err := p.MarshalVT()
		if err != nil {
			o.t.Fatal(err)
		}
		kafkatest.Produce(o.t, o.cfg, schemas.TopicPanel, "x", b)
	}
}

// The requirement: a missing measurement is reported within six minutes. A watchdog that waits for
// two and a half heartbeats, and checks every 30 seconds, takes three of these minutes.
const (
	knownWithin   = 6 * time.Minute
	watchdogTakes = 3 * time.Minute
)

// TestAway runs the real stage on the embedded broker in virtual time. In turn, voters fall below
// the minimum, detect stops, Kafka stops, and notify stops. Each must be reported within six
// minutes, by a blind incident or by a missing heartbeat. No close may be sent although half an
// hour passes.
func TestAway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// end starts the failure; again ends it.
		end, again func(o *observatory)
		// blind means that a blind incident is sent, for the reason.
		blind string
	}{
		{"voters", func(o *observatory) { o.panel(false) }, func(o *observatory) { o.panel(true) }, "IPv4: 4 networks on 12 collectors can vote, and a verdict needs 20 on 3; IPv6: "},
		{"detect", func(o *observatory) { o.decides(false) }, func(o *observatory) { o.decides(true) }, "detect has decided no minute since then"},
		{"kafka", func(o *observatory) { _ = o.b.Close() }, func(o *observatory) { o.startBroker() }, ""},
		{"notify", func(o *observatory) { o.stop() }, func(o *observatory) { o.startStage() }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { testAway(t, c.end, c.again, c.blind) })
		})
	}
}

func (o *observatory) decides(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.still = !on
}

func testAway(t *testing.T, end, again func(o *observatory), blind string) {
	t.Helper()
	o := newObservatory(t)
	ended := time.Now()
	end(o)
	time.Sleep(30 * time.Minute)
	if took := o.ear.lastBeat().Sub(ended) + watchdogTakes; took > knownWithin {
		t.Errorf("the last heartbeat came %v later: a watchdog knows it after %v, want %v", o.ear.lastBeat().Sub(ended), took, knownWithin)
	} else {
		t.Logf("the last heartbeat came %v later", o.ear.lastBeat().Sub(ended))
	}
	switch b := o.ear.first(target.Open, target.SubjectBlind); {
	case blind == "":
	case b == nil:
		t.Error("no blind incident is told")
	case b.at.Sub(ended) > knownWithin || !strings.Contains(b.Summary, blind) || !strings.Contains(b.Summary, "as-AS64496-ipv4"):
		t.Errorf("blindness is told after %v, want %v and the reason %q: %s", b.at.Sub(ended), knownWithin, blind, b.Summary)
	default:
		t.Logf("blindness is told after %v: %s", b.at.Sub(ended), b.Summary)
	}
	if c := o.ear.first(target.Close, target.SubjectOutage); c != nil {
		t.Errorf("an end was told %v later: %s", c.at.Sub(ended), c.Headline)
	}
	again(o)
	time.Sleep(5 * time.Minute)
	o.w.say(64496, bgp.StateClosed)
	time.Sleep(5 * time.Minute)
	if time.Since(o.ear.lastBeat()) > time.Minute {
		t.Errorf("no heartbeat any more; the last came at %v", o.ear.lastBeat())
	}
	if o.ear.first(target.Close, target.SubjectOutage) == nil {
		t.Error("the end is not told")
	}
	opened, closed := o.ear.first(target.Open, target.SubjectBlind), o.ear.first(target.Close, target.SubjectBlind)
	if (opened != nil) != (closed != nil) {
		t.Errorf("blindness: opened %v, closed %v", opened, closed)
	}
}
