package capture_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/darkmap/darkmap/internal/capture"
	"github.com/darkmap/darkmap/internal/datatest"
)

// TestRISLiveCaptures compares counts with those of the data's MANIFEST.tsv.
func TestRISLiveCaptures(t *testing.T) {
	t.Parallel()
	type kinds = map[capture.Kind]int
	for _, tc := range []struct {
		file    string
		kinds   kinds
		damages []capture.Reason
	}{
		{"a16-go-rislive-testvectors.jsonl", kinds{capture.Message: 3, capture.State: 1, capture.Note: 5}, nil},
		{"bgpkit-ris-live-frames-20260910.jsonl", kinds{capture.Message: 5, capture.State: 1, capture.Note: 1}, nil},
		{"libbgpstream-ris-live-stream.json", kinds{capture.Message: 3, capture.State: 1, capture.Note: 2}, []capture.Reason{capture.BadRecord}},
		{"morrowc-1k-msgs", kinds{capture.Message: 994, capture.Note: 6}, nil},
		{"morrowc-20-msg", kinds{capture.Message: 20}, nil},
		{"morrowc-fail-as-set", kinds{capture.Message: 1}, nil},
	} {
		res := readFile(t, datatest.Path(t, "rislive", tc.file))
		if diff := cmp.Diff(tc.kinds, res.kinds); diff != "" || res.format != capture.RISLive {
			t.Errorf("%s: %s: -want +got\n%s", tc.file, res.format, diff)
		}
		var got []capture.Reason
		for _, d := range res.damages {
			got = append(got, d.Reason)
		}
		if diff := cmp.Diff(tc.damages, got); diff != "" {
			t.Errorf("%s: damages: -want +got\n%s%v", tc.file, diff, res.damages)
		}
	}
}

// TestBMPCaptures checks that every stream of the BMP captures is read without damage.
// internal/bgp/wire compares their content in full.
func TestBMPCaptures(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(datatest.Path(t, "bmp", "stream"), "*.bmp"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("streams: got %v, %v", paths, err)
	}
	total := map[capture.Kind]int{}
	for _, path := range paths {
		res := readFile(t, path)
		if res.format != capture.BMP || len(res.damages) != 0 {
			t.Errorf("%s: got %s, %v", path, res.format, res.damages)
		}
		for k, n := range res.kinds {
			total[k] += n
		}
	}
	// Message: Route Monitoring; Note: statistics and one Initiation that came a second time.
	want := map[capture.Kind]int{capture.Message: 8057, capture.PeerUp: 378, capture.PeerDown: 4, capture.CollectorUp: 18, capture.Note: 3724}
	if diff := cmp.Diff(want, total); diff != "" {
		t.Errorf("items: -want +got\n%s", diff)
	}
}
