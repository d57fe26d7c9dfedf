package archive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestShown checks that the parts of a URL that may be secret are hidden.
func TestShown(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"https://user:pass@a.example/x.gz?token=secret#f": "https://a.example/x.gz?...",
		"https://token@a.example/x.gz":                    "https://a.example/x.gz",
		"https://a.example/x.gz":                          "https://a.example/x.gz",
		"/data/a=b/x.gz":                                  "/data/a=b/x.gz",
		"https://k@a.example/broker/search?data_type=rib&key=secret&page=1&ts_start=5": "https://a.example/broker/search?data_type=rib&page=1&ts_start=5",
	} {
		if got := Shown(location); got != want {
			t.Errorf("%s: got %s, want %s", location, got, want)
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	url := strings.Replace(server.URL, "http://", "http://who:secret@", 1) + "/updates.20261124.1200.gz?sign=secret"
	_, err := fetcher(t, quick(t)).Get(t.Context(), File{URL: url})
	if err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "who") {
		t.Errorf("got %v, want an error without secrets", err)
	}
}

// TestEvery checks that a search without a collector finds the files of all, each once, also files
// of the same time.
func TestEvery(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	var index strings.Builder
	for _, c := range []string{"rrc00", "rrc01"} {
		path := filepath.Join(root, c, "updates.20261124.1200.gz")
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, "ris/%s\tupdates\t2026-11-24T12:00:00Z\t2026-11-24T12:05:00Z\thttp://a.example/%s/updates.20261124.1200.gz\n", c, c)
	}
	list := filepath.Join(root, "index.tsv")
	if err := os.WriteFile(list, []byte(index.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	b := &fakeBroker{}
	b.items = append(b.items, risItem(noon), risItem(noon))
	b.items[1].Collector, b.items[1].URL = "rrc01", "https://data.ris.ripe.net/rrc01/x"
	server := httptest.NewServer(b)
	defer server.Close()
	for name, f := range map[string]Finder{"directory": NewDirectory(root), "index": NewIndex(list, quick(t), nil), "broker": NewBroker(server.URL, quick(t))} {
		files, err := f.Find(t.Context(), Every, Updates, noon, noon.Add(time.Minute))
		if err != nil || len(files) != 2 || files[0].Collector != "ris/rrc00" || files[1].Collector != "ris/rrc01" {
			t.Errorf("%s: got %v, %v; want a file of each collector", name, files, err)
		}
	}
}

// TestServers checks that a server that sends nothing does not delay downloads from another.
func TestServers(t *testing.T) {
	t.Parallel()
	begun, gate := make(chan struct{}, 1), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-gate
		_, _ = w.Write([]byte("slow"))
	}))
	defer slow.Close()
	quickly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("quick")) }))
	defer quickly.Close()
	cfg := quick(t)
	cfg.Parallel, cfg.AnswerTimeout, cfg.StallTimeout = 1, time.Minute, time.Minute
	f := fetcher(t, cfg)
	done := make(chan error, 1)
	go func() { // ends with the gate
		_, err := f.Get(t.Context(), File{URL: slow.URL + "/a"})
		done <- err
	}()
	<-begun
	if _, err := f.Get(t.Context(), File{URL: quickly.URL + "/b"}); err != nil {
		t.Error(err)
	}
	if f.Received() != int64(len("quick")) {
		t.Errorf("got %d octets before the slow server sent any", f.Received())
	}
	close(gate)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestWholePart checks that a file that was downloaded whole before a crash is not requested again,
// unless it differs from the announcement.
func TestWholePart(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = w.Write([]byte("fresh"))
	}))
	defer server.Close()
	for _, tt := range []struct{ checksum, want string }{{"", "there!"}, {"md5:6fea9e95e8d1cb4b6aba8a3d4f7ce0a5", ""}} {
		requests.Store(0)
		cfg := quick(t)
		cfg.Attempts = 1
		f, url := fetcher(t, cfg), server.URL+"/x.gz"
		path := filepath.Join(cfg.Cache, cacheName(url))
		if err := os.WriteFile(path+partSuffix, []byte("there!"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := writeMeta(path, meta{URL: url, Validator: `"1"`, Size: 6}); err != nil {
			t.Fatal(err)
		}
		if n, whole := f.Have(File{URL: url}); n != 6 || whole {
			t.Errorf("got %d, %v; want 6 octets of a part", n, whole)
		}
		l, err := f.Get(t.Context(), File{URL: url, Checksum: tt.checksum})
		if tt.want == "" {
			if err == nil || partSize(path) != 0 {
				t.Errorf("got %v and %d octets, want a refusal", err, partSize(path))
			}
			continue
		}
		if err != nil || l.Size != int64(len(tt.want)) || requests.Load() != 0 {
			t.Errorf("got %v, %v after %d requests, want the part as it was", l, err, requests.Load())
		}
	}
}
