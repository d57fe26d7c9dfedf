package page

import (
	"context"
	"encoding/json"
	"flag"
	"image"
	"image/png"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/feedlog"
	"github.com/darkmap/darkmap/internal/outagelog"
	"github.com/darkmap/darkmap/serve"
	"github.com/darkmap/darkmap/serve/access"
	"github.com/darkmap/darkmap/serve/history"
	"github.com/darkmap/darkmap/serve/live"
	"github.com/darkmap/darkmap/serve/worldmap"
	"github.com/darkmap/darkmap/serve/worldmap/geometry"
)

var pictures = flag.String("pictures", "", "a folder for TestPicture to keep its picture in")

// korea is the outage of the tests' world, and outageID its id.
const outageID = "country-KP-ipv4-20141222T1615Z"

var minute = time.Date(2014, 12, 22, 16, 59, 0, 0, time.UTC)

func entry(t *testing.T, o bgp.Outage) outagelog.Entry {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return outagelog.Entry{Outage: o, JSON: b}
}

// koreaOutage returns an outage in which all 4 prefixes of North Korea are lost since 16:15.
func koreaOutage() bgp.Outage {
	return bgp.Outage{
		ID: outageID, Sequence: 1, Kind: bgp.KindOutage, State: bgp.StateOpen, Event: bgp.EventOpened, Family: "ipv4", Dataset: "demo",
		Entity: bgp.Entity{Type: bgp.EntityCountry, Code: "KP", Name: "North Korea"}, Start: time.Date(2014, 12, 22, 16, 15, 8, 0, time.UTC), Severity: bgp.SeverityTotal,
		Baseline: bgp.Size{Prefixes: 4, Space: 400}, Peak: bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 100_00}, Now: bgp.Loss{LostPrefixes: 4, LostSpace: 400, LossPercent: 100_00},
		LostPrefixes: []string{"175.45.176.0/24", "175.45.177.0/24", "175.45.178.0/24", "175.45.179.0/24"}, LostPrefixesTotal: 4,
		Origins: []bgp.AS{{ASN: 131279, Name: "Ryugyong-dong <b>"}}, Upstreams: []bgp.AS{{ASN: 4837, Name: "China Unicom"}},
		Panel: bgp.Panel{Voters: 45, Collectors: 12, Table: bgp.TablesComplete}, Headline: "North Korea: all routes lost", Summary: "All 4 prefixes lost their routes.", Post: "North Korea went dark.",
	}
}

// panel returns the panel of a family.
func panel(f bgp.Family, verdicts bool) feedlog.Panel {
	votes := bgp.Votes{Voters: 45, Collectors: 12, MinVoters: 7, MinCollectors: 3}
	why := bgp.VerdictPossible
	if !verdicts {
		votes.Voters, why = 2, bgp.NoVerdictVoters
	}
	return feedlog.Panel{Family: f.String(), Verdicts: verdicts, NoVerdict: why, Votes: votes, Text: why.Sentence(f, votes)}
}

// koreaWorld returns a world in which North Korea is dark and France has a value.
func koreaWorld(t *testing.T) live.World {
	t.Helper()
	value := func(code string, visible, usual int) live.Value {
		return live.NewValue(bgp.Entity{Type: bgp.EntityCountry, Code: code, Name: bgp.CountryName(code)}, bgp.IPv4, minute,
			bgp.Size{Prefixes: visible, Space: bgp.Decimal(100 * visible)}, bgp.Size{Prefixes: usual, Space: bgp.Decimal(100 * usual)}, 45)
	}
	return live.World{
		Dataset: "demo", Minute: minute, Families: []feedlog.Panel{panel(bgp.IPv4, true)}, Outages: []outagelog.Entry{entry(t, koreaOutage())},
		Values: []live.Value{value("KP", 0, 4), value("FR", 1000, 1000)},
	}
}

// present returns a Present that shows one snapshot.
func present(t *testing.T, s *live.Snapshot) *live.Present {
	t.Helper()
	p := live.New(live.Config{
		Dataset: s.Dataset, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return minute.Add(90 * time.Second) }, At: s.Until(),
		Load: func(context.Context) (*live.Snapshot, error) { return s, nil },
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }() // ends with ctx
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for p.Ready() != nil {
		select {
		case <-ctx.Done():
			t.Fatal("the snapshot did not come")
		default:
		}
	}
	return p
}

// handler returns a handler that answers as the server does, without its doors and without a store.
func handler(t *testing.T, s *live.Snapshot, base string) http.Handler {
	t.Helper()
	pages, err := New("", func(n string) { t.Error(n) })
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	deps := &serve.Deps{
		Present: present(t, s), History: history.New(history.Config{WhyNone: "There is no store in this test.", Log: slog.New(slog.DiscardHandler)}), Dataset: s.Dataset,
		Base: base, Version: "test", Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Now: func() time.Time { return minute.Add(90 * time.Second) },
	}
	for _, r := range pages.Routes(deps) {
		mux.Handle(r.Pattern, r.Handler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Viewer{May: true})))
	})
}

