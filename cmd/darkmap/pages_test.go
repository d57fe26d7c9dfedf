package main

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/serve/worldmap"
)

var shots = flag.String("screenshots", "", "a folder for TestPagesInBrowser to keep its screenshots in")

// TestPages checks the pages of December 2014 as a reader without JavaScript sees them and, if
// there is a browser, that all people can use them. Both checks use one demo with its store.
func TestPages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serving(t, "demo", "--serve", "--data-dir", dir, "--set", "serve.limits.requests_per_second=10000", "--set", "serve.limits.burst=10000", "--set", "serve.limits.requests=100")
	s.until("the end", func() bool { return strings.Contains(s.errs.String(), "the pages stay") })
	s.until("the last minute", func() bool {
		m := s.health().Minute
		return m != nil && m.Equal(time.Date(2014, 12, 29, 23, 59, 0, 0, time.UTC))
	})
	checkPages(t, s)
	checkStatements(t, s, dir)
	checkIODA(t, s)
	t.Run("browser", func(t *testing.T) { checkBrowser(t, s) })
	if code := s.stop(); code != 0 {
		t.Errorf("exit %d:\n%s", code, s.errs.String())
	}
}

const (
	at17        = "at=2014-12-22T17:00Z"
	koreaOutage = "/outage/country-KP-ipv4-20141222T1615Z"
)

// checkPages checks that the pages show the events of the demo.
func checkPages(t *testing.T, s *served) {
	t.Helper()
	for path, wants := range map[string][]string{
		"/":                                  {"Nothing was dark at 2014-12-30 00:00 UTC"},
		"/?" + at17:                          {"1 country and 1 network were dark at 2014-12-22 17:00 UTC", "North Korea", "100\u00a0% lost in IPv4 since 2014-12-22 16:15 UTC", "+1 AS, +4 prefixes"},
		"/?" + at17 + "&family=ipv6":         {"Nothing was dark at 2014-12-22 17:00 UTC"},
		koreaOutage:                          {"Over after 9 h 31 min: routes back.", "45 voters lost 4 prefixes between 16:15:", "AS4837", "175.45.179.0/24", "Revisions", "of 280 characters"},
		"/country/KP?" + at17:                {"IPv4: nothing of the usual 4\u00a0/24s (4 prefixes) is visible.", "AS131279"},
		"/country/FR?" + at17:                {"No outage of this country is known to be open"},
		"/as/131279?" + at17 + "&span=7d":    {"AS131279", "nothing of the usual", "no measurement"},
		"/prefix/175.45.176.0/24?" + at17:    {"175.45.176.0/24", "nothing of the usual"},
		"/feeds?" + at17:                     {"Who voted at 2014-12-22 17:00 UTC", "file/amsterdam not reported 4 4", "45 networks on 12 collectors vote", "it sends a part of the table"},
		"/search?q=ryugyong&" + at17:         {"AS131279"},
		"/search?q=united":                   {"United Kingdom (GB)"},
		"/about":                             {"RIPE NCC Routing Information Service"},
		"/methods":                           {"Who votes"},
		"/?at=2001-01-01":                    {"Nothing is known of this time"},
		"/?dataset=nothing":                  {"There is no such dataset"},
		"/as/4199999999":                     {"AS4199999999"},
		"/country/TO?at=2014-12-22T17:00:30": {"Tonga (TO)"},
	} {
		_, body := s.get(path)
		doc, err := html.Parse(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text := pageText(doc)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", path, want, text)
			}
		}
	}
}

// pageText returns the text of a page, with single blanks.
func pageText(doc *html.Node) string {
	var words []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			words = append(words, strings.FieldsFunc(n.Data, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' })...)
		}
	}
	return strings.Join(words, " ")
}

// checkStatements: the store accepts every statement that the page of an outage shows, and returns
// at least one row for each.
func checkStatements(t *testing.T, s *served, dir string) {
	t.Helper()
	_, body := s.get(koreaOutage)
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e := range doc.Descendants() {
		if e.Data != "code" || e.Type != html.ElementNode || e.Parent.Data != "pre" {
			continue
		}
		n++
		statement := e.FirstChild.Data
		code, out, errs := darkmap(t, "", "sql", "--data-dir", dir, statement)
		if code != 0 || strings.TrimSpace(out) == "" {
			t.Errorf("a statement of the page: exit %d, %d octets\n%s\n%s", code, len(out), statement, errs)
		}
	}
	if n < 20 {
		t.Errorf("the page shows %d statements, want 20 or more", n)
	}
}

// checkBrowser runs serve/page/browser: axe-core, light, dark and on a phone, without JavaScript,
// with the keyboard alone, and every country of the map.
func checkBrowser(t *testing.T, s *served) {
	t.Helper()
	points := map[string]worldmap.Point{}
	for _, c := range worldmap.World().Countries {
		points[c.Code] = c.At
	}
	b, err := json.Marshal(points)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "points.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := *shots
	if folder == "" {
		folder = t.TempDir()
	}
	cmd := datatest.Playwright(t, "pages.mjs", pagesAt.FindStringSubmatch(s.errs.String())[1], folder, file)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	if status, _ := s.get("/"); status != http.StatusOK {
		t.Errorf("the pages answer %d after that", status)
	}
}
