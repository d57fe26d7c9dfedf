package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// t0 is the start of the simulations.
var t0 = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// sim is an engine with its ledger, and targets that store the messages they get.
type sim struct {
	t       testing.TB
	cfg     Config
	targets []TargetInfo
	e       *Engine
	now     time.Time
	ledger  map[string][]byte
	offset  int64
	sent    map[string][]*target.Message
	// fail returns the answer to a message; nil is ok.
	fail    func(*target.Message, string) error
	repeats int
	writes  int // deliveries written
	largest int
	seq     map[string]uint32
	log     map[int64]bgp.Outage
}

func chat(name string) TargetInfo {
	return TargetInfo{Name: name, Traits: target.Traits{Style: target.Chat, GroupWait: time.Minute, MaxAge: 6 * time.Hour}}
}

func pager(name string) TargetInfo {
	return TargetInfo{Name: name, Traits: target.Traits{Style: target.Pager, Keyed: true, GroupWait: time.Minute, MaxAge: 15 * time.Minute}}
}

func recordsTarget(name string) TargetInfo {
	return TargetInfo{Name: name, Traits: target.Traits{Style: target.Records, Keyed: true, MaxAge: 75 * time.Hour}}
}

func newSim(t testing.TB, routes []Route, targets ...TargetInfo) *sim {
	t.Helper()
	cfg := DefaultConfig()
	cfg.PublicURL, cfg.Routes = "https://darkmap.example.net/", routes
	s := &sim{t: t, cfg: cfg, targets: targets, now: t0, ledger: map[string][]byte{}, sent: map[string][]*target.Message{}, seq: map[string]uint32{}, log: map[int64]bgp.Outage{}}
	s.start(nil)
	s.e.first = false
	return s
}

// to is a route that matches everything.
func to(names ...string) []Route { return []Route{{Name: "all", To: names}} }