// get reads a page.
func get(t *testing.T, h http.Handler, path string, status int) (*html.Node, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != status {
		t.Fatalf("%s: got status %d, want %d\n%s", path, w.Code, status, w.Body)
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return doc, w.Body.String()
}

// pagesOfKorea are the pages of koreaWorld that a server without a store can show, with their
// status.
var pagesOfKorea = map[string]int{
	"/": 200, "/?family=ipv4": 200, "/?family=ipv6": 200, "/outage/" + outageID: 200, "/country/KP": 200, "/country/FR": 200, "/country/XX": 404, "/?at=yesterday": 400,
	"/?dataset=other": 503, "/?at=2014-12-22T12:00Z": 503, "/outage/nothing": 404, "/?family=ipv5": 400,
	"/about": 200, "/methods": 200, "/api": 200, "/feeds": 200, "/search": 200, "/search?q=korea": 200, "/search?q=192.0.2.1": 200, "/search?q=%3Cscript%3E": 200, "/search?q=KP": 303,
	"/region/KP-01": 200, "/as/131279": 200, "/as/0131279": 303, "/as/north": 404, "/prefix/175.45.176.0/24": 200, "/prefix/175.45.176.1/24": 303, "/prefix/x": 404, "/watch/private": 404, "/country/kp": 303, "/region/%00x": 303, "/region/%0d%0ax": 303, "/country/a%2fb": 303,
}

// TestPages checks that every page is one complete document: no style, only one script file, no
// duplicate ids, and links below the base path.
func TestPages(t *testing.T) {
	t.Parallel()
	h := handler(t, live.Past(koreaWorld(t)), "/below/here")
	for path, status := range pagesOfKorea {
		doc, text := get(t, h, path, status)
		if status == http.StatusSeeOther {
			continue
		}
		check(t, path, doc)
		if strings.Contains(text, "Ryugyong-dong <b>") {
			t.Errorf("%s: a name of strangers is not escaped", path)
		}
	}
}

// elsewhere are the links to other hosts that pages may have.
var elsewhere = []string{"https://ris.ripe.net/", "https://www.routeviews.org/", "https://db-ip.com/"}

func check(t *testing.T, path string, doc *html.Node) {
	t.Helper()
	ids, headings := map[string]bool{}, 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "h1":
			headings++
		case "style":
			t.Errorf("%s has a style element", path)
		case "th":
			if attribute(n, "scope") == "" {
				t.Errorf("%s has a table header without scope", path)
			}
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("%s has the attribute %s on %s", path, a.Key, n.Data)
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("%s has the id %s twice", path, a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "data-stream":
				checkLink(t, path, a.Val)
			}
		}
	}
	if headings != 1 {
		t.Errorf("%s has %d first headings, want 1", path, headings)
	}
}

func checkLink(t *testing.T, path, link string) {
	t.Helper()
	if slices.Contains(elsewhere, link) {
		return
	}
	for _, inside := range []string{"/below/here/", "http://example.com/below/here/", "#"} {
		if strings.HasPrefix(link, inside) {
			return
		}
	}
	t.Errorf("%s links to %s", path, link)
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// textOf returns the text of the element with an id or of the first one with a tag name, with
// single blanks.
func textOf(doc *html.Node, name string) string {
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (n.Data == name || attribute(n, "id") == name) {
			var b strings.Builder
			for c := range n.Descendants() {
				if c.Type == html.TextNode {
					b.WriteString(c.Data + " ")
				}
			}
			return strings.Join(strings.Fields(b.String()), " ")
		}
	}
	return ""
}

