package incident

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/notify/target"
)

// TestFirstRun checks that open outages are sent once in a notice, and closed for targets that got
// the notice and for keyed targets.
func TestFirstRun(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "pager", "hook"), chat("chat"), pager("pager"), recordsTarget("hook"))
	s.start(nil)
	if !s.e.First() {
		t.Fatal("nothing was saved")
	}
	s.now = t0.Add(time.Hour)
	s.start(nil)
	kp := kp
	kp.Sequence = 3
	s.write(s.e.Adopt([]*bgp.Outage{&kp}, s.now)...)
	s.run(time.Hour)
	s.want("chat", "notice Alerts begin")
	s.want("pager", "")
	s.want("hook", "")
	if m := s.last("chat"); !strings.Contains(m.Headline, "1 incident is open") || !strings.Contains(m.Summary, kp.Headline) {
		t.Errorf("got %q %q", m.Headline, m.Summary)
	}
	s.restart()
	if s.e.First() {
		t.Error("it is no first run")
	}
	closed := s.ended(kp, bgp.EndRecovered)
	closed.Sequence = 4
	never := s.ended(as, bgp.EndRecovered) // no message of its opening was sent
	s.give(closed, never)
	s.run(time.Hour)
	s.want("chat", "notice Alerts begin; close North Korea")
	s.want("pager", "close AS64496; close North Korea")
}

// TestChangedRoutes checks that a close follows the ledger, not the routes.
func TestChangedRoutes(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat", "gone"), chat("chat"), chat("gone"))
	s.give(as)
	s.run(5 * time.Minute)
	s.cfg.Routes = []Route{{Name: "other", To: []string{"chat"}, Match: Match{Types: []string{"world"}}}}
	s.targets = s.targets[:1]
	s.restart()
	s.give(an(bgp.EntityAS, "AS64497"))
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(time.Hour)
	s.want("chat", "open AS64496; close AS64496")
	s.want("gone", "open AS64496")
	if st := s.e.Status(s.now); len(st) != 2 || st[1].Target != "gone" || st[1].Known || st[1].Open != 1 {
		t.Errorf("got %+v", st)
	}
	v := s.e.Explain(as.ID, nil, s.now)
	if !slices.ContainsFunc(v, func(v Verdict) bool {
		return v.Target == "chat" && v.Route == "all" && strings.Contains(strings.Join(v.Lines, "\n"), "does not have this route")
	}) {
		t.Errorf("got %+v", v)
	}
	s.targets = append(s.targets, chat("gone")) // the target is back in the configuration
	s.restart()
	s.run(time.Hour)
	s.want("gone", "open AS64496; close AS64496")
}

// TestResend checks that an open incident is repeated each minute with the last sent severity, and
// its end for a quarter of an hour, without a delivery to write.
func TestResend(t *testing.T) {
	t.Parallel()
	am := pager("am")
	am.Traits.Resend = time.Minute
	s := newSim(t, to("am"), am)
	s.give(as)
	s.run(61*time.Minute + 30*time.Second)
	if s.want("am", "open AS64496"); s.repeats != 60 {
		t.Errorf("got %d repeats in 60 minutes", s.repeats)
	}
	s.restart()
	s.repeats = 0
	s.give(s.ended(as, bgp.EndRecovered))
	s.run(time.Hour)
	if s.want("am", "open AS64496; close AS64496"); s.repeats < 14 || s.repeats > 16 {
		t.Errorf("got %d repeats of the end", s.repeats)
	}
}

