package updatefile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/updatefile"
)

// TestConsecutive checks that the result contains the files from a time on up to the first hole,
// and of two that cover the same time the one that ends later.
func TestConsecutive(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		files [][2]int64 // beginning and end
		from  int64
		want  string
	}{
		{"none", nil, 5, "[]"},
		{"from the middle of one", [][2]int64{{0, 5}, {5, 10}, {10, 15}}, 7, "[5-10 10-15]"},
		{"from the beginning of one", [][2]int64{{0, 5}, {5, 10}}, 5, "[5-10]"},
		{"up to a hole", [][2]int64{{0, 5}, {5, 10}, {15, 20}}, 0, "[0-5 5-10]"},
		{"from within a hole", [][2]int64{{0, 5}, {15, 20}}, 7, "[]"},
		{"of different length", [][2]int64{{0, 5}, {0, 15}, {5, 10}, {15, 20}}, 0, "[0-15 15-20]"},
	} {
		var files []archive.File
		for _, f := range tt.files {
			files = append(files, archive.File{Begin: time.Unix(f[0], 0), End: time.Unix(f[1], 0)})
		}
		before := slices.Clone(files)
		var got []string
		for _, f := range updatefile.Consecutive(files, time.Unix(tt.from, 0)) {
			got = append(got, fmt.Sprintf("%d-%d", f.Begin.Unix(), f.End.Unix()))
		}
		if fmt.Sprint(got) != tt.want || !slices.Equal(files, before) {
			t.Errorf("%s: got %v, want %s", tt.name, got, tt.want)
		}
	}
}
