package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"log/slog"
	"mime"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/darkmap/darkmap/enrich"
	"github.com/darkmap/darkmap/enrich/asn"
	"github.com/darkmap/darkmap/enrich/geo"
	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/internal/outageview"
	"github.com/darkmap/darkmap/internal/query"
	"github.com/darkmap/darkmap/internal/schematest"
	"github.com/darkmap/darkmap/internal/terminal"
	"github.com/darkmap/darkmap/notify"
	"github.com/darkmap/darkmap/notify/incident"
	"github.com/darkmap/darkmap/notify/report"
	"github.com/darkmap/darkmap/notify/target/targettest"
)

// live returns the configuration of listen, changed to live data and without the target of kind
// topic, which needs a broker.
func (l *audience) live(t *testing.T) *configuration {
	t.Helper()
	b, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^ *topic: .*\n|topic, |datasets: \[demo\]`).ReplaceAllString(string(b), "")
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfiguration()
	if err := cfg.load(l.config, nil); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// evilOutages returns outages of an AS and a prefix of it that go dark and come back, with a
// hostile name in every place of a record for names.
func evilOutages() []incident.PastRecord {
	var all []incident.PastRecord
	for _, reason := range []bgp.EndReason{bgp.NotEnded, bgp.EndRecovered} {
		for _, e := range []bgp.Entity{{Type: bgp.EntityAS, Code: "AS64496", Name: targettest.Evil}, {Type: bgp.EntityPrefix, Code: "192.0.2.0/24", Name: targettest.Evil}} {
			o := targettest.Korea(reason)
			o.ID, o.Entity, o.Sequence = e.Type.String()+"-evil-ipv4-20141222T1615Z", e, uint32(1+len(all))
			o.Origins = []bgp.AS{{ASN: 64496, Name: targettest.Evil}}
			o.Upstreams = o.Origins
			o.Watch = []bgp.WatchMember{{List: "customers", Title: targettest.Evil, Member: targettest.Evil, Public: true}}
			o.Headline, o.Post, o.Summary, o.Notes = targettest.Evil+": lost", targettest.Evil+" lost.", targettest.Evil+" lost.", []string{targettest.Evil}
			at := targettest.Start.Add(5 * time.Minute)
			if reason != bgp.NotEnded {
				at = targettest.Back
			}
			all = append(all, incident.PastRecord{Outage: &o, At: at})
		}
	}
	return all
}

// evilFiles returns outages of a network that goes dark and comes back. A stranger wrote its name
// into a file of AS names and a geography file. The outages are made from these files, and a watch
// list with such a title, by enrich and detect.
func evilFiles(t *testing.T) []incident.PastRecord {
	t.Helper()
	w := hostWorld(targettest.Start.Add(-3 * time.Hour))
	w.Announce(40*time.Minute, w.Peers, w.Routes[40])
	names, err := json.Marshal(map[string]string{"64496": "=cmd " + targettest.Evil, "4837": targettest.Evil, "64497": "@everyone"})
	if err != nil {
		t.Fatal(err)
	}
	line := strings.NewReplacer("\n", " ", "\r", " ", "\x00", "").Replace(targettest.Evil)
	list := watch.Section{{Name: "customers", Title: "<!channel> @everyone @room #tag =cmd \u202etxt.exe\u202c [text](https://evil.example)", Visibility: "public", ASNs: []string{"64496"}}}
	loaded, err := watch.Load(list, "lists.yaml")
	if err != nil {
		t.Fatal(err)
	}
	updates := worldUpdates(t, w, time.Hour)
	for _, l := range loaded.Lists {
		for _, u := range l.Played() {
			u.TimestampUs = w.Start.Add(time.Minute).UnixMicro()
			updates = append(updates, u)
		}
	}
	all := detected(t, enrich.Config{
		Geo: geo.Config{Files: []geo.File{{Path: written(t, "places.csv", string(w.Geo())+"198.51.101.0,198.51.101.255,TO,64496,\""+line+"\"\n")}}},
		ASN: asn.Config{Files: []string{written(t, "names.json", string(names))}},
	}, updates)
	named, back := false, false
	for _, r := range all {
		named = named || r.Outage.Entity.Code == "AS64496" && strings.Contains(r.Outage.Entity.Name, "<!channel>") && len(r.Outage.Watch) == 1 && strings.Contains(r.Outage.Watch[0].Title, "<!channel>")
		back = back || r.Outage.EndReason == bgp.EndRecovered
	}
	if !named || !back {
		t.Fatalf("%d records: the name is there %v, a record says that the routes are back %v", len(all), named, back)
	}
	return all
}

// unseen reports whether a rune is invisible, or controls a terminal.
func unseen(r rune) bool {
	return r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}

// words returns the strings in a JSON document, each after its key.
func words(v any, key string) []string {
	var all []string
	switch v := v.(type) {
	case string:
		all = append(all, key+"\t"+v)
	case []any:
		for _, x := range v {
			all = append(all, words(x, key)...)
		}
	case map[string]any:
		for k, x := range v {
			all = append(all, words(x, k)...)
		}
	}
	return all
}

// TestHostileNames: a name that a stranger wrote into a file that enrich reads, a watch list or an
// outage record is only a name in every target, table, file and log.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	l := listen(t)
	cfg := l.live(t)
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, nil))
	places, err := cfg.Notify.Open(notify.OpenDeps{Log: logger, Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close(places) //nolint:errcheck // nothing is waited for
	var infos []incident.TargetInfo
	for _, p := range places {
		infos = append(infos, p.Info)
	}
	records := slices.Concat(evilFiles(t), evilOutages())
	attempts, after, err := incident.Past(cfg.Notify.Config, infos, slices.Values(records), targettest.Back.Add(time.Hour))
	if err != nil || len(places) < 12 {
		t.Fatalf("%d targets, %v", len(places), err)
	}
	sent := map[string]int{}
	for _, a := range attempts {
		if _, err := places[a.Target].Send(t.Context(), a.Message, nil); err != nil {
			t.Errorf("%s: %v", a.Target, err)
		}
		sent[a.Target]++
	}
	for name := range places {
		if sent[name] < 2 {
			t.Errorf("%s was told %d messages", name, sent[name])
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkHarmless(t)
	l.checkMails(t)
	l.checkXML(t)
	checkScreens(t, records, attempts, after)
	logger.Warn("a message was not taken", "err", targettest.Evil)
	if lines := strings.Split(strings.TrimSuffix(logged.String(), "\n"), "\n"); slices.ContainsFunc(lines, func(s string) bool { return !strings.HasPrefix(s, "time=") || strings.ContainsFunc(s, unseen) }) {
		t.Errorf("the log has %q", lines)
	}
}

// checkHarmless: the requests to the servers hold no mention that notifies people, and no markup.
func (l *audience) checkHarmless(t *testing.T) {
	t.Helper()
	calls := map[string]*regexp.Regexp{
		"slack": regexp.MustCompile(`<|@everyone\b.*parse`), "slackhook": regexp.MustCompile(`<`), "mastodon": regexp.MustCompile(`^status\t.*[@#]\S`),
		"matrix": regexp.MustCompile(`^body\t.*@\S|^formatted_body\t.*<(script|http|!)`), "alertmanager": regexp.MustCompile(`[@#<]\S`),
		"pagerduty": nil, "webhook": nil, "cloudevents": nil, "ntfy": nil,
	}
	for name, call := range calls {
		if len(l.heard[name]) == 0 {
			t.Errorf("%s heard nothing", name)
		}
		for _, h := range l.heard[name] {
			if h.body == "" {
				continue
			}
			var body any
			all := []string{h.body}
			if err := json.Unmarshal([]byte(h.body), &body); err == nil {
				all = words(body, "")
			} else if name != "ntfy" {
				t.Errorf("%s got %q: %v", name, h.body, err)
			}
			for k, v := range h.header {
				all = append(all, k+"\n"+strings.Join(v, ""))
			}
			for _, s := range all {
				key, text, _ := strings.Cut(s, "\t")
				if strings.ContainsFunc(text, unseen) || call != nil && call.MatchString(s) {
					t.Errorf("%s got %s %q", name, key, text)
				}
			}
		}
	}
}

