package incident

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

func TestQuietHours(t *testing.T) {
	t.Parallel()
	night := func(do string) []Route { // 10:00 UTC is 19:00 in Seoul
		return []Route{{Name: "all", To: []string{"chat", "pager"}, QuietHours: QuietHours{From: "18:30", To: "07:00", TimeZone: "Asia/Seoul", Do: do, Except: []string{"total"}}}}
	}
	s := newSim(t, night("hold"), chat("chat"), pager("pager"))
	other := an(bgp.EntityAS, "AS64497")
	s.give(as, other, an(bgp.EntityAS, "AS64498", severity(bgp.SeverityTotal)))
	s.run(4 * time.Hour)
	s.want("chat", "open AS64498")
	s.give(s.ended(other, bgp.EndRecovered))
	s.restart()
	s.run(7 * time.Hour)
	s.want("chat", "open AS64498")
	s.run(2 * time.Hour)
	s.want("pager", "open AS64498; open AS64496")
	s.want("chat", "open AS64498; open AS64496; notice Over before it was sent")
	if m := s.sent["chat"][1]; !m.Late || !strings.Contains(m.Summary, "quiet hours") {
		t.Errorf("got %q", m.Summary)
	}
	if m := s.last("chat"); !m.Late || !strings.Contains(m.Headline, "AS64497 was dark 10:00-14:00 UTC on 2 Mar 2026, told late") || !strings.Contains(m.Summary, "because of the quiet hours") {
		t.Errorf("got %q %q", m.Headline, m.Summary)
	}

	s = newSim(t, night("drop"), chat("chat"), pager("pager"))
	s.give(as, other)
	s.run(24 * time.Hour)
	s.want("chat", "")
	s.give(an(bgp.EntityAS, "AS64496", severity(bgp.SeverityTotal)))
	s.run(time.Hour)
	s.want("chat", "open AS64496")
	s.give(s.ended(as, bgp.EndRecovered), s.ended(other, bgp.EndRecovered))
	s.run(24 * time.Hour)
	s.want("chat", "open AS64496; close AS64496")
	s.want("pager", "open AS64496; close AS64496")
}

func TestDigest(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Digest: "daily 08:00 Europe/Berlin"}}, chat("chat"))
	other := an(bgp.EntityAS, "AS64497")
	s.give(as, other)
	s.run(2 * time.Hour)
	s.give(s.ended(other, bgp.EndRecovered))
	s.want("chat", "")
	s.restart()
	s.run(19 * time.Hour) // 07:00 UTC is 08:00 in Berlin
	s.want("chat", "notice Digest of all")
	if m := s.last("chat"); m.Incident != "" || !strings.Contains(m.Headline, "1 outage began, 1 outage ended, 0 outages that began earlier go on") || !strings.Contains(m.Summary, "- AS64497: routes back") {
		t.Errorf("got %q %q", m.Headline, m.Summary)
	}
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(48 * time.Hour)
	if got := s.sent["chat"]; len(got) != 3 || !strings.Contains(got[1].Headline, "1 outage ended") || !strings.Contains(got[2].Headline, "0 outages began, 0 outages ended") {
		t.Errorf("got %s", s.told("chat"))
	}
	s.now = s.now.Add(72 * time.Hour) // notify was down
	s.restart()
	s.run(time.Hour)
	if got := len(s.sent["chat"]); got != 4 {
		t.Errorf("got %d digests, want one for all that were missed", got)
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "records"), chat("chat"), recordsTarget("records"))
	s.write(s.e.Silence(Silence{Codes: []string{"as64496", "AS64497"}, Until: t0.Add(2 * time.Hour), Reason: "maintenance", Who: "ana"}, t0))
	other := an(bgp.EntityAS, "AS64497")
	s.give(as, other, an(bgp.EntityAS, "AS64498"))
	s.restart()
	s.run(time.Hour)
	s.want("chat", "open AS64498")
	s.want("records", "open AS64498")
	if v := s.e.Explain(as.ID, &as, s.now); !strings.Contains(strings.Join(v[0].Lines, "\n"), "by ana: maintenance") {
		t.Errorf("explain does not name the silence: %+v", v)
	}
	s.give(s.ended(other, bgp.EndRecovered))
	s.run(2 * time.Hour)
	s.want("chat", "open AS64498; open AS64496")
	s.want("records", "open AS64498; open AS64496")
	if len(s.e.Silences(s.now)) != 0 || len(s.ledger["/silence-20260302T100000Z-1"]) != 0 {
		t.Error("the silence is over and still there")
	}
	d := s.e.Silence(Silence{Types: []string{"country"}, Until: s.now.Add(time.Hour)}, s.now)
	s.write(d)
	s.give(kp) // AS64496 lies in the country and is not silenced
	s.run(time.Minute)
	s.want("chat", "open AS64498; open AS64496; update North Korea")
	if s.e.EndSilence(d.Silence.ID, s.now) == nil || s.e.EndSilence("none", s.now) != nil {
		t.Error("it ends once")
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "pager", "records"), chat("chat"), pager("pager"), recordsTarget("records"))
	dead := true
	s.fail = func(m *target.Message, _ string) error {
		if dead {
			return down(m, "")
		}
		return nil
	}
	short, long := as, an(bgp.EntityAS, "AS64497")
	s.give(short, long)
	s.run(14 * time.Minute)
	s.give(s.ended(short, bgp.EndRecovered))
	s.restart()
	s.run(6 * time.Hour)
	for _, name := range []string{"chat", "pager", "records"} {
		s.want(name, "")
	}
	dead = false
	s.run(24 * time.Hour)
	s.want("pager", "open AS64497")
	s.want("chat", "open AS64497; notice Over before it was sent")
	s.want("records", "open AS64496; close AS64496; open AS64497")
	if m := s.last("pager"); !m.Late || !strings.HasPrefix(m.Headline, "Told late: ") || !strings.Contains(m.Summary, "status 500") {
		t.Errorf("it is still dark: told late, got %v %q %q", m.Late, m.Headline, m.Summary)
	}
}

