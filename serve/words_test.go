package serve_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/clickhousetest"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/serve/api"
)

// shown returns the status of a page, its first heading and all of its text, with single blanks.
func (s *site) shown(path string) (status int, heading, text string) {
	s.t.Helper()
	status, _, body := s.get(path)
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	var all []string
	for n := range doc.Descendants() {
		if n.Type != html.TextNode {
			continue
		}
		all = append(all, n.Data)
		if n.Parent.Data == "h1" {
			heading += n.Data
		}
	}
	return status, heading, strings.Join(strings.Fields(strings.Join(all, " ")), " ")
}

// quietWords matches statements that nothing is dark.
var quietWords = regexp.MustCompile(`(?i)nothing (is|was) dark|all quiet|"quiet":\s*true|"indicator":\s*"none"`)

// wants waits until a page has a heading and words. Unless quiet is set, no page and no answer may
// report that nothing is dark.
func (s *site) wants(what string, quiet bool, heading string, words ...string) {
	s.t.Helper()
	var got, text string
	until(s.t, what, func() bool {
		var status int
		status, got, text = s.shown("/")
		ok := status == http.StatusOK && strings.HasPrefix(got, heading)
		for _, w := range words {
			ok = ok && strings.Contains(text, w)
		}
		return ok
	}, func() string { return got + "\n" + text[:min(len(text), 900)] })
	for _, path := range []string{"/", "/feeds", "/country/KP", "/?family=ipv4", "/about", "/v1/health", "/status/api/v2/summary.json"} {
		status, _, body := s.get(path)
		if status != http.StatusOK {
			s.t.Errorf("%s: %s answers %d", what, path, status)
		}
		if found := quietWords.FindString(body); found != "" && !quiet {
			s.t.Errorf("%s: %s says %q", what, path, found)
		}
	}
	var h api.Health
	if _, _, body := s.get("/v1/health"); json.Unmarshal([]byte(body), &h) != nil || h.Quiet != quiet || quiet != (len(h.Problems)+h.Open == 0) {
		s.t.Errorf("%s: the state is %s", what, body)
	}
}