// checkMails: mails have no added header, and their HTML holds no markup from the name.
func (l *audience) checkMails(t *testing.T) {
	t.Helper()
	for _, text := range l.mails {
		m, err := mail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		body, _ := io.ReadAll(m.Body)
		_, page, html := strings.Cut(strings.ReplaceAll(string(body), "=\r\n", ""), "text/html")
		if err != nil || m.Header.Get("Bcc") != "" || strings.ContainsFunc(subject, unseen) || strings.Contains(subject, "\n") || !html || strings.Contains(page, "<script") {
			t.Errorf("got %q, %v: %s", subject, err, text)
		}
	}
	if len(l.mails) < 2 {
		t.Errorf("got %d mails", len(l.mails))
	}
}

// checkXML: the feeds are valid XML without invisible text.
func (l *audience) checkXML(t *testing.T) {
	t.Helper()
	alerts, err := filepath.Glob(filepath.Join(l.dir, "cap", "*.xml"))
	if err != nil || len(alerts) < 2 {
		t.Fatalf("got %q, %v", alerts, err)
	}
	for _, path := range append(alerts, filepath.Join(l.dir, "feed.atom")) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(string(b), unseen) || bytes.Contains(b, []byte("<script")) {
			t.Errorf("%s holds %s", path, b)
		}
		for d := xml.NewDecoder(bytes.NewReader(b)); ; {
			if _, err := d.Token(); err == io.EOF { //nolint:errorlint // the decoder's contract
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
		}
	}
	t.Run("schema", func(t *testing.T) { // a subtest: a machine without xmllint skips it alone
		schematest.Validate(t, schematest.CAP, alerts...)
		schematest.Validate(t, schematest.Atom, filepath.Join(l.dir, "feed.atom"))
	})
}