// TestDatasets checks that a demo is sent only by routes that name it, as an exercise.
func TestDatasets(t *testing.T) {
	t.Parallel()
	demo := func(o *bgp.Outage) { o.Dataset = "demo" }
	s := newSim(t, append(to("chat"), Route{Name: "demo", To: []string{"play"}, Match: Match{Datasets: []string{"demo"}}}), chat("chat"), chat("play"))
	s.give(an(bgp.EntityAS, "AS64496", demo))
	s.run(time.Hour)
	s.want("chat", "")
	s.want("play", "open AS64496")
	if m := s.last("play"); !m.Exercise {
		t.Error("it is no exercise")
	}
	if v := s.e.Explain(as.ID, nil, s.now); v[0].Matched || v[0].Why == "" {
		t.Errorf("got %+v", v)
	}
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, GroupWait: "0"}}, chat("chat"))
	s.cfg.Routes[0].Template = `{{.Title}} since {{local "Asia/Seoul" .Start}}{{with .Remainder}}: {{.}}{{end}}`
	s.restart()
	s.give(as)
	s.run(burstBound)
	if m := s.last("chat"); m.Summary != "AS64496 since 2026-03-02 19:00 KST" || m.Post != m.Summary {
		t.Errorf("got %q %q", m.Summary, m.Post)
	}
	s = newSim(t, []Route{{Name: "all", To: []string{"chat"}, GroupWait: "0", Template: `{{if eq .Severity "major"}}{{index .Reason 99}}{{end}}x`}}, chat("chat"))
	s.give(as)
	s.run(burstBound)
	if m := s.last("chat"); !strings.Contains(m.Summary, "AS64496 lost all its routes. (The route's template failed: ") || len(s.e.Said()) != 1 {
		t.Errorf("a template that fails: got %q", m.Summary)
	}
	for _, bad := range []string{"{{", "{{.Nothing}}", "{{range 1000000000}}{{end}}", `{{local "Nowhere/Here" .Start}}`, strings.Repeat("x", maxOutput+1), `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, `{{local "Local" .Start}}`} {
		if _, err := parseTemplate(bad); err == nil {
			t.Errorf("%q is taken", bad[:min(len(bad), 40)])
		}
	}
}

// TestHostileName checks that a name is one line in each text.
func TestHostileName(t *testing.T) {
	t.Parallel()
	s := newSim(t, to("chat"), chat("chat"))
	hostile := "<!channel>\r\n@everyone \u202e" + strings.Repeat("x", 300) + "\x1b[31m"
	s.give(an(bgp.EntityAS, "AS64496", func(o *bgp.Outage) { o.Entity.Name, o.Headline, o.Post, o.Summary = hostile, "", "", "" }))
	s.run(2 * time.Minute)
	m := s.last("chat")
	for _, text := range []string{m.Title, m.Headline, m.Post, m.Summary} {
		if strings.ContainsAny(text, "\r\n\x1b\u202e") || text == "" {
			t.Errorf("got %q", text)
		}
	}
}

func TestPrivate(t *testing.T) {
	t.Parallel()
	feed := TargetInfo{Name: "feed", Traits: target.Traits{Style: target.Feed, Public: true}}
	watched := func(o *bgp.Outage) {
		o.Watch = []bgp.WatchMember{{List: "mine", Member: "AS64496"}, {List: "ours", Member: "AS64496", Public: true}}
	}
	routes := []Route{{Name: "mine", To: []string{"chat"}, Match: Match{Watch: []string{"mine"}}}, {Name: "all", To: []string{"feed"}}}
	s := newSim(t, routes, chat("chat"), feed)
	s.give(an(bgp.EntityAS, "AS64496", watched))
	s.run(2 * time.Minute)
	if m := s.last("chat"); !m.Private || len(m.Events[0].Watch) != 2 {
		t.Errorf("told for a private list: got %v", m.Private)
	}
	if m := s.last("feed"); m.Private || len(m.Events[0].Watch) != 1 || m.Events[0].Watch[0].List != "ours" {
		t.Errorf("a public event in a feed: got %v %v", m.Private, m.Events[0].Watch)
	}
}

func TestPast(t *testing.T) {
	t.Parallel()
	closed := as
	end := t0.Add(20 * time.Minute)
	closed.State, closed.EndReason, closed.End, closed.Sequence = bgp.StateClosed, bgp.EndRecovered, &end, 2
	opened := as
	opened.Sequence = 1
	records := slices.Values([]PastRecord{{Outage: &opened, At: t0.Add(5 * time.Minute)}, {Outage: &closed, At: t0.Add(30 * time.Minute)}})
	cfg := DefaultConfig()
	cfg.Routes = to("chat", "hook")
	sent, after, err := Past(cfg, []TargetInfo{chat("chat"), recordsTarget("hook")}, records, t0.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, a := range sent {
		got += a.Target + " " + string(a.Message.Kind) + " " + a.Message.Time.Format("15:04") + "; "
	}
	if want := "hook open 10:05; chat open 10:05; chat close 10:30; hook close 10:30; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// The ledger was lost.
	e, err := New(cfg, []TargetInfo{chat("chat"), recordsTarget("hook")}, after, t0.Add(2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	e.IgnoreBlindness()
	e.Record(&closed, nil, RecordRef{}, t0.Add(2*time.Hour))
	if e.Advance(t0.Add(2 * time.Hour)); len(e.Ready(t0.Add(2*time.Hour))) != 0 {
		t.Error("it tells what was told")
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	routes := []Route{
		{Name: "countries", To: []string{"chat"}, Match: Match{Types: []string{"country"}}},
		{Name: "all", To: []string{"chat"}},
		{Name: "again", To: []string{"chat"}},
	}
	s := newSim(t, routes, chat("chat"))
	s.fail = func(*target.Message, string) error { return errors.New("no answer") }
	s.give(as)
	text := func() string {
		out := ""
		for _, v := range s.e.Explain(as.ID, &as, s.now) {
			out += v.Route + ": " + v.Why + strings.Join(v.Lines, "; ") + "\n"
		}
		return out
	}
	if got := text(); !strings.Contains(got, "countries: types: it is of type as") || !strings.Contains(got, "all: held by group_wait: it waits for wider events, until 10:01 UTC") ||
		!strings.Contains(got, "again: the target hears of it through the route all") {
		t.Errorf("got %s", got)
	}
	s.run(2 * time.Minute)
	if got := text(); !strings.Contains(got, "message 1 (open) at 10:01 UTC, 2 Mar 2026: no answer; ") || !strings.Contains(got, "next attempt at") {
		t.Errorf("got %s", got)
	}
}

// TestPublicTarget checks a public target. It gets an outage of a country that is a member of a
// private list, without the list's name. It gets no outage that exists only because of a private
// list. Other targets get everything.
func TestPublicTarget(t *testing.T) {
	t.Parallel()
	public := chat("public")
	public.Traits.Public = true
	s := newSim(t, []Route{
		{Name: "mine", To: []string{"public"}, Match: Match{Watch: []string{"mine"}}},
		{Name: "all", To: []string{"public", "ours"}},
	}, public, chat("ours"))
	member := func(o *bgp.Outage) {
		o.Watch = []bgp.WatchMember{{List: "mine", Title: "Secret customers", Member: "KP"}}
	}
	country := an(bgp.EntityCountry, "KP", member)
	list := an(bgp.EntityWatch, "mine", member, func(o *bgp.Outage) { o.Parents = []bgp.Parent{{Type: bgp.EntityCountry, Code: "KP", ID: country.ID}} })
	country.Parents = []bgp.Parent{{Type: bgp.EntityWatch, Code: "mine", ID: list.ID}}
	origin := an(bgp.EntityPrefix, "192.0.2.0/24", member, func(o *bgp.Outage) { o.Kind = bgp.KindOrigin })
	s.give(list, country, origin)
	s.run(2 * time.Minute)
	s.want("public", "open North Korea")
	s.give(s.ended(list, bgp.EndRecovered), s.ended(origin, bgp.EndRecovered), s.ended(country, bgp.EndRecovered))
	s.run(5 * time.Minute)
	s.want("public", "open North Korea; close North Korea")
	if n := len(s.sent["ours"]); n < 4 {
		t.Errorf("the operator's own target got %d messages", n)
	}
	for _, m := range s.sent["public"] {
		b, err := json.Marshal(m)
		if err != nil || m.Private || strings.Contains(string(b), "mine") || strings.Contains(string(b), "Secret") {
			t.Errorf("got private %v: %s", m.Private, b)
		}
	}
	for _, o := range []bgp.Outage{list, origin} {
		if !slices.ContainsFunc(s.e.Explain(o.ID, &o, s.now), func(v Verdict) bool {
			return v.Target == "public" && v.Route == "all" && strings.HasPrefix(v.Why, "anybody can read the target")
		}) {
			t.Errorf("explain %s: %+v", o.ID, s.e.Explain(o.ID, &o, s.now))
		}
	}
}

// TestRebuild checks the rebuild of a lost ledger. Messages sent shortly before the last record are
// sent again under the same id. For older open incidents keyed targets get the last message again,
// and chats a notice. Incidents that are over are not sent again.
func TestRebuild(t *testing.T) {
	t.Parallel()
	gone, early, late := an(bgp.EntityAS, "AS64498"), an(bgp.EntityAS, "AS64500"), an(bgp.EntityAS, "AS64496")
	gone.Sequence, early.Sequence, late.Sequence = 1, 1, 1
	over, end := gone, t0.Add(8*time.Minute)
	over.State, over.Event, over.EndReason, over.End, over.Sequence = bgp.StateClosed, bgp.EventClosed, bgp.EndRecovered, &end, 2
	records := []PastRecord{
		{Outage: &gone, At: t0.Add(4 * time.Minute), Offset: 2},
		{Outage: &early, At: t0.Add(5 * time.Minute), Offset: 3},
		{Outage: &over, At: end, Offset: 4},
		{Outage: &late, At: t0.Add(30 * time.Minute), Offset: 5},
	}
	cfg := DefaultConfig()
	cfg.Routes = to("chat", "hook", "page")
	targets := []TargetInfo{chat("chat"), recordsTarget("hook"), pager("page")}
	until := t0.Add(40 * time.Minute)
	sent, _, err := Past(cfg, targets, slices.Values(records), until)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{} // target, incident and id of the messages to be repeated
	for _, a := range sent {
		if id := a.Message.Incident; id == late.ID || id == early.ID && a.Target != "chat" {
			want[a.Target+" "+id+" "+a.Message.ID] = true
		}
	}
	if len(want) != 5 {
		t.Fatalf("sent: %v", want)
	}
	saved, err := Rebuild(cfg, targets, slices.Values(records), until)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(cfg, targets, saved, until)
	if err != nil {
		t.Fatal(err)
	}
	e.IgnoreBlindness()
	e.Advance(until)
	again := map[string]bool{}
	var notices []string
	for ready := e.Ready(until); len(ready) > 0; ready = e.Ready(until) {
		for _, a := range ready {
			e.Begin(a, until)
			if a.Message.Kind == target.Notice {
				notices = append(notices, a.Target+": "+a.Message.Summary)
			} else if again[a.Target+" "+a.Message.Incident+" "+a.Message.ID] = true; !a.Doubtful {
				t.Errorf("%s %s is not said to be doubtful", a.Target, a.Message.Incident)
			}
			e.Done(a, nil, nil, until)
		}
	}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
	said := "chat: darkmap has lost its record of messages: 1 incident is open. Some of these may not have been sent before. Their ends are sent.\n\nOpen:\n- " + early.Headline
	if diff := cmp.Diff([]string{said}, notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// TestCountsLater checks that an update is sent when another event of the incident starts to count,
// and not when its first record comes.
func TestCountsLater(t *testing.T) {
	t.Parallel()
	s := newSim(t, []Route{{Name: "all", To: []string{"chat"}, Match: Match{MinMinutes: 10}, Updates: "all"}}, chat("chat"))
	s.give(as)
	s.run(20 * time.Minute)
	s.give(an(bgp.EntityAS, "AS64497", in(kp), at(s.now)))
	s.run(8 * time.Minute)
	s.want("chat", "open AS64496")
	s.run(4 * time.Minute)
	s.want("chat", "open AS64496; update AS64496")
	if m := s.last("chat"); len(m.Events) != 2 {
		t.Errorf("got %d events, want 2", len(m.Events))
	}
}
