package playback

import (
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

// TestTablesInTheStream checks the places of tables among the updates of a collector, and their
// kinds.
func TestTablesInTheStream(t *testing.T) {
	t.Parallel()
	w := mrttest.NewWorld(time.UnixMicro(someDay), 1, 3, mrttest.Background(20))
	w.Churn(0, 2*time.Hour, time.Minute, w.Peers, w.Routes)
	for _, tt := range []struct {
		name   string
		tables []time.Duration
		cuts   [][2]time.Duration // of files of updates
		want   string
	}{
		{
			"one before the updates",
			[]time.Duration{0},
			[][2]time.Duration{{0, time.Hour}},
			"begin table/1 at 0, chunk table/1 at 0, end table/1 whole at 0",
		},
		{
			"one in between",
			[]time.Duration{0, 30 * time.Minute},
			[][2]time.Duration{{0, time.Hour}},
			"begin table/1 at 0, chunk table/1 at 0, end table/1 whole at 0, check table/2 at 29, chunk table/2 at 3?, end of check table/2 whole at 3?",
		},
		{
			"the first one in between",
			[]time.Duration{30 * time.Minute},
			[][2]time.Duration{{0, time.Hour}},
			"begin table/1 at 30, chunk table/1 at 30, end table/1 whole at 30",
		},
		{
			"two before the updates, an hour apart",
			[]time.Duration{0, time.Hour},
			[][2]time.Duration{{time.Hour, 2 * time.Hour}},
			"begin table/1 at 0, chunk table/1 at 0, end table/1 whole at 0, begin table/2 at 60, chunk table/2 at 60, end table/2 whole at 60",
		},
		{
			"two that are parts of one",
			[]time.Duration{0, time.Minute},
			[][2]time.Duration{{time.Minute, time.Hour}},
			"begin table/1 at 0, chunk table/1 at 1, end table/1 whole at 1",
		},
		{
			"one behind a missing file",
			[]time.Duration{0, 50 * time.Minute},
			[][2]time.Duration{{0, 20 * time.Minute}, {40 * time.Minute, time.Hour}},
			"begin table/1 at 0, chunk table/1 at 0, end table/1 whole at 0, begin table/2 at 19, chunk table/2 at 50, end table/2 whole at 50",
		},
		{
			"none behind a missing file",
			[]time.Duration{0},
			[][2]time.Duration{{0, 20 * time.Minute}, {40 * time.Minute, time.Hour}},
			"begin table/1 at 0, chunk table/1 at 0, end table/1 whole at 0, begin hole/1 at 19, end hole/1 at 40",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			var inputs []Input
			write := func(name string, b []byte) {
				inputs = append(inputs, Input{Collector: "file/c0", Path: filepath.Join(dir, name)})
				if err := os.WriteFile(inputs[len(inputs)-1].Path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for i, at := range tt.tables {
				write(fmt.Sprintf("rib.%d", i), w.Table("c0", at, nil))
			}
			for i, c := range tt.cuts {
				write(fmt.Sprintf("updates.%d", i), w.Updates("c0", c[0], c[1]))
			}
			slices.Reverse(inputs)
			plan, records, damages := play(t, inputs...)
			if len(damages) > 0 {
				t.Errorf("got damages %v", damages)
			}
			check(t, plan, records)
			if got := describe(records); !matches(got, tt.want) {
				t.Errorf("got %s\nwant %s", got, tt.want)
			}
		})
	}
}

// describe returns the records of gaps, checks and tables in words, with their minutes.
func describe(records []*pb.UpdateRecord) string {
	var out []string
	whole := map[bool]string{true: " whole"}
	for _, r := range records {
		var what string
		switch b := r.GetBody().(type) {
		case *pb.UpdateRecord_GapBegin:
			what = "begin " + b.GapBegin.GetId()
		case *pb.UpdateRecord_GapEnd:
			what = "end " + b.GapEnd.GetId() + whole[b.GapEnd.GetComplete()]
		case *pb.UpdateRecord_CheckBegin:
			what = "check " + b.CheckBegin.GetId()
		case *pb.UpdateRecord_CheckEnd:
			what = "end of check " + b.CheckEnd.GetId() + whole[b.CheckEnd.GetComplete()]
		case *pb.UpdateRecord_TableChunk:
			what = "chunk " + b.TableChunk.GetId()
		default:
			continue
		}
		out = append(out, fmt.Sprintf("%s at %d", what, (r.GetTimestampUs()-someDay)/minuteMicroseconds))
	}
	return strings.Join(out, ", ")
}

// matches compares two texts. ? matches any character.
func matches(got, want string) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if want[i] != '?' && got[i] != want[i] {
			return false
		}
	}
	return true
}