// TestCatchUp checks a restart after a pause. Chats get one line for an incident that began and
// ended in the pause. An incident that is still open is sent.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "pager"), chat("chat"), pager("pager"))
	s.now = t0.Add(2 * time.Hour)
	put := func(o bgp.Outage, at time.Time) {
		s.seq[o.ID]++
		o.Sequence = s.seq[o.ID]
		s.e.Record(&o, nil, RecordRef{Offset: int64(s.seq[o.ID]), At: at}, s.now)
	}
	over := s.ended(an(bgp.EntityAS, "AS64497"), bgp.EndLostSight)
	end := t0.Add(30 * time.Minute)
	over.End = &end
	put(an(bgp.EntityAS, "AS64497"), t0.Add(5*time.Minute))
	put(as, t0.Add(5*time.Minute))
	put(over, t0.Add(40*time.Minute))
	s.run(time.Hour)
	s.want("pager", "open AS64496")
	s.want("chat", "notice Over before it was sent; open AS64496")
	if m := s.sent["chat"][0]; !strings.Contains(m.Headline, "was dark from 10:00 UTC, 2 Mar 2026 on and was lost from sight at 10:30 UTC") {
		t.Errorf("got %q", m.Headline)
	}
}

func TestStorm(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "pager", "records"), chat("chat"), pager("pager"), recordsTarget("records"))
	s.targets[0].Traits.Interval = time.Second
	s.restart()
	var all []bgp.Outage
	for i := range 1000 {
		all = append(all, an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i)))
		s.put(all[i])
	}
	s.run(2 * time.Minute)
	if got := len(s.sent["records"]); got != 1000 {
		t.Errorf("records: got %d of 1,000", got)
	}
	s.want("pager", "open 1000 outages within 5 min")
	s.want("chat", "open 1000 outages within 5 min")
	s.restart()
	for i := range all[:990] {
		s.put(s.ended(all[i], bgp.EndRecovered))
	}
	s.run(time.Hour)
	for i := range all[990:] {
		s.put(s.ended(all[990+i], bgp.EndLostSight))
	}
	s.run(time.Hour)
	s.want("chat", "open 1000 outages within 5 min; update 1000 outages within 5 min; close 1000 outages within 5 min")
	s.want("pager", "open 1000 outages within 5 min; update 1000 outages within 5 min; close 1000 outages within 5 min")
	if m := s.last("chat"); m.Subject != target.SubjectStorm || m.Headline != "1000 outages that began close together: all have ended, 990 of them recovered." || m.Reason == bgp.EndRecovered {
		t.Errorf("got %q, %s", m.Headline, m.Reason)
	}
	s.give(an(bgp.EntityAS, "AS64496", at(s.now)))
	s.run(time.Hour)
	if m := s.last("chat"); m.Title != "AS64496" {
		t.Errorf("after the storm: got %s", m.Title)
	}
}

// TestStormSlow checks that the first incidents are sent one by one, and those above the limit
// together.
func TestStormSlow(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	var all []bgp.Outage
	for i := range 60 {
		all = append(all, an(bgp.EntityAS, fmt.Sprintf("AS%d", 64512+i), at(s.now)))
		s.give(all[i])
		s.run(5 * time.Second)
	}
	s.run(30 * time.Minute)
	if n := len(s.sent["chat"]); n > 25 {
		t.Errorf("got %d messages for 60 outages in 5 minutes", n)
	}
	for _, o := range all {
		s.give(s.ended(o, bgp.EndRecovered))
	}
	s.run(time.Hour)
	balance(t, s, "chat")
}