// TestWords checks that the pages report every cause for which the server's data are incomplete,
// and do not report that nothing is dark. If only the past fails, its pages are degraded and the
// present goes on. A browser that shows the page gets the report.
func TestWords(t *testing.T) {
	t.Parallel()
	sc, now := newScene(t), &clock{}
	past := &store{server: clickhousetest.Server(t)}
	var away atomic.Bool // the detector
	cfg := siteConfig{kafka: sc.cfg, store: past, now: now.now, voters: func(context.Context, query.Question, int) (query.Answer, error) {
		if away.Load() {
			return query.Answer{}, errors.New("away")
		}
		return query.Answer{}, nil
	}}
	stored := time.Date(2014, 12, 22, 16, 0, 0, 0, time.UTC)
	if err := past.server.Ask(t.Context(), fmt.Sprintf(`INSERT INTO %s.panel (dataset, timestamp, family, knowledge, voters, collectors, min_voters, min_collectors, verdicts, no_verdict, idx, position_sequence, appended_at)
		SELECT arrayJoin(['past', 'live']), '%s', 'ipv4', 'complete', 40, 12, 20, 3, true, '', 0, 1, now()`, past.server.Database, stored.Format(time.DateTime))); err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	s := startSite(t, cfg)
	s.wants("detect has never decided a minute", false, "It is not known yet what is dark", "No minute has been decided yet")

	minute := now.now().Truncate(time.Minute).Add(-time.Minute)
	sc.feeds(now.now())
	sc.panel(minute.Add(-5*time.Minute), bgp.VerdictPossible)
	sc.write(sc.value(minute, korea, usual), sc.value(minute, tonga, usual))
	sc.decide(minute)
	s.wants("all is well", true, "Nothing is dark")
	b.open("world", s.url+"/")
	notices := func(text string) {
		t.Helper()
		b.wait("world", fmt.Sprintf(`document.querySelector(".notices").innerText.includes(%q) && !/nothing is dark/i.test(document.body.innerText)`, text))
	}

	sc.feeds(now.now(), collectors[0])
	s.wants("a collector is lost", false, "Nothing is known to be dark", "1 of 4 collectors is not up: ris/rrc00 (down).")
	notices("ris/rrc00 (down)")
	sc.feeds(now.now(), collectors[:2]...)
	s.wants("a feed is lost", false, "It cannot be decided what is dark", "2 of 4 collectors are not up", "IPv4: no verdict is possible")
	sc.feeds(now.now())
	s.wants("the feed is back", true, "Nothing is dark")
	minute = now.now().Truncate(time.Minute).Add(-time.Minute)
	sc.decide(minute)
	sc.feeds(now.now().Add(-reported))
	now.ahead.Store(int64(90 * time.Second))
	s.wants("nobody reports the collectors", false, "It cannot be decided what is dark", "4 of 4 collectors are not up", "(gone)")
	now.ahead.Store(int64(4 * time.Minute))
	sc.feeds(now.now())
	s.wants("no minute for 3 minutes, as with a detector that is away or stands by", false, "Nothing was known to be dark at ", "No minute has been decided since ", "may be over")
	notices("No minute has been decided since ")
	if _, _, text := s.shown("/country/KP"); !strings.Contains(text, "(4 prefixes) were visible.") {
		t.Errorf("the country's page speaks of the present: %s", text)
	}

	minute = now.now().Truncate(time.Minute).Add(-time.Minute)
	sc.panel(minute, bgp.NoVerdictTables)
	sc.decide(minute)
	s.wants("detect builds its state again", false, "It cannot be decided what is dark", "of others the whole table is not known")
	fresh := startSite(t, cfg)
	fresh.wants("a start while detect builds its state again", false, "It cannot be decided what is dark", "of others the whole table is not known")
	fresh.stop()
	sc.panel(minute, bgp.NoVerdictDegraded)
	s.wants("many own feeds are lost", false, "It cannot be decided what is dark", "IPv4: degraded, no outage opens or ends for some minutes: many of darkmap's own feeds were lost")
	sc.panel(minute, bgp.VerdictPossible)
	fiji := lost(bgp.Entity{Type: bgp.EntityCountry, Code: "FJ", Name: "Fiji"}, minute)
	fiji.LostPrefixes, fiji.LostPrefixesTotal = []string{"192.0.2.0/24"}, 1
	sc.write(sc.outage(minute.Add(time.Minute), fiji))
	minute = minute.Add(time.Minute)
	sc.decide(minute)
	s.wants("a country is lost", false, "1 country is dark")
	page := "/outage/" + fiji.ID
	if _, _, text := s.shown(page); strings.Contains(text, "The detector did not answer.") {
		t.Errorf("the detector answers: %s", text)
	}
	away.Store(true)
	now.ahead.Add(int64(10 * time.Second)) // a page is kept for as long
	if status, _, text := s.shown(page); status != http.StatusOK || !strings.Contains(text, "The detector did not answer.") {
		t.Errorf("the detector is away: got %d %s", status, text)
	}
	away.Store(false)

	past.closed.Store(true)
	s.wants("the store is away", false, "1 country is dark", "the store does not answer: the past cannot be shown")
	for path, want := range map[string]int{"/country/KP": 200, page: 200, "/feeds": 200, "/as/64496": 200, "/?at=2014-12-22T16:01Z": 503, "/?dataset=past": 503, "/v1/outages": 200, "/v1/visibility?type=country&code=FR": 503} {
		status, _, text := s.shown(path)
		if status != want || !strings.Contains(text, "does not answer") && !strings.Contains(text, "store did not answer") {
			t.Errorf("the store is away: %s answers %d, want %d: %s", path, status, want, text)
		}
	}
	fresh = startSite(t, cfg)
	fresh.wants("a start without the store", false, "1 country is dark", "the store does not answer: the past cannot be shown")
	fresh.stop()
	back := fiji
	end := minute.Add(time.Minute)
	back.Sequence, back.State, back.Event, back.EndReason, back.End = 2, bgp.StateClosed, bgp.EventClosed, bgp.EndRecovered, &end
	sc.write(sc.outage(minute.Add(time.Minute), back))
	minute = minute.Add(time.Minute)
	sc.decide(minute)
	s.wants("the present goes on without the store", false, "Nothing is known to be dark", "Fiji", "the store does not answer", clockText(minute.Add(time.Minute)))
	past.closed.Store(false)
	s.wants("the store is back", true, "Nothing is dark")

	sc.end()
	s.wants("Kafka is away", false, "Nothing is known to be dark", "Kafka does not answer, so nothing new is known")
	notices("Kafka does not answer")
	for _, path := range []string{"/?at=2014-12-22T16:01Z", "/?dataset=past", "/country/KP"} {
		if status, _, text := s.shown(path); status != http.StatusOK {
			t.Errorf("Kafka is away: %s answers %d: %s", path, status, text)
		}
	}
	fresh = startSite(t, cfg)
	fresh.wants("a start without Kafka", false, "It is not known yet what is dark", "Kafka does not answer", "No decided minute is known yet")
	fresh.stop()
	sc.begin()
	sc.feeds(now.now())
	s.wants("Kafka is back", true, "Nothing is dark")

	now.ahead.Add(int64(3*time.Hour + 10*time.Minute))
	sc.feeds(now.now())
	s.wants("no minute for 3 hours", false, "Nothing was known to be dark at ", "for 3 h")
	fresh = startSite(t, cfg)
	fresh.wants("a start after 3 hours without a minute", false, "Nothing was known to be dark at ", "for 3 h", "may be over")
}

// TestStoreAwayAtStart starts a server without the store, which alone has an outage of long ago. No
// page may report that nothing is dark, also when the store is back, and then the outage is known.
func TestStoreAwayAtStart(t *testing.T) {
	t.Parallel()
	sc := newScene(t)
	past := &store{server: clickhousetest.Server(t)}
	past.closed.Store(true)
	minute := time.Now().Truncate(time.Minute).Add(-3 * time.Minute)
	sc.feeds(time.Now())
	sc.panel(minute.Add(-5*time.Minute), bgp.VerdictPossible)
	sc.write(sc.value(minute, korea, usual))
	sc.decide(minute)
	began := minute.AddDate(0, 0, -100)
	storeOutages(t, past.server, "live", began, lost(tonga, began))
	s := startSite(t, siteConfig{kafka: sc.cfg, store: past})
	s.wants("a start without the store", false, "Nothing is known to be dark", "the store does not answer", "The store did not answer at the start: outages that began long ago may be missing.")
	past.closed.Store(false)
	tries := 0
	until(t, "the store is back", func() bool {
		if tries++; tries%20 == 0 {
			minute = minute.Add(time.Minute)
			sc.decide(minute)
		}
		_, heading, _ := s.shown("/")
		if strings.HasPrefix(heading, "Nothing is dark") {
			t.Fatal(heading)
		}
		return strings.HasPrefix(heading, "1 country is dark")
	}, func() string { return "" })
}

// clockText formats a time as pages do.
func clockText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
