package playback

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/watch"
	"github.com/darkmap/darkmap/internal/mrttest"
)

// TestWatchLists checks that the lists of a plan follow the first clock record, before any record
// of a collector. The hash of the inputs depends on the lists.
func TestWatchLists(t *testing.T) {
	t.Parallel()
	w := mrttest.NewWorld(time.UnixMicro(someDay).Add(90*time.Second), 1, 1, mrttest.Background(3))
	w.Churn(0, time.Minute, time.Second, w.Peers, w.Routes)
	path := filepath.Join(t.TempDir(), "updates")
	if err := os.WriteFile(path, w.Updates(w.Collectors()[0], 0, time.Minute), 0o600); err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(t.Context(), []Input{{Collector: "file/a", Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Inputs() != plan.Hash {
		t.Error("without lists the inputs are not those of the files")
	}
	seen := map[string]bool{plan.Inputs(): true}
	for _, text := range []string{"64500", "64501"} {
		plan.Watch, _, err = watch.Read(watch.Section{{Name: "one", ASNs: []string{text}, Hosts: []string{"www.example.net"}}, {Name: "two", Countries: []string{"TO"}}})
		if err != nil {
			t.Fatal(err)
		}
		if seen[plan.Inputs()] {
			t.Error("other lists make the same inputs")
		}
		seen[plan.Inputs()] = true
	}
	src := plan.Open()
	defer src.Close() //nolint:errcheck // only read
	var got []string
	for range 5 {
		rec, err := src.Next()
		if err != nil {
			t.Fatal(err)
		}
		u := rec.Update
		text := fmt.Sprintf("%T", u.GetBody())
		if h := u.GetHostAddresses(); h != nil && (len(h.GetAddresses()) > 0 || h.GetProblem() == "") {
			t.Errorf("got %v, want a reason for no addresses", h)
		}
		p := u.GetPosition()
		got = append(got, fmt.Sprintf("%s %s %d at %v", text[strings.LastIndexByte(text, '_')+1:], rec.Collector, p.GetSequence(), time.Duration(u.GetTimestampUs()-someDay)*time.Microsecond))
	}
	want := []string{
		"Clock  1 at 1m0s", "WatchList watch/one 1 at 1m0s", "HostAddresses watch/one 2 at 1m0s", "WatchList watch/two 1 at 1m0s", "CollectorUp file/a 1 at 1m30s",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
