package playback

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/darkmap/darkmap/internal/mrttest"
	pb "github.com/darkmap/darkmap/schemas/darkmapv1"
)

// TestKnownHoles checks that the missing part of a cut file, and a file that the archive does not
// have, is a gap from the last record on, is named, and is in bgp.feeds.
func TestKnownHoles(t *testing.T) {
	t.Parallel()
	w := mrttest.NewWorld(time.UnixMicro(someDay), 1, 3, mrttest.Background(20))
	w.Churn(0, time.Hour, 10*time.Second, w.Peers, w.Routes)
	for _, tt := range []struct {
		name   string
		cuts   []int // files of 5 minutes by their beginning; below 0: cut
		lacks  []int // minutes at which 5 are missing
		tables []int
		want   []string // notes, each followed by the records in the stream
		stream string
	}{
		{"cut", []int{0, -5, 10}, nil, []int{0}, []string{"to 2026-03-02T00:10:00Z, between", "00.05.mrt.gz ends too early", "do not vote from then on"}, "table/1 hole/1"},
		{"cut, and a table later", []int{0, -5, 10, 15}, nil, []int{0, 12}, []string{"ends too early", "its next table tells"}, "table/1 table/2"},
		{"missing", []int{0, 10}, []int{5}, []int{0}, []string{"from 2026-03-02T00:04:", "to 2026-03-02T00:10:00Z", "missing in the archive: lacked.5"}, "table/1 hole/1"},
		{"the first", []int{5, 10}, []int{0}, []int{0}, []string{"from 2026-03-02T00:00:00Z to 2026-03-02T00:05:00Z, before", "missing in the archive: lacked.0"}, "table/1 hole/1"},
		{"the last", []int{0, 5}, []int{10}, []int{0}, []string{"to 2026-03-02T00:15:00Z, at its end", "missing in the archive: lacked.10", "counts as down"}, "table/1"},
		{"the last is cut", []int{0, -5}, nil, []int{0}, []string{"at its end", "ends too early"}, "table/1"},
	} {
		dir := t.TempDir()
		var inputs []Input
		write := func(name string, octets []byte, cut bool) {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			_, _ = z.Write(octets)
			_ = z.Close()
			b := out.Bytes()
			if cut {
				b = b[:len(b)/2]
			}
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			inputs = append(inputs, Input{Collector: "file/c0", Path: path})
		}
		minute := func(n int) time.Duration { return time.Duration(n) * time.Minute }
		name := func(n int) string { return fmt.Sprintf("00.%02d.mrt.gz", n) }
		for _, n := range tt.tables {
			write("table."+name(n), w.Table("c0", minute(n), nil), false)
		}
		for _, n := range tt.cuts {
			at := max(n, -n)
			write(name(at), w.Updates("c0", minute(at), minute(at+5)), n < 0)
		}
		var missing []Missing
		for _, n := range tt.lacks {
			missing = append(missing, Missing{Collector: "file/c0", Begin: w.Start.Add(minute(n)), End: w.Start.Add(minute(n + 5)), Name: fmt.Sprintf("lacked.%d", n)})
		}
		p, err := NewPlan(t.Context(), inputs, missing...)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		notes := strings.Join(p.Notes, "\n")
		for _, want := range tt.want {
			if !strings.Contains(notes, want) {
				t.Errorf("%s: got notes %q, want %q", tt.name, notes, want)
			}
		}
		feeds := p.feeds()
		if len(feeds) != 1 || feeds[0].GetEvent() != pb.FeedEvent_FEED_EVENT_GAP || feeds[0].GetCollector() != "file/c0" || !strings.HasSuffix(notes, feeds[0].GetReason()) || feeds[0].GetBeginUs() == 0 {
			t.Errorf("%s: got %v for bgp.feeds", tt.name, feeds)
		}
		if answered := strings.Contains(notes, "its next table") || strings.Contains(tt.name, "last"); (len(p.Unanswered()) == 0) != answered {
			t.Errorf("%s: got %v unanswered", tt.name, p.Unanswered())
		}
		if got := gapsOf(t, p); got != tt.stream {
			t.Errorf("%s: the stream begins gaps %q, want %q", tt.name, got, tt.stream)
		}
	}
}

// gapsOf returns the gaps that the plan's stream begins.
func gapsOf(t *testing.T, p *Plan) string {
	t.Helper()
	src := p.Open()
	defer src.Close() //nolint:errcheck // only read
	var ids []string
	for {
		rec, err := src.Next()
		if err != nil && rec.Collector == "" {
			return strings.Join(slices.Compact(ids), " ")
		}
		if g := rec.Update.GetGapBegin(); g != nil {
			ids = append(ids, g.GetId())
		}
	}
}