func (s *sim) start(saved []Delivery) {
	s.t.Helper()
	if faults := s.cfg.Faults(); len(faults) > 0 {
		s.t.Fatalf("the configuration has faults: %v", faults)
	}
	e, err := New(s.cfg, s.targets, saved, s.now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.e = e
	e.IgnoreBlindness()
}

// restart builds the engine from the ledger.
func (s *sim) restart() {
	s.t.Helper()
	var saved []Delivery
	for key, b := range s.ledger {
		var d Delivery
		if err := json.Unmarshal(b, &d); err != nil {
			s.t.Fatal(err)
		}
		if d.Key() != key {
			s.t.Fatalf("got key %q, want %q", d.Key(), key)
		}
		saved = append(saved, d)
	}
	s.start(saved)
}

func (s *sim) write(all ...*Delivery) {
	s.t.Helper()
	for _, d := range all {
		if d == nil {
			continue
		}
		s.writes++
		if d.Tombstone {
			delete(s.ledger, d.Key())
			continue
		}
		b, err := json.Marshal(d)
		if err != nil {
			s.t.Fatal(err)
		}
		s.largest = max(s.largest, len(b))
		if len(b) >= 512<<10 {
			s.t.Errorf("the delivery %s has %d octets", d.Key(), len(b))
		}
		s.ledger[d.Key()] = b
	}
}

// put passes a record to the engine without a decision.
func (s *sim) put(o bgp.Outage) {
	s.t.Helper()
	if o.Sequence == 0 {
		s.seq[o.ID]++
		o.Sequence = s.seq[o.ID]
	}
	raw, err := json.Marshal(&o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.offset++
	s.log[s.offset] = o
	s.e.Record(&o, raw, RecordRef{Offset: s.offset}, s.now)
}

// give passes the records of a window to the engine and sends the due messages.
func (s *sim) give(all ...bgp.Outage) {
	s.t.Helper()
	for _, o := range all {
		s.put(o)
	}
	s.pump()
}

// pump sends all messages that may be sent now.
func (s *sim) pump() {
	s.t.Helper()
	for range 100_000 {
		s.write(s.e.Advance(s.now)...)
		ready := s.e.Ready(s.now)
		if len(ready) == 0 {
			return
		}
		for _, a := range ready {
			s.send(a)
		}
	}
	s.t.Fatal("it never comes to rest")
}

// send sends one message.
func (s *sim) send(a Attempt) {
	s.t.Helper()
	d := s.e.Begin(a, s.now)
	if a.Repeat != (d == nil) {
		s.t.Fatalf("repeat %v, delivery %v", a.Repeat, d)
	}
	s.write(d)
	if a.Fetch != nil {
		o := s.log[a.Fetch.Offset]
		raw, _ := json.Marshal(&o)
		a.Complete(&o, raw)
	}
	var err error
	if s.fail != nil {
		err = s.fail(a.Message, a.Target)
	}
	if a.Repeat {
		s.repeats++
	} else if err == nil {
		s.check(a.Message)
		s.sent[a.Target] = append(s.sent[a.Target], a.Message)
	}
	s.write(s.e.Done(a, target.Handle("h"), err, s.now)...)
}

// check checks the properties of every message.
func (s *sim) check(m *target.Message) {
	s.t.Helper()
	switch {
	case len(m.ID) != 32, m.Title == "" || m.Headline == "" && m.Record == nil, m.Number == 0:
		s.t.Errorf("the message has no id, number, title or headline: %+v", m)
	case !headlineSize.Holds(m.Headline):
		s.t.Errorf("the headline is too long: %q", m.Headline)
	case !postSize.Holds(m.Post):
		s.t.Errorf("the post is too long: %q", m.Post)
	case len(m.Events) > 100:
		s.t.Errorf("got %d events", len(m.Events))
	case m.Kind == target.Close && m.Reason != bgp.EndRecovered && strings.Contains(m.Headline, " is back"):
		s.t.Errorf("the reason is %s, the headline %q", m.Reason, m.Headline)
	}
}

// run lets time pass.
func (s *sim) run(d time.Duration) {
	s.t.Helper()
	end := s.now.Add(d)
	for range 1_000_000 {
		s.pump()
		next := s.e.Next(s.now)
		if next.IsZero() || next.After(end) {
			s.now = end
			s.pump()
			return
		}
		if !next.After(s.now) {
			next = s.now.Add(time.Millisecond)
		}
		s.now = next
	}
	s.t.Fatal("it never comes to rest")
}

// told returns the messages to a target, one line each.
func (s *sim) told(name string) string {
	var out []string
	for _, m := range s.sent[name] {
		out = append(out, fmt.Sprintf("%s %s", m.Kind, m.Title))
	}
	return strings.Join(out, "; ")
}

func (s *sim) want(name, want string) {
	s.t.Helper()
	if got := s.told(name); got != want {
		s.t.Errorf("%s was told:\n got %s\nwant %s", name, got, want)
		for _, m := range s.sent[name] {
			s.t.Logf("%d %s %s %s: %s | %s", m.Number, m.Kind, m.Incident, m.Severity, m.Headline, m.Summary)
		}
	}
}

func (s *sim) last(name string) *target.Message {
	s.t.Helper()
	all := s.sent[name]
	if len(all) == 0 {
		s.t.Fatalf("%s was told nothing", name)
	}
	return all[len(all)-1]
}

// an outage of an entity that began at t0.
func an(t bgp.EntityType, code string, change ...func(*bgp.Outage)) bgp.Outage {
	o := bgp.Outage{
		Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Family: "ipv4", Entity: bgp.Entity{Type: t, Code: code}, Start: t0,
		Severity: bgp.SeverityMajor, Peak: bgp.Loss{LostPrefixes: 4, LossPercent: 10000}, Now: bgp.Loss{LostPrefixes: 4, LossPercent: 10000}, Dataset: live,
		Headline: code + ": all 4 IPv4 prefixes lost since 10:00 UTC", Post: code + " lost all. " + caveat, Summary: code + " lost all its routes.",
	}
	for _, c := range change {
		c(&o)
	}
	if o.ID == "" {
		f := bgp.IPv4
		if o.Family == "ipv6" {
			f = bgp.IPv6
		}
		o.ID = bgp.OutageID(t, code, f, o.Start)
	}
	return o
}

func v6(o *bgp.Outage) { o.Family = "ipv6" }

func at(start time.Time) func(*bgp.Outage) { return func(o *bgp.Outage) { o.Start = start } }

func suspected(o *bgp.Outage) { o.State, o.Event = bgp.StateSuspected, bgp.EventSuspected }

func severity(s bgp.Severity) func(*bgp.Outage) { return func(o *bgp.Outage) { o.Severity = s } }

func in(parents ...bgp.Outage) func(*bgp.Outage) {
	return func(o *bgp.Outage) {
		for _, p := range parents {
			o.Parents = append(o.Parents, bgp.Parent{Type: p.Entity.Type, Code: p.Entity.Code, ID: p.ID, SharePercent: 10000})
		}
	}
}

// ended is the record that closes an outage.
func (s *sim) ended(o bgp.Outage, r bgp.EndReason) bgp.Outage {
	end := s.now
	o.State, o.Event, o.EndReason, o.End, o.Sequence = bgp.StateClosed, bgp.EventClosed, r, &end, 0
	o.Headline = o.Entity.Code + ": " + map[bool]string{true: "routes back", false: "loss over: " + string(r)}[r == bgp.EndRecovered]
	return o
}

func (s *sim) retracted(o bgp.Outage) bgp.Outage {
	o = s.ended(o, bgp.EndRecovered)
	o.State, o.Event = bgp.StateRetracted, bgp.EventRetracted
	return o
}

func down(*target.Message, string) error {
	return &target.Fault{Status: 500, Err: errors.New("it is broken")}
}

var (
	kp = an(bgp.EntityCountry, "KP", severity(bgp.SeverityTotal))
	as = an(bgp.EntityAS, "AS64496", in(kp))
)
