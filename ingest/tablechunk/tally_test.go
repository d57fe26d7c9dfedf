package tablechunk

import (
	"testing"

	"github.com/darkmap/darkmap/internal/capture"
)

// TestTally checks that a table counts with up to a tenth of unreadable records, and does not if
// its file is cut.
func TestTally(t *testing.T) {
	t.Parallel()
	bad := &capture.Damage{Reason: capture.BadRecord}
	part := &capture.Damage{Reason: capture.BadRecord, Partial: true}
	cut := &capture.Damage{Reason: capture.Truncated, Number: 10, Offset: 900}
	skipped := func(octets int64) *capture.Damage {
		return &capture.Damage{Reason: capture.BadHeader, Number: 10, Offset: 900, Skipped: octets}
	}
	tests := map[string]struct {
		records    int
		damages    []*capture.Damage
		after      int // records after the damages
		unreadable uint32
		why        string
	}{
		"whole":                {42, nil, 0, 0, ""},
		"one":                  {42, []*capture.Damage{bad}, 0, 1, ""},
		"a tenth":              {9, []*capture.Damage{bad}, 0, 1, ""},
		"more than a tenth":    {8, []*capture.Damage{bad}, 0, 1, "1 of its 9 records cannot be read"},
		"a tenth, in part":     {10, []*capture.Damage{part}, 0, 1, ""},
		"more, in part":        {9, []*capture.Damage{part}, 0, 1, "1 of its 9 records cannot be read"},
		"cut":                  {42, []*capture.Damage{cut}, 0, 1, "its file ends too early"},
		"a length beyond":      {42, []*capture.Damage{cut}, 1, 1, ""},
		"a header, one record": {42, []*capture.Damage{skipped(100)}, 5, 1, ""},
		"a header, ten":        {42, []*capture.Damage{skipped(1000)}, 5, 10, "10 of its 57 records cannot be read"},
		"compression":          {42, []*capture.Damage{{Reason: capture.BadCompression}}, 0, 0, "its file ends too early"},
		"a time":               {42, []*capture.Damage{{Reason: capture.BadTime}}, 0, 0, ""},
	}
	for name, tt := range tests {
		var x, file Tally
		for range tt.records {
			file.Record()
		}
		for _, d := range tt.damages {
			file.Damage(d)
		}
		for range tt.after {
			file.Record()
		}
		x.Add(file)
		why := ""
		if err := x.Unusable(); err != nil {
			why = err.Error()
		}
		if x.Unreadable() != tt.unreadable || why != tt.why {
			t.Errorf("%s: got %d unreadable, %q; want %d, %q", name, x.Unreadable(), why, tt.unreadable, tt.why)
		}
	}
}
