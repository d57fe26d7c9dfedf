package bootstrap_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/bootstrap"
	"github.com/darkmap/darkmap/ingest/stream"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// refuse answers requests for names that contain path with the status that answer returns, or with
// the file if it is 0.
func refuse(path string, answer func() int) func(http.Handler) http.Handler {
	return func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, path) {
				if code := answer(); code != 0 {
					w.WriteHeader(code)
					return
				}
			}
			h.ServeHTTP(w, r)
		})
	}
}

func always(code int) func() int { return func() int { return code } }

// once limits requests to one attempt for each server.
func once(c *archive.Config) { c.Attempts = 1 }

// other starts another collector with a dump and a gap.
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

// TestSickHost checks that collectors whose archive does not answer do not delay the others.
func TestSickHost(t *testing.T) {
	sc := rig{server: refuse("routeviews", always(http.StatusServiceUnavailable)), config: once}.play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	sc.updates(dumped)
	for i := range 4 {
		sc.other(fmt.Sprintf("routeviews/route-views%d", i+3))
	}
	sc.waitDoing("waiting for the archives", 4)
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 0 messages, 0 states")
}

// TestLateDump checks that a dump that is listed before its server has it is requested again,
// without a gap each time.
func TestLateDump(t *testing.T) {
	var asked, there atomic.Int32
	answer := func() int {
		if asked.Add(1); there.Load() == 0 {
			return http.StatusNotFound
		}
		return 0
	}
	sc := rig{server: refuse("bview", answer)}.play(t, dumped.Add(2*time.Minute), nil)
	sc.dump(dumped)
	sc.updates(dumped)
	sc.gap(time.Time{})
	sc.ends(1)
	before := asked.Load()
	waitFor(t, func() bool { return asked.Load() > before }, sc.worker)
	there.Store(1)
	sc.want(sc.ends(2)[1:], "fill complete=true filled=false peers=2 after 0 messages, 0 states")
	if got := sc.reasons(pb.FeedEvent_FEED_EVENT_GAP); len(got) != 2 {
		t.Errorf("got gaps %q, want one more", got)
	}
}

// TestManyBad checks that each useless dump is fetched once, however many there are.
func TestManyBad(t *testing.T) {
	var asked atomic.Int32
	count := func() int { asked.Add(1); return 0 }
	sc := rig{server: refuse("bview", count)}.play(t, dumped.Add(2*time.Minute), nil)
	const n = 70
	for i := range n {
		at := dumped.Add(-time.Duration(i) * 15 * time.Minute)
		write := func(w io.Writer) error { _, err := io.WriteString(w, "<html>maintenance</html>"); return err }
		if err := sc.a.Add(rrc00, "rib", at, at, at.Format("bview.20060102.1504"), write); err != nil {
			t.Fatal(err)
		}
	}
	sc.gap(time.Time{})
	sc.ends(1)
	sc.gap(time.Time{})
	sc.ends(2)
	if got := asked.Load(); got != n {
		t.Errorf("%d dumps were fetched %d times", n, got)
	}
}

// TestRefusedDump checks that a dump is skipped for the one before, if its server answers with
// errors for all of UpdatesTimeout.
func TestRefusedDump(t *testing.T) {
	sick := rig{server: refuse("bview.20261124.0800", always(http.StatusInternalServerError)), config: once}
	sc := sick.play(t, dumped.Add(2*time.Minute), func(c *bootstrap.Config) { c.UpdatesTimeout = time.Millisecond })
	sc.dump(dumped.Add(-5 * time.Minute))
	sc.dump(dumped)
	sc.updates(dumped.Add(-5 * time.Minute))
	sc.updates(dumped)
	sc.gap(time.Time{})
	sc.want(sc.ends(1), "fill complete=true filled=false peers=2 after 0 messages, 0 states")
}

// TestRefusedUpdates checks that an update file with such answers counts as missing.
func TestRefusedUpdates(t *testing.T) {
	sick := rig{server: refuse("updates.20261124.0800", always(http.StatusInternalServerError)), config: once}
	sc := sick.play(t, dumped.Add(7*time.Minute), func(c *bootstrap.Config) { c.UpdatesTimeout = time.Millisecond })
	sc.updates(dumped)
	sc.updates(dumped.Add(5*time.Minute), change(dumped.Add(6*time.Minute), 0, 1))
	sc.gap(dumped.Add(time.Minute))
	sc.want(sc.ends(1), "fill complete=false filled=true peers=0 after 0 messages, 0 states")
	sc.dump(dumped.Add(6 * time.Minute))
	sc.want(sc.ends(2)[1:], "fill complete=true filled=false peers=2 after 1 messages, 0 states")
}
