package alertmanager

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/alertmanagertest"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/waittest"
	"github.com/darkmap/darkmap/notify/target"
	"github.com/darkmap/darkmap/notify/target/httpclient"
)

// life sends messages of one incident to a real Alertmanager.
type life struct {
	t        *testing.T
	a        *Alertmanager
	incident string
	began    time.Time
	handle   target.Handle
}

func begin(t *testing.T, s *alertmanagertest.Server, incident string, resolveAfter time.Duration) *life {
	t.Helper()
	a, err := New(Config{Instances: []httpclient.Endpoint{{URL: s.URL}}, ResolveAfter: resolveAfter}, deps(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return &life{t: t, a: a, incident: incident, began: time.Now().Add(-time.Hour)}
}

// say sends a message. repeat marks one of the engine's repetitions each minute, for which the
// handle stays.
func (l *life) say(kind target.Kind, s bgp.Severity, repeat bool) {
	l.t.Helper()
	m := message(kind, s, time.Now())
	m.Incident, m.Start = l.incident, l.began
	if kind == target.Close {
		m.End = time.Now().Add(-10 * time.Minute)
	}
	h, err := l.a.Send(l.t.Context(), m, l.handle)
	if err != nil {
		l.t.Fatal(err)
	}
	if !repeat {
		l.handle = h
	}
}

// TestReal sends a real Alertmanager (group_wait 0.5 s, group_interval 1 s) an outage that opens,
// rises twice, is repeated many times in between, and closes. Each severity that fires must give
// one notification, and the end one. Nothing may resolve during a pause. The ratio of 24 h of
// resolve_after to 30 minutes of pause is like that of an hour to the time in which the control
// resolves. The control has a resolve_after of 2 s and gets no repetitions.
func TestReal(t *testing.T) {
	t.Parallel()
	s := alertmanagertest.Start(t)
	korea := begin(t, s, incident, time.Hour)
	if err := korea.a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n, severity := range []bgp.Severity{bgp.SeverityModerate, bgp.SeverityMajor, bgp.SeverityTotal} {
		kind := target.Update
		if n == 0 {
			kind = target.Open
		}
		korea.say(kind, severity, false)
		for range 3 {
			korea.say(target.Update, severity, true)
		}
		waittest.Until(t, time.Minute, "a notification of severity "+string(severity), func() bool { return len(s.Told(incident)) > n })
		for range 3 {
			korea.say(target.Update, severity, true)
		}
	}

	const control = "country-TO-ipv4-20141222T1615Z"
	begin(t, s, control, 2*time.Second).say(target.Open, bgp.SeverityMajor, false)
	waittest.Until(t, time.Minute, "the control resolves by itself", func() bool {
		all := s.Told(control)
		return len(all) > 0 && all[len(all)-1].Status == "resolved"
	})
	if got := s.Told(incident); len(got) != 3 || got[2].Status != "firing" {
		t.Errorf("after a silence: got %+v", got)
	}

	korea.say(target.Close, bgp.SeverityTotal, false)
	waittest.Until(t, time.Minute, "a notification of the end", func() bool { return len(s.Told(incident)) > 3 })
	for range 3 {
		korea.say(target.Close, bgp.SeverityTotal, true)
	}
	// After the time of another life in the same Alertmanager no further notification of the first
	// life may come.
	const later = "country-IR-ipv4-20141222T1615Z"
	other := begin(t, s, later, time.Hour)
	other.say(target.Open, bgp.SeverityMajor, false)
	waittest.Until(t, time.Minute, "a notification of another incident", func() bool { return len(s.Told(later)) > 0 })
	other.say(target.Close, bgp.SeverityMajor, false)
	waittest.Until(t, time.Minute, "the end of another incident", func() bool { return len(s.Told(later)) > 1 })

	want := []string{"moderate", "major", "total", ""} // the single severity that fires in each notification
	all := s.Told(incident)
	if len(all) != len(want) {
		t.Fatalf("got %d notifications: %+v", len(all), all)
	}
	for i, n := range all {
		var fires []string
		for _, a := range n.Alerts {
			if a.Status == "firing" {
				fires = append(fires, a.Labels["severity"])
			}
		}
		if got := strings.Join(fires, " "); got != want[i] || (n.Status == "resolved") != (i == 3) {
			t.Errorf("notification %d: %s, %q fires, want %q", i, n.Status, got, want[i])
		}
	}
	if a := s.Told(incident)[3].Alerts[0]; a.Labels["code"] != "KP" || a.Annotations["summary"] == "" || a.GeneratorURL == "" || !a.EndsAt.Before(time.Now()) || a.EndsAt.Before(a.StartsAt) {
		t.Errorf("got %+v", a)
	}
}

// TestHeartbeat checks that a real Alertmanager (group_interval 1 s) sends no notification while
// heartbeats come. After the last heartbeat DarkmapSilent must fire. When heartbeats come again,
// from another process, it must resolve. A second darkmap at the same Alertmanager must have no
// influence.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := alertmanagertest.Start(t)
	const interval = 2 * time.Second // DarkmapSilent fires after two and a half intervals
	open := func(name string) *Alertmanager {
		a, err := New(Config{Instances: []httpclient.Endpoint{{URL: s.URL}}, Heartbeat: name}, deps(io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = a.Close() })
		return a
	}
	beat := func(a *Alertmanager) {
		t.Helper()
		if err := a.Beat(t.Context(), interval); err != nil {
			t.Fatal(err)
		}
	}
	first, other := open("first"), open("other")
	for range 4 {
		beat(first)
		beat(other)
		<-time.After(interval / 4)
	}
	last := time.Now()
	if n := len(s.All("DarkmapSilent")) + len(s.All("DarkmapHeartbeat")); n > 0 {
		t.Errorf("%d notifications while heartbeats come", n)
	}
	told := func(status string) func() bool {
		return func() bool {
			beat(other)
			all := s.All("DarkmapSilent")
			return len(all) > 0 && all[len(all)-1].Status == status
		}
	}
	waittest.Until(t, time.Minute, "DarkmapSilent fires", told("firing"))
	if took := time.Since(last); took < lasts(interval)-time.Second { // it is sent in whole intervals
		t.Errorf("DarkmapSilent fired %v after the last heartbeat", took)
	}
	again := open("first")
	beat(again)
	waittest.Until(t, time.Minute, "DarkmapSilent is resolved", func() bool { beat(again); return told("resolved")() })
	all := s.All("DarkmapSilent")
	for _, n := range all {
		if n.GroupLabels["darkmap"] != "first" || n.Alerts[0].Annotations["summary"] != "darkmap first is silent: nobody is told of outages" {
			t.Errorf("got %+v", n)
		}
	}
	if len(all) != 2 {
		t.Errorf("got %d notifications, want one that fires and one that is resolved: %+v", len(all), all)
	}
}
