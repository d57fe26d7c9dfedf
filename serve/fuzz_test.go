package serve_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/darkmap/darkmap/internal/datatest"
	"github.com/darkmap/darkmap/serve/api"
)

var requests = flag.Int("requests", 400, "how many odd requests TestStored sends")

// odd are values for parameters: valid values of some parameters, huge ones, and invalid ones.
var odd = []string{
	"", "0", "1", "-1", "2014-12-22", "2014-12-22T16:15:00Z", "1419260000", "1419270000", "99999999999999999999", "4294967296", "9223372036854775807", "1e309", "NaN", "true", "null", "KP", "kp",
	"KP-01", "AS131279", "131279", "4294967295", "country", "as", "prefix", "watch", "world", "ipv4", "ipv6", "open", "closed", "total", "newest", "longest", "1m", "7d", "99999d", "175.45.176.0/24",
	"::/0", "2001:db8::/32", "192.0.2.1", "live", "demo", "%00", "\x00", "\xff\xfe", "'; DROP TABLE outages --", "{}", "[1,2]", "../../etc/passwd", "a,b,c", ",,,", strings.Repeat("9", 300),
	strings.Repeat("KP,", 400), "country-KP-ipv4-20141222T1601Z", "0,", "1419264060,country-KP-ipv4-20141222T1601Z", "codf", "ioda", "asn", "region", "bgp",
}

type described struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, In string }
	}
}

// schemasOf loads the schemas of the committed document, by their place.
func schemasOf(t *testing.T) *jsonschema.Compiler {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(api.Document()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// parametersOf returns the paths to try, with the parameters of each: those of the document, of
// IODA's format, of feeds and pages.
func parametersOf(t *testing.T) map[string][]string {
	t.Helper()
	var doc described
	if err := json.Unmarshal(api.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, path := range []string{"/v2/outages/events", "/v2/outages/alerts", "/v2/outages/summary", "/v2/entities/query", "/v2/signals/raw/country/KP", "/v2/datasources", "/feed.atom"} {
		out[path] = []string{"from", "until", "entityType", "entityCode", "datasource", "relatedTo", "limit", "page", "format", "maxPoints", "country", "as", "severity", "search"}
	}
	for _, path := range []string{"/", "/country/KP", "/as/131279", "/prefix/192.0.2.0/24", "/feeds", "/search", "/outage/{id}", "/watch/{id}", "/region/{id}"} {
		out[path] = []string{"at", "family", "dataset", "span", "q"}
	}
	for path, methods := range doc.Paths {
		if path == "/v1/stream" {
			continue
		}
		out[path] = []string{"unknown"}
		for _, p := range methods["get"].Parameters {
			if p.In == "query" {
				out[path] = append(out[path], p.Name)
			}
		}
	}
	return out
}

// oddRequests sends requests with parameters of any kind. No answer may be an error of the server,
// each answer of /v1 must match the document, and the second half of the requests may leave at most
// 16 MiB in the heap. -requests is the number of requests.
func oddRequests(t *testing.T, s *site) {
	t.Helper()
	check, parameters := schemasOf(t), parametersOf(t)
	var paths []string
	for path := range parameters {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	random := rand.New(rand.NewPCG(1, 2))
	client := http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	var took []time.Duration
	var before, after runtime.MemStats
	for i := range *requests {
		if i == *requests/2 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		path := paths[i%len(paths)]
		values := url.Values{}
		for _, name := range parameters[path] {
			if random.IntN(3) == 0 {
				values.Set(name, odd[random.IntN(len(odd))])
			}
		}
		asked := strings.ReplaceAll(path, "{id}", url.PathEscape(odd[random.IntN(len(odd))]+"x")) + "?" + values.Encode()
		began := time.Now()
		got := oddRequest(t, &client, s.url+asked)
		took = append(took, time.Since(began))
		if got.status >= http.StatusInternalServerError {
			t.Errorf("%s: got %d %s", asked, got.status, got.body)
		}
		if strings.HasPrefix(path, "/v1/") {
			valid(t, check, path, got, asked)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+16<<20 {
		t.Errorf("the second half of the requests left %d MiB behind", (after.HeapAlloc-before.HeapAlloc)>>20)
	}
	slices.Sort(took)
	t.Logf("MEASURED %d requests: p50 %v, p99 %v, most %v; heap %d MiB at half, %d MiB at the end", len(took), took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond),
		took[len(took)-1].Round(time.Millisecond), before.HeapAlloc>>20, after.HeapAlloc>>20)
}

// answer is the answer of a server.
type answer struct {
	status int
	header http.Header
	body   string
}

func oddRequest(t *testing.T, client *http.Client, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// valid checks an answer against the document.
func valid(t *testing.T, c *jsonschema.Compiler, path string, got answer, asked string) {
	t.Helper()
	kind, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	if kind == "text/csv" && got.status == http.StatusOK {
		return
	}
	response := fmt.Sprint(got.status)
	want := "application/json"
	if got.status != http.StatusOK {
		want = "application/problem+json"
	}
	if kind != want {
		t.Fatalf("%s: got %d as %s", asked, got.status, kind)
	}
	place := "openapi.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(path) + "/get/responses/" + response + "/content/" + strings.ReplaceAll(kind, "/", "~1") + "/schema"
	schema, err := c.Compile(place)
	if err != nil {
		t.Fatalf("%s: the document does not know an answer %d: %v", asked, got.status, err)
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(got.body))
	if err == nil {
		err = schema.Validate(body)
	}
	if err != nil {
		t.Fatalf("%s: got %d, which the document does not describe: %v\n%.600s", asked, got.status, err, got.body)
	}
}

// TestOpenAPI validates the document as OpenAPI 3.1 with an independent validator.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		datatest.Missing(t, "there is no Node: install nodejs and npm")
	}
	folder := filepath.Join("page", "browser")
	if out, err := exec.CommandContext(t.Context(), node, filepath.Join(folder, "openapi.mjs"), filepath.Join("api", "openapi.json")).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "ERR_MODULE_NOT_FOUND") {
			datatest.Missing(t, "the validator of OpenAPI is not installed: make deps, or npm ci in serve/page/browser")
		}
		t.Errorf("%v\n%s", err, out)
	} else if !strings.Contains(string(out), `"version":"3.1"`) {
		t.Errorf("got %s", out)
	}
}