// checkScreens: tables, and the output of the commands of notify, are lines without escapes. A
// spreadsheet finds no formula.
func checkScreens(t *testing.T, records []incident.PastRecord, attempts []incident.Attempt, after []incident.Delivery) {
	t.Helper()
	var entries []outagelog.Entry
	var all []bgp.Outage
	for _, r := range records {
		entries, all = append(entries, outagelog.Entry{Outage: *r.Outage}), append(all, *r.Outage)
	}
	var out bytes.Buffer
	if err := outagelog.WriteCSV(&out, entries); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 1+len(records) {
		t.Fatalf("got %d rows, %v", len(rows), err)
	}
	for _, cell := range slices.Concat(rows...) {
		if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
			t.Errorf("a cell is %q", cell)
		}
	}
	printed := strings.Join(outageview.Table(outageview.Fold(all), outageview.Options{Wide: true}), "\n")
	f := report.Form{Now: targettest.Back}
	status := []incident.Status{{Target: "a", Known: true, LastError: targettest.Evil, Waiting: 1}, {Target: "b", Off: targettest.Evil}}
	var screen bytes.Buffer
	for _, err := range []error{
		report.Messages(&screen, attempts, f), report.Status(&screen, status, f),
		report.Parked(&screen, []incident.Parked{{Target: "a", Incident: "x", Why: targettest.Evil}}, f),
		report.Explain(&screen, "x", []incident.Verdict{{Route: "r", Target: "a", Why: targettest.Evil}, {Route: "r", Matched: true, Lines: []string{targettest.Evil}}}, f),
		report.Silences(&screen, []incident.Silence{{ID: "1", Reason: targettest.Evil, Who: targettest.Evil}}, f),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	answer := query.Answer{Watch: []query.WatchList{{Name: "customers", Title: targettest.Evil, Problem: targettest.Evil, Members: []query.WatchMember{{Member: "www.example.net", Problem: targettest.Evil}}}}}
	if err := query.WriteWatch(terminal.NewCleaner(&screen), answer); err != nil {
		t.Fatal(err)
	}
	printed += screen.String()
	if strings.ContainsFunc(printed, unseen) || strings.Contains(printed, "\nBcc:") {
		t.Errorf("printed is %q", printed)
	}
	if len(after) == 0 {
		t.Error("nothing is kept")
	}
}
