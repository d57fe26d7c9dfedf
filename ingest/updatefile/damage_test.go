package updatefile_test

import (
	"testing"

	"github.com/darkmap/darkmap/ingest/updatefile"
	"github.com/darkmap/darkmap/internal/capture"
)

// TestTruncates checks that a bad record is lost alone, and any other damage hides an unknown part.
// An empty file does so only if its name is that of a compressed file.
func TestTruncates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reason      capture.Reason
		name        string
		compression capture.Compression
		want        bool
	}{
		{capture.BadRecord, "updates.gz", capture.Gzip, false},
		{capture.Truncated, "updates.gz", capture.Gzip, true},
		{capture.Empty, "updates.gz", capture.Gzip, false},
		{capture.Empty, "updates.gz", capture.Plain, true},
		{capture.Empty, "updates.bz2", capture.Plain, true},
		{capture.Empty, "updates.zst", capture.Plain, true},
		{capture.Empty, "updates", capture.Plain, false},
	} {
		if got := updatefile.Truncates(&capture.Damage{Reason: tt.reason}, tt.name, tt.compression); got != tt.want {
			t.Errorf("%s in %s, %s: got %v, want %v", tt.reason, tt.name, tt.compression, got, tt.want)
		}
	}
}
