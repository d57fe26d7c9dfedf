package bootstrap_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/stream"
)

// refuse answers a request for what path has in it with a status for as long as answer gives one, 0 is none.
func refuse(path string, answer func() int) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if code := answer(); code != 0 && strings.Contains(r.URL.Path, path) {
				w.WriteHeader(code)
				return
			}
			h.ServeHTTP(w, r)
		})
	}
}

func always(code int) func() int { return func() int { return code } }

// once asks each server once before it is given up.
func once(c *archive.Config) { c.Attempts = 1 }

// other begins a collector that has a dump, with a gap.
func (sc *scene) other(name string) {
	sc.t.Helper()
	err := sc.a.Add(name, "rib", dumped, dumped, name+"/bview.20261124.0800.gz", func(w io.Writer) error { return sc.w.WriteDump(w, 0, dumped) })
	if err != nil {
		sc.t.Fatal(err)
	}
	s, err := sc.set.Open(sc.t.Context(), name, stream.Options{Source: "rislive", Archived: true})
	if err == nil {
		err = s.Up(sc.t.Context())
	}
	if err == nil {
		_, err = s.BeginGap(sc.t.Context(), 0, "test")
	}
	if err != nil {
		sc.t.Fatal(err)
	}
}

// TestSickHost: collectors whose archive does not answer hold nobody up whose archive does.
func TestSickHost(t *testing.T) {
	sc := rig{server: refuse("routeviews", always(http.StatusServiceUnavailable)), config: once}.play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	sc.updates(dumped)
	for i := range 4 {
		sc.other(fmt.Sprintf("routeviews/route-views%d", i+3))
	}
	waitFor(t, func() bool { return strings.Count(sc.worker.Progress(), "waiting for the archives") == 4 }, sc.worker)
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 0 messages, 0 states")
}
