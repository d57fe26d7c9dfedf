package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// quick returns a configuration with short waits.
func quick(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Cache, cfg.AnswerTimeout, cfg.StallTimeout, cfg.RetryAfterLimit = t.TempDir(), 2*time.Second, 200*time.Millisecond, 50*time.Millisecond
	return cfg
}

// fakeBroker answers as bgpkit-broker 0.14 does: pages of at most 1000 items, ts_end excluded,
// updates from one file before ts_start.
type fakeBroker struct {
	items    []brokerItem
	requests atomic.Int32
	trouble  func(n int32, w http.ResponseWriter) bool
}

func (b *fakeBroker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := b.requests.Add(1)
	if b.trouble != nil && b.trouble(n, w) {
		return
	}
	q := r.URL.Query()
	from, _ := strconv.ParseInt(q.Get("ts_start"), 10, 64)
	to, _ := strconv.ParseInt(q.Get("ts_end"), 10, 64)
	page, _ := strconv.Atoi(q.Get("page"))
	size, _ := strconv.Atoi(q.Get("page_size"))
	if page < 1 || size < 1 || size > 1000 {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"SearchError":"page size must be between 1 and 1000"}`)
		return
	}
	var found []brokerItem
	for _, it := range b.items {
		at, _ := brokerTime(it.Start)
		if (it.Collector == q.Get("collector_id") || !q.Has("collector_id")) && it.Type == q.Get("data_type") && at.Unix() > from-900 && at.Unix() < to {
			found = append(found, it)
		}
	}
	total := len(found)
	found = found[min((page-1)*size, total):min(page*size, total)]
	_ = json.NewEncoder(w).Encode(map[string]any{
		"total": total, "count": len(found), "page": page, "page_size": size, "error": nil, "data": found,
		"meta": map[string]any{"latest_update_ts": "2026-11-24T12:00:00", "latest_update_duration": 7},
	})
}

func risItem(at time.Time) brokerItem {
	return brokerItem{
		Start: at.Format("2006-01-02T15:04:05"), End: at.Add(5 * time.Minute).Format("2006-01-02T15:04:05"), Collector: "rrc00", Type: "updates",
		URL: "https://data.ris.ripe.net/rrc00/" + at.Format("2006.01/updates.20060102.1504.gz"), ExactSize: 1000,
	}
}

// TestBrokerPages checks that all pages of a search are read, whatever fails in between, and that
// files outside the span are left out.
func TestBrokerPages(t *testing.T) {
	t.Parallel()
	b := &fakeBroker{trouble: func(n int32, w http.ResponseWriter) bool {
		switch n {
		case 1:
			w.Header().Set("Retry-After", "3600") // capped by RetryAfter
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusBadGateway)
		default:
			return false
		}
		return true
	}}
	for i := range 2500 {
		b.items = append(b.items, risItem(noon.Add(time.Duration(i)*5*time.Minute)))
	}
	server := httptest.NewServer(b)
	defer server.Close()
	f := NewBroker(server.URL, quick(t))
	from := noon.Add(7 * time.Minute)
	files, err := f.Find(t.Context(), "ris/rrc00", Updates, from, noon.Add(2499*5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2499 || !files[0].Begin.Equal(noon.Add(5*time.Minute)) || files[0].Size != 1000 || files[0].End.Sub(files[0].Begin) != 5*time.Minute {
		t.Errorf("got %d files, the first %+v; want 2499 from the one that covers %v", len(files), files[0], from)
	}
	for i := range files[1:] {
		if !files[i].End.Equal(files[i+1].Begin) {
			t.Fatalf("file %d does not follow %d", i+1, i)
		}
	}
	if _, err := f.Find(t.Context(), "bmp/mine", Updates, noon, noon); err == nil {
		t.Error("a collector of no archive was asked for")
	}
}

// TestBrokerFaults checks that a bad response is an error with the URL, after as many attempts as
// are useful.
func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want string
		attempts   int32
		answer     func(w http.ResponseWriter)
	}{
		{"refused", "400 Bad Request", 1, func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest) }},
		{"away", "503 Service Unavailable", 2, func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }},
		{"not JSON", "not the Broker's", 1, func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }},
		{"an error", "reports an error: \"no\"", 1, func(w http.ResponseWriter) { fmt.Fprint(w, `{"error":"no","data":[]}`) }},
		{"too large", "larger than allowed", 1, func(w http.ResponseWriter) { _, _ = w.Write(make([]byte, pageBytes+1)) }},
		{"a redirect", "redirection is not followed", 1, func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://other.example/")
			w.WriteHeader(http.StatusFound)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &fakeBroker{trouble: func(_ int32, w http.ResponseWriter) bool { tt.answer(w); return true }}
			server := httptest.NewServer(b)
			defer server.Close()
			cfg := quick(t)
			cfg.Attempts = 2
			_, err := NewBroker(server.URL, cfg).Find(t.Context(), "ris/rrc00", RIB, noon, noon)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), server.URL) || b.requests.Load() != tt.attempts {
				t.Errorf("got %v after %d requests; want %q with the URL after %d", err, b.requests.Load(), tt.want, tt.attempts)
			}
		})
	}
}

// TestBrokerUnreachable checks that the error of an unreachable Broker contains its address once,
// and the reason.
func TestBrokerUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	addr := server.Listener.Addr().String()
	server.Close()
	cfg := quick(t)
	cfg.Attempts = 2
	_, err := NewBroker(server.URL, cfg).Find(t.Context(), "ris/rrc00", RIB, noon, noon)
	if want := addr + " refuses the connection"; err == nil || err.Error() != want || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestBrokerNames checks that collectors have their usual names, and the Broker's names in
// requests.
func TestBrokerNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ris/rrc00": "riperis rrc00", "routeviews/route-views2": "routeviews route-views2", "routeviews/route-views.amsix": "routeviews route-views.amsix",
		"routeviews/amsix.ams": "routeviews amsix.ams",
	} {
		project, id, err := brokerID(name)
		if got := project + " " + id; err != nil || got != want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, want)
		}
		it := brokerItem{Start: "2026-11-24T08:00:00", End: "2026-11-24T08:00:00", Collector: id, Type: "rib", URL: "http://192.0.2.1/x"}
		if f, ok := it.file(); !ok || f.Collector != name || f.Kind != RIB {
			t.Errorf("%s: back from %s: got %+v, %v", name, id, f, ok)
		}
	}
	b := &fakeBroker{trouble: func(_ int32, w http.ResponseWriter) bool {
		_, _ = w.Write([]byte(`{"total":2,"count":2,"page":0,"page_size":2,"error":null,"data":[
			{"ts_start":"2026-11-24T08:00:00","ts_end":"2026-11-24T08:00:00","collector_id":"rrc00","data_type":"rib","url":"https://data.ris.ripe.net/rrc00/2026.11/bview.20261124.0800.gz","rough_size":1,"exact_size":0},
			{"ts_start":"bad","ts_end":"2026-11-24T08:00:00","collector_id":"rrc00","data_type":"rib","url":"x","rough_size":1,"exact_size":0}],"meta":null}`))
		return true
	}}
	server := httptest.NewServer(b)
	defer server.Close()
	files, n, err := NewBroker(server.URL, quick(t)).page(t.Context(), server.URL+"/search")
	if err != nil || n != 2 || len(files) != 1 || files[0].Kind != RIB || !files[0].Begin.Equal(noon.Add(-4*time.Hour)) || files[0].Size != 0 || files[0].About() != 1 {
		t.Errorf("a page of two, one of them bad: got %+v of %d, %v", files, n, err)
	}
}

func FuzzBroker(f *testing.F) {
	f.Add([]byte(`{"error":null,"data":[{"ts_start":"2026-11-24T08:00:00","ts_end":"2026-11-24T08:05:00","collector_id":"route-views.amsix","data_type":"updates","url":"https://archive.routeviews.org/x","exact_size":-1}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		files, n, err := parsePage(b)
		if err != nil && (files != nil || n != 0) {
			t.Error("an error with files")
		}
		for _, x := range files {
			if x.Collector == "" || x.Size < 0 || x.End.Before(x.Begin) || !isRemote(x.URL) {
				t.Errorf("got %+v", x)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("ris/rrc00\trib\t2026-11-24T08:00:00Z\t2026-11-24T08:00:00Z\tbview.gz\n"), "http://192.0.2.1/index.tsv")
	f.Add([]byte("ris/rrc00\tupdates\t2026-11-24T08:00:00.5Z\t2026-11-24T08:00:10.5Z\t../x\t17\tmd5:00\n#\n\nhalf"), "/tmp/x/index.tsv")
	f.Fuzz(func(t *testing.T, b []byte, at string) {
		files, _, err := parseIndex(b, at)
		if err != nil && files != nil {
			t.Error("an error with files")
		}
		for _, x := range files {
			if isRemote(at) && !isRemote(x.URL) {
				t.Errorf("%s leads to %s", at, x.URL)
			}
		}
	})
}

func FuzzPath(f *testing.F) {
	f.Add("rrc00/2026.11/bview.20261124.0800.gz")
	f.Add("bgpdata/2026.11/RIBS/rib.20261124.0800.bz2")
	f.Add("route-views3/rib.00010101.0000") // the year 1, which is Go's zero time
	f.Fuzz(func(t *testing.T, rel string) {
		if x, ok := ParsePath(rel); ok && (x.Collector == "" || x.Kind == "" || x.Begin.IsZero() || x.End.Before(x.Begin)) {
			t.Errorf("%q: got %+v", rel, x)
		}
	})
}