// balance checks that a target got as many closes as opens for each incident.
func balance(t testing.TB, s *sim, name string) {
	t.Helper()
	open := map[string]bool{}
	for i, m := range s.sent[name] {
		switch m.Kind {
		case target.Open:
			if open[m.Incident] {
				t.Errorf("%s: message %d opens %s, which is open", name, i, m.Incident)
			}
			open[m.Incident] = true
		case target.Update:
			if !open[m.Incident] {
				t.Errorf("%s: message %d updates %s, which is not open", name, i, m.Incident)
			}
		case target.Close, target.TakeBack:
			if !open[m.Incident] {
				t.Errorf("%s: message %d closes %s, which is not open", name, i, m.Incident)
			}
			delete(open, m.Incident)
		case target.Notice, target.Test:
		}
	}
	for id := range open {
		t.Errorf("%s: %s stays open", name, id)
	}
}

func TestBlind(t *testing.T) {
	t.Parallel()
	routes := []Route{{Name: "all", To: []string{"chat", "idle", "pager"}, Match: Match{Families: []string{"ipv4"}}}, {Name: "none", To: []string{"idle"}}}
	s := newSim(t, []Route{routes[0]}, chat("chat"), pager("pager"), chat("idle"))
	s.cfg.Routes[0].To = []string{"chat", "pager"}
	s.cfg.Routes = append(s.cfg.Routes, Route{Name: "other", To: []string{"idle"}, Match: Match{Types: []string{"world"}}})
	s.restart()
	s.e.sight.ignored = false
	tick := func(minutes int, possible bool) {
		for range minutes {
			s.e.Decided(s.now.Add(-time.Minute), s.now)
			s.e.Verdicts(bgp.IPv4, possible, "3 networks can vote, and a verdict needs 5 on 3", s.now, s.now)
			s.e.Verdicts(bgp.IPv6, false, "no peer has said anything", t0.Add(-time.Hour), s.now)
			s.run(time.Minute)
		}
	}
	tick(1, true)
	s.give(as)
	tick(5, true)
	s.want("chat", "open AS64496")
	if why, ok := s.e.Healthy(bgp.IPv4, s.now); !ok {
		t.Error(why)
	}
	tick(4, false)
	s.want("chat", "open AS64496")
	if why, ok := s.e.Healthy(bgp.IPv4, s.now); ok || !strings.Contains(why, "3 networks") {
		t.Errorf("got healthy: %s", why)
	}
	tick(3, false)
	s.want("chat", "open AS64496; open darkmap is blind")
	s.want("idle", "")
	if m := s.last("pager"); m.Subject != target.SubjectBlind || !strings.Contains(m.Summary, as.ID) || !strings.Contains(m.Summary, "3 networks") || m.NotMeasuredSince.IsZero() {
		t.Errorf("got %+v", m)
	}
	s.give(an(bgp.EntityAS, "AS64496", severity(bgp.SeverityTotal)))
	tick(1, false)
	if m := s.last("chat"); m.Kind != target.Update || !m.NotMeasuredSince.Equal(t0.Add(6*time.Minute)) || !strings.Contains(m.Post, "Not measured since 10:06 UTC") {
		t.Errorf("got %s %s %q", m.Kind, m.NotMeasuredSince, m.Post)
	}
	tick(2, true)
	if m := s.last("chat"); m.Kind != target.Close || m.Subject != target.SubjectBlind {
		t.Errorf("got %s %s", m.Kind, m.Subject)
	}
	stopped := s.now
	s.run(10 * time.Minute) // detect has stopped
	if m := s.last("pager"); m.Kind != target.Open || m.Subject != target.SubjectBlind || m.Time.Sub(stopped) > 6*time.Minute || !strings.Contains(m.Summary, "detect has decided no minute") {
		t.Errorf("got %s %s %s after %s", m.Kind, m.Subject, m.Summary, m.Time.Sub(stopped))
	}
	for _, m := range s.sent["chat"] {
		if m.Subject == target.SubjectOutage && m.Kind == target.Close {
			t.Error("an outage was closed while nobody measured it")
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var answer error
	var times []time.Time
	var ids []string
	s := newSim(t, to("chat", "ok"), chat("chat"), chat("ok"))
	s.fail = func(m *target.Message, name string) error {
		if name == "ok" {
			return nil
		}
		times, ids = append(times, s.now), append(ids, m.ID)
		return answer
	}
	answer = &target.Fault{Status: 503, Err: errors.New("busy"), Throttle: true, RetryAfter: 40 * time.Second}
	s.give(as)
	s.run(90 * time.Second)
	if len(times) != 1 {
		t.Fatalf("it asked to be left alone for 40 s: got %v", times)
	}
	answer = &target.Fault{Status: 500, Err: errors.New("broken")}
	s.run(10 * time.Minute)
	if got := times[1].Sub(times[0]); len(times) != 4 || got != 40*time.Second || ids[0] != ids[3] {
		t.Errorf("got attempts at %v with ids %v", times, ids)
	}
	answer = &target.Fault{Status: 400, Err: errors.New("no"), Refused: true}
	s.run(time.Hour)
	if st := s.e.Status(s.now); st[0].Target != "chat" || st[0].Parked != 1 || len(s.e.Parked()) != 1 || len(s.e.Said()) != 1 {
		t.Errorf("refused: got %+v", st)
	}
	answer = nil
	s.give(s.ended(as, bgp.EndRecovered))
	s.give(an(bgp.EntityAS, "AS64497"))
	s.run(time.Hour)
	s.want("chat", "notice Over before it was sent; open AS64497")
	answer = &target.Fault{Status: 410, Err: errors.New("gone"), Gone: true}
	s.give(an(bgp.EntityAS, "AS64498"))
	s.run(time.Hour)
	n := len(times)
	s.give(an(bgp.EntityAS, "AS64499"))
	s.restart()
	s.run(time.Hour)
	if st := s.e.Status(s.now); len(times) != n || st[0].Parked != 2 || st[0].Off != "status 410: gone" {
		t.Errorf("gone: got %d attempts more, %+v", len(times)-n, st[0])
	}
	answer, s.targets[0].Revision = nil, "2"
	s.restart()
	s.run(time.Hour)
	s.want("chat", "notice Over before it was sent; open AS64497; open AS64498; open AS64499")
	s.want("ok", "open AS64496; close AS64496; open AS64497; open AS64498; open AS64499")
}

// TestGivenUp checks that the message is parked after the last attempt, and that later news is
// sent.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "records"), chat("chat"), recordsTarget("records"))
	n := map[string]int{}
	s.fail = func(_ *target.Message, name string) error {
		n[name]++
		return errors.New("no answer")
	}
	s.give(as)
	s.run(100 * time.Hour)
	if n["chat"] != 10 || n["records"] != 10 {
		t.Errorf("got %v attempts, want 10 each", n)
	}
	s.fail = nil
	s.give(s.ended(as, bgp.EndRecovered)) // an attempt had no answer: the chat may know the incident
	s.run(time.Hour)
	s.want("chat", "close AS64496")
	s.want("records", "close AS64496")
}

// TestCrash checks that an intent without a result is sent again under its id and marked as
// doubtful.
func TestCrash(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	s.put(as)
	s.now = s.now.Add(2 * time.Minute)
	s.write(s.e.Advance(s.now)...)
	a := s.e.Ready(s.now)[0]
	s.write(s.e.Begin(a, s.now))
	if len(s.e.Ready(s.now)) != 0 {
		t.Error("it is being sent")
	}
	s.restart()
	s.write(s.e.Advance(s.now)...)
	again := s.e.Ready(s.now)[0]
	if !again.Doubtful || again.Message.ID != a.Message.ID || again.Number != 2 {
		t.Errorf("got %+v", again)
	}
	s.put(s.ended(as, bgp.EndRecovered))
	s.run(time.Minute)
	s.want("chat", "close AS64496")
	if m := s.last("chat"); m.ID == a.Message.ID {
		t.Error("another message has the id of the first")
	}
}

// TestSilenceIDs checks that each silence of a second has an id of its own, also after one of them
// was ended and after a restart.
func TestSilenceIDs(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	ids := map[string]bool{}
	begin := func() string {
		d := s.e.Silence(Silence{Until: s.now.Add(time.Hour)}, s.now)
		s.write(d)
		if ids[d.Silence.ID] {
			t.Errorf("two silences have the id %s", d.Silence.ID)
		}
		ids[d.Silence.ID] = true
		return d.Silence.ID
	}
	one := begin()
	begin()
	s.write(s.e.EndSilence(one, s.now))
	begin()
	s.restart()
	last := begin()
	s.write(s.e.EndSilence(last, s.now))
	begin()
	if n := len(s.e.Silences(s.now)); n != 4-1 || len(ids) != 5 {
		t.Errorf("got %d silences and %d ids, want 3 and 5", n, len(ids))
	}
}
