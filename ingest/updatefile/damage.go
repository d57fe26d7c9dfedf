package updatefile

import "github.com/darkmap/darkmap/internal/capture"

// Truncates reports whether an unknown part of the file is missing after the damage d. name is the
// file's name. compression is the one that its octets show. A record that is framed and cannot be
// decoded is lost alone, as in a live stream. An empty file counts as truncated only if its name is
// that of a compressed file, which has at least a header.
func Truncates(d *capture.Damage, name string, compression capture.Compression) bool {
	switch d.Reason {
	case capture.BadRecord:
		return false
	case capture.Empty:
		return Compressed(name) && compression == capture.Plain
	default:
		return true
	}
}