// TestHeadline checks that the headline reports that nothing is dark only if that is decided.
func TestHeadline(t *testing.T) {
	t.Parallel()
	with := func(change func(*live.World)) *live.Snapshot {
		w := koreaWorld(t)
		w.Outages, w.Families = nil, []feedlog.Panel{panel(bgp.IPv4, true), panel(bgp.IPv6, true)}
		change(&w)
		return live.Past(w)
	}
	part := koreaOutage()
	part.ID, part.Entity, part.Now.LossPercent = "country-FR-ipv4-20141222T1615Z", bgp.Entity{Type: bgp.EntityCountry, Code: "FR", Name: "France"}, 30_00
	tests := []struct {
		name   string
		s      *live.Snapshot
		family string
		want   string
	}{
		{"dark", with(func(w *live.World) { w.Outages = []outagelog.Entry{entry(t, koreaOutage())} }), "", "1 country was dark at 2014-12-22 17:00 UTC"},
		{"other family", with(func(w *live.World) { w.Outages = []outagelog.Entry{entry(t, koreaOutage())} }), "ipv6", "Nothing was dark at 2014-12-22 17:00 UTC"},
		{"part", with(func(w *live.World) { w.Outages = []outagelog.Entry{entry(t, part)} }), "", "Nothing was dark at 2014-12-22 17:00 UTC, 1 country lost a part"},
		{"quiet", with(func(*live.World) {}), "", "Nothing was dark at 2014-12-22 17:00 UTC"},
		{"one family", with(func(w *live.World) { w.Families[1] = panel(bgp.IPv6, false) }), "", "Nothing was known to be dark at 2014-12-22 17:00 UTC in IPv4; of IPv6 that cannot be decided"},
		{"no verdict", with(func(w *live.World) { w.Families = []feedlog.Panel{panel(bgp.IPv4, false)} }), "", "It cannot be decided what was dark at 2014-12-22 17:00 UTC"},
		{"no panel", with(func(w *live.World) { w.Families = nil }), "", "It cannot be decided what was dark at 2014-12-22 17:00 UTC"},
		{"nothing yet", live.New(live.Config{Dataset: "live", Now: func() time.Time { return minute }}).Snapshot(), "", "It is not known yet what is dark"},
	}
	for _, tt := range tests {
		shows := func(f string) bool { return tt.family == "" || f == tt.family }
		if got := headline(tt.s, shows); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestWorldWithoutStore checks that the first page shows the present while the store is away, and
// that a link's name contains the loss.
func TestWorldWithoutStore(t *testing.T) {
	t.Parallel()
	doc, text := get(t, handler(t, live.Past(koreaWorld(t)), ""), "/", http.StatusOK)
	if got, want := textOf(doc, "h1"), "1 country was dark at 2014-12-22 17:00 UTC"; got != want {
		t.Errorf("heading: got %q, want %q", got, want)
	}
	found := false
	for n := range doc.Descendants() {
		if n.Data == "a" && attribute(n, "href") == "/outage/"+outageID {
			found = true
			if got := textOf(n.Parent, "a"); got != "North Korea , IPv4, lost: 4 of 4 prefixes" {
				t.Errorf("the link of the outage is called %q", got)
			}
		}
	}
	if !found {
		t.Errorf("no link leads to the outage:\n%s", text)
	}
}

// TestOwnDataset checks that the pages show the server's dataset, whatever its name.
func TestOwnDataset(t *testing.T) {
	t.Parallel()
	w := koreaWorld(t)
	w.Dataset = "Korea.2014"
	h := handler(t, live.Past(w), "")
	for path, status := range map[string]int{"/": http.StatusOK, "/?dataset=Korea.2014": http.StatusOK, "/?dataset=Korea.2015": http.StatusNotFound} {
		get(t, h, path, status)
	}
}

// TestRedirects checks that the target of a redirect is escaped, whatever the path contains.
func TestRedirects(t *testing.T) {
	t.Parallel()
	h := handler(t, live.Past(koreaWorld(t)), "")
	for path, want := range map[string]string{"/region/%00x": "/region/%00X", "/country/a%0d%0ab%2f": "/country/A%0D%0AB%2F", "/country/kp": "/country/KP"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
}

// TestCanonical checks that the address of a page for others contains the base path once, also if
// the page's own path begins with it.
func TestCanonical(t *testing.T) {
	t.Parallel()
	h := handler(t, live.Past(koreaWorld(t)), "/country")
	for path, want := range map[string]string{"/country/KP": "/country/country/KP", "/?family=ipv4": "/country/?family=ipv4"} {
		_, text := get(t, h, path, http.StatusOK)
		if link := `<meta property="og:url" content="http://example.com` + want + `">`; !strings.Contains(text, link) {
			t.Errorf("%s: the page lacks %s", path, link)
		}
	}
}

// TestOutageWithoutStore checks that the page of an open outage shows the record of the present,
// and reports the missing parts.
func TestOutageWithoutStore(t *testing.T) {
	t.Parallel()
	doc, _ := get(t, handler(t, live.Past(koreaWorld(t)), ""), "/outage/"+outageID, http.StatusOK)
	got := textOf(doc, "main")
	for _, want := range []string{"It goes on.", "All 4 prefixes lost their routes.", "175.45.179.0/24", "The past cannot be shown: There is no store in this test.", "AS4837 China Unicom", "North Korea went dark."} {
		if !strings.Contains(got, want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
}

// TestRecordedCurve checks that without route changes in the store the curve and the prefixes come
// from the record.
func TestRecordedCurve(t *testing.T) {
	t.Parallel()
	w := koreaWorld(t)
	o := koreaOutage()
	o.Evidence.Withdrawals = &bgp.Withdrawals{
		First: o.Start, Voters: 45, Curve: [][2]int64{{0, 1}, {14, 23}, {60, 45}},
		Prefixes: []bgp.PrefixWithdrawals{{Prefix: "175.45.176.0/24", Upstream: 4837, Voters: 45, HalfSeconds: 14, First: bgp.VoterWithdrawal{ASN: 64501}, Last: bgp.VoterWithdrawal{ASN: 64502, Seconds: 60}}},
	}
	w.Outages = []outagelog.Entry{entry(t, o)}
	doc, text := get(t, handler(t, live.Past(w), "/below/here"), "/outage/"+outageID, http.StatusOK)
	check(t, "recorded", doc)
	got := textOf(doc, "main")
	for _, want := range []string{"45 voters lost prefixes from 2014-12-22 16:15:08 UTC on.", "16:15:22 22 23 51.11 %", "175.45.176.0/24 lost 16:15:08 16:15:22 16:16:08 45 AS4837 China Unicom"} {
		if !strings.Contains(strings.ReplaceAll(got, "\u00a0", " "), want) {
			t.Errorf("the page lacks %q:\n%s", want, got)
		}
	}
	if !strings.Contains(text, `<path class="line" d="M0.0 200.0H`) {
		t.Error("there is no curve")
	}
}

// TestTag checks that a client that has a page gets 304 before anything is rendered, and that the
// page is another one for another moment, host or viewer. An incomplete page is not kept.
func TestTag(t *testing.T) {
	t.Parallel()
	h := handler(t, live.Past(koreaWorld(t)), "")
	ask := func(target, tag string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header.Set("If-None-Match", tag)
		h.ServeHTTP(w, r)
		return w
	}
	tag := ask("/", "").Header().Get("ETag")
	for target, want := range map[string]int{"/": http.StatusNotModified, "/?family=ipv4": http.StatusOK, "http://other.example/": http.StatusOK, "/about": http.StatusOK} {
		if got := ask(target, tag).Code; got != want || tag == "" {
			t.Errorf("%s with the tag %s: got %d, want %d", target, tag, got, want)
		}
	}
	for _, target := range []string{"/country/KP", "/search?q=KP", "/country/XX"} { // without a store, a redirect, an error
		if got := ask(target, "").Header(); got.Get("ETag") != "" || got.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got the tag %q, Cache-Control %q", target, got.Get("ETag"), got.Get("Cache-Control"))
		}
	}
}

// TestPicture checks that previews of an outage's link have a small picture of its place, in the
// size that its page names.
func TestPicture(t *testing.T) {
	t.Parallel()
	h := handler(t, live.Past(koreaWorld(t)), "/below")
	_, text := get(t, h, "/outage/"+outageID, http.StatusOK)
	if link := `<meta property="og:image" content="http://example.com/below/outage/` + outageID + `/picture.png">`; !strings.Contains(text, link) {
		t.Errorf("the page lacks %s", link)
	}
	_, body := get(t, h, "/outage/"+outageID+"/picture.png", http.StatusOK)
	img, err := png.Decode(strings.NewReader(body))
	if err != nil || img.Bounds() != image.Rect(0, 0, pictureWidth, pictureHeight) || len(body) > 300_000 {
		t.Fatalf("got %d octets: %v", len(body), err)
	}
	korea, ok := worldmap.World().Country("KP")
	scale := float64(pictureMap) / geometry.Width
	x, y := (pictureWidth-pictureMap)/2+int(float64(korea.At[0])*scale), 10+int(float64(korea.At[1])*scale)
	if r, g, b, _ := img.At(x, y).RGBA(); !ok || r>>8 != 0x69 || g>>8 != 0x0a || b>>8 != 0x0b {
		t.Errorf("North Korea has the colour %x %x %x", r>>8, g>>8, b>>8)
	}
	if *pictures != "" {
		if err := os.WriteFile(filepath.Join(*pictures, "picture.png"), []byte(body), 0o600); err != nil {
			t.Error(err)
		}
	}
	get(t, h, "/outage/nothing/picture.png", http.StatusNotFound)
}

// TestWrapped checks that a long headline takes two lines of a picture, and no more.
func TestWrapped(t *testing.T) {
	t.Parallel()
	f, err := readFaces()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"North Korea": 1, strings.Repeat("a long name ", 8): 2, strings.Repeat("a long name ", 80): 2, strings.Repeat("x", 500): 2} {
		if got := wrapped(f.title, text, pictureWidth-2*pictureMargin, 2); len(got) != want {
			t.Errorf("%.20s: got %q", text, got)
		}
	}
}
