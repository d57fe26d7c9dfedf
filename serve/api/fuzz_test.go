package api

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var requests = flag.Int("requests", 400, "how many requests of the fuzz test are sent")

// odd are values that parameters are given: right ones of any of them, huge ones, and such as are none.
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

// TestOddRequests: whatever the parameters are, no answer is an error of the server, each is as the document says, and nothing is left behind.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	var doc described
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	at := started(t, told(t).Snapshot(minute(44)))
	check := contract(t)
	random := rand.New(rand.NewPCG(1, 2))
	ioda := map[string][]string{
		"/v2/outages/events": nil, "/v2/outages/alerts": nil, "/v2/outages/summary": nil, "/v2/entities/query": nil, "/v2/signals/raw/country/KP": nil, "/v2/datasources": nil, "/feed.atom": nil,
	}
	common := []string{"from", "until", "entityType", "entityCode", "datasource", "relatedTo", "limit", "page", "format", "maxPoints", "country", "as", "severity"}
	for path := range ioda {
		ioda[path] = common
	}
	for path, methods := range doc.Paths {
		if path == "/v1/stream" {
			continue
		}
		ioda[path] = []string{"unknown"}
		for _, p := range methods["get"].Parameters {
			if p.In == "query" {
				ioda[path] = append(ioda[path], p.Name)
			}
		}
	}
	var paths []string
	for path := range ioda {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var before runtime.MemStats
	for i := range *requests {
		if i == *requests/2 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		path := paths[i%len(paths)]
		values := url.Values{}
		for _, name := range ioda[path] {
			if random.IntN(3) == 0 {
				values.Set(name, odd[random.IntN(len(odd))])
			}
		}
		full := strings.ReplaceAll(path, "{id}", url.PathEscape(odd[random.IntN(len(odd))]+"x"))
		got := ask(t, at+full+"?"+values.Encode(), "")
		// 503 says that there is no store, which is so
		if got.status >= http.StatusInternalServerError && got.status != http.StatusServiceUnavailable {
			t.Fatalf("%s?%s: got %d %s", full, values.Encode(), got.status, got.body)
		}
		if strings.HasPrefix(path, "/v1/") {
			valid(t, check, path, got, full+"?"+values.Encode())
		}
	}
	runtime.GC()
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+16<<20 {
		t.Errorf("the second half of the requests left %d MiB behind", (after.HeapAlloc-before.HeapAlloc)>>20)
	}
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
