package notify

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/alertmanagertest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/alertmanager"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// watchdog drives a real Alertmanager by the engine. The engine's clock belongs to the test: it
// starts some hours ago, and minutes pass at once.
type watchdog struct {
	t      *testing.T
	am     *alertmanager.Alertmanager
	engine *incident.Engine
	now    time.Time
	offset int64
	// still means that detect decides nothing.
	still bool
	// sent counts the messages, and the repetitions among them.
	sent, again int
}

func (w *watchdog) start(saved []incident.Delivery) {
	w.t.Helper()
	cfg := incident.DefaultConfig()
	cfg.Routes = []incident.Route{{Name: "all", To: []string{"am"}, Match: incident.Match{Datasets: []string{"live", "replay"}}}}
	e, err := incident.New(cfg, []incident.TargetInfo{{Name: "am", Traits: w.am.Traits()}}, saved, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = e
}

// restart stops notify, keeps it down for a time, and starts it with its ledger.
func (w *watchdog) restart(away time.Duration) {
	w.t.Helper()
	var saved []incident.Delivery
	for d := range w.engine.Deliveries() {
		b, err := json.Marshal(d)
		if err != nil {
			w.t.Fatal(err)
		}
		var copied incident.Delivery
		if err := json.Unmarshal(b, &copied); err != nil {
			w.t.Fatal(err)
		}
		saved = append(saved, copied)
	}
	w.now = w.now.Add(away)
	w.start(saved)
}

func (w *watchdog) record(o bgp.Outage) {
	w.t.Helper()
	raw, err := json.Marshal(&o)
	if err != nil {
		w.t.Fatal(err)
	}
	w.offset++
	w.engine.Record(&o, raw, incident.RecordRef{Offset: w.offset, At: w.now}, w.now)
}

// run lets minutes pass.
func (w *watchdog) run(minutes int) {
	w.t.Helper()
	for range minutes {
		if !w.still {
			w.engine.Decided(w.now.Truncate(time.Minute), w.now)
			for _, f := range bgp.Families {
				w.engine.Verdicts(f, true, "", w.now, w.now)
			}
		}
		w.engine.Advance(w.now)
		for _, a := range w.engine.Ready(w.now) {
			w.engine.Begin(a, w.now)
			h, err := w.am.Send(w.t.Context(), a.Message, a.Handle)
			if err != nil {
				w.t.Fatal(err)
			}
			w.engine.Done(a, h, err, w.now)
			if w.sent++; a.Repeat {
				w.again++
			}
		}
		w.now = w.now.Add(time.Minute)
	}
}

// TestAlertmanager sends a real Alertmanager (group_wait 0.5 s, group_interval 1 s) an outage that
// opens, rises twice, and ends ten hours later by the engine's clock. In between, notify is down
// for 30 minutes, and Kafka for as long. One notification of each severity fires, and one resolves.
// In Alertmanager's time these pauses last as long as an alert without repetitions takes to resolve
// (the control: 1 s).
func TestAlertmanager(t *testing.T) {
	t.Parallel()
	s := alertmanagertest.Start(t)
	am, err := alertmanager.New(alertmanager.Config{Instances: []httpclient.Endpoint{{URL: s.URL}}, ResolveAfter: 24 * time.Hour},
		target.Deps{Name: "am", Version: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = am.Close() })
	w := &watchdog{t: t, am: am, now: time.Now().Add(-12 * time.Hour).Truncate(time.Minute)}
	w.start(nil)
	w.engine.Adopt(nil, w.now)
	w.run(2)

	o := bgp.Outage{
		ID: "country-KP-ipv4-20260302T1000Z", Sequence: 1, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Family: "ipv4",
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP"}, Start: w.now, Dataset: "live", Headline: "North Korea: routes lost", Severity: bgp.SeverityModerate,
		Peak: bgp.Loss{LostPrefixes: 4, LossPercent: 10000}, Now: bgp.Loss{LostPrefixes: 4, LossPercent: 10000},
	}
	for n, severity := range []bgp.Severity{bgp.SeverityModerate, bgp.SeverityMajor, bgp.SeverityTotal} {
		o.Severity, o.Sequence = severity, uint32(n+1)
		w.record(o)
		w.run(10)
		waittest.Until(t, time.Minute, "a notification of severity "+string(severity), func() bool { return len(s.Told(o.ID)) > n })
		w.run(10)
	}

	w.restart(30 * time.Minute)
	settle(t, s, "country-TO-ipv4-20260302T1000Z")
	w.run(30)
	w.record(replayed(o))
	w.still = true // Kafka is down: nothing is decided, no record comes
	w.run(30)
	w.still = false
	settle(t, s, "country-SY-ipv4-20260302T1000Z")
	w.run(30)
	if got := s.Told(o.ID); len(got) != 3 || got[2].Status != "firing" {
		t.Errorf("while the country is dark: got %+v", got)
	}

	end := w.now
	o.State, o.Event, o.EndReason, o.End, o.Sequence = bgp.StateClosed, bgp.EventClosed, bgp.EndRecovered, &end, 4
	w.record(o)
	w.run(20)
	waittest.Until(t, time.Minute, "a notification of the end", func() bool { return len(s.Told(o.ID)) > 3 })
	w.run(20)
	settle(t, s, "country-IR-ipv4-20260302T1000Z")

	var got []string
	for _, n := range s.Told(o.ID) {
		var fires []string
		for _, a := range n.Alerts {
			if a.Status == "firing" {
				fires = append(fires, a.Labels["severity"])
			}
		}
		got = append(got, strings.TrimSpace(n.Status+" "+strings.Join(fires, " ")))
	}
	if want := []string{"firing moderate", "firing major", "firing total", "resolved"}; !slices.Equal(got, want) {
		t.Errorf("got notifications %q, want %q", got, want)
	}
	if w.again < 100 {
		t.Errorf("of %d messages %d said again what lasts: this test is of alerts that are sent each minute", w.sent, w.again)
	}
	blind := s.All("DarkmapBlind")
	if len(blind) != 2 || blind[0].Status != "firing" || blind[1].Status != "resolved" {
		t.Errorf("got %+v of the time in which nothing was decided", blind)
	}
	if n := len(s.Told("country-RE-ipv4-20260302T1000Z")); n != 0 {
		t.Errorf("a replay was told %d times", n)
	}
}

// replayed is an outage of a replay.
func replayed(o bgp.Outage) bgp.Outage {
	o.ID, o.Dataset, o.Entity.Code, o.Sequence = "country-RE-ipv4-20260302T1000Z", "replay", "RE", 1
	return o
}

// settle waits until an alert without repetitions has resolved by itself. Another alert must
// survive that time.
func settle(t *testing.T, s *alertmanagertest.Server, id string) {
	t.Helper()
	short, err := alertmanager.New(alertmanager.Config{Instances: []httpclient.Endpoint{{URL: s.URL}}, ResolveAfter: time.Second},
		target.Deps{Name: "control", Version: "test", Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close() //nolint:errcheck // nothing is open
	m := &target.Message{
		ID: "0123456789abcdef0123456789abcdef", Incident: id, Number: 1, Kind: target.Open, Subject: target.SubjectOutage, Route: "all", Time: time.Now(),
		Start: time.Now().Add(-time.Hour), Severity: bgp.SeverityMajor, Title: id, Headline: id, Post: id, Summary: id,
	}
	if _, err := short.Send(t.Context(), m, nil); err != nil {
		t.Fatal(err)
	}
	waittest.Until(t, time.Minute, "the control resolves", func() bool {
		all := s.Told(id)
		return len(all) > 0 && all[len(all)-1].Status == "resolved"
	})
}
