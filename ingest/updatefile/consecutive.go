package updatefile

import (
	"path"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
)

// Consecutive returns those of files that cover the time from t on without a hole. files are in
// order of time. The result does not share memory with files. Of two files that cover the same
// time, Consecutive takes the one that ends later.
func Consecutive(files []archive.File, t time.Time) []archive.File {
	var out []archive.File
	for {
		best := -1
		for i := range files {
			if !files[i].Begin.After(t) && files[i].End.After(t) && (best < 0 || files[i].End.After(files[best].End)) {
				best = i
			}
		}
		if best < 0 {
			return out
		}
		out = append(out, files[best])
		t = files[best].End
		files = files[best+1:]
	}
}

// Compressed reports whether name is that of a compressed file.
func Compressed(name string) bool {
	switch path.Ext(name) {
	case ".gz", ".bz2", ".zst":
		return true
	}
	return false
}
