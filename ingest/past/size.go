package past

import (
	"fmt"
	"slices"
	"strings"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/internal/bgp"
	"github.com/darkmap/darkmap/internal/progress"
)

// Size is the size of a set of files.
type Size struct {
	Files int
	// Octets is the total, as far as the index gives sizes. Unknown counts the files without one.
	Octets  int64
	Unknown int
	// Remote is the total of the files on servers. Here is the part of it that is in the cache.
	Remote, Here int64
}

// Size returns the size of all files.
func (s *Selection) Size(f *archive.Fetcher) Size { return sizeOf(s.Files(), f) }

// Size returns the size of the source's files.
func (src *Source) Size(f *archive.Fetcher) Size { return sizeOf(src.files(), f) }

func sizeOf(files []archive.File, f *archive.Fetcher) (z Size) {
	for _, file := range files {
		z.Files++
		here, whole := f.Have(file)
		octets := file.About()
		if whole || octets == 0 {
			octets = here
		}
		if octets == 0 {
			z.Unknown++
		}
		z.Octets += octets
		if archive.Server(file.URL) != "" {
			z.Remote += max(octets, here)
			z.Here += here
		}
	}
	return z
}

// String returns a size in words.
func (z Size) String() string {
	text := fmt.Sprintf("%s, about %s", bgp.Count(z.Files, "file"), progress.Bytes(z.Octets))
	if z.Unknown > 0 {
		text += fmt.Sprintf(" (of %d the size is not known)", z.Unknown)
	}
	switch {
	case z.Remote == 0:
		return text + ", on this machine"
	case z.Here > 0:
		return text + ", of which " + progress.Bytes(z.Here) + " are here already"
	}
	return text
}

// Lines describes the files to be fetched: in total, and for each collector.
func (s *Selection) Lines(f *archive.Fetcher) []string {
	begin := s.From
	for i := range s.Sources {
		if b := s.begin(&s.Sources[i]); b.Before(begin) {
			begin = b
		}
	}
	lines := []string{fmt.Sprintf("from %s to %s UTC, %s: %v", minute(begin), minute(s.Until),
		bgp.Count(len(s.Sources), "collector"), s.Size(f))}
	for i := range s.Sources {
		lines = append(lines, s.Sources[i].line(f))
	}
	return lines
}

func (src *Source) line(f *archive.Fetcher) string {
	parts := []string{"no table"}
	if src.Table != nil {
		parts[0] = "table of " + minute(src.Table.Begin)
		if src.Voters > 0 {
			parts[0] += fmt.Sprintf(" (some %s)", bgp.Count(src.Voters, "full feed"))
		}
	}
	if n := len(src.Further); n > 0 {
		parts = append(parts, bgp.Count(n, "later table"))
	}
	parts = append(parts, bgp.Count(len(src.Updates), "file")+" of updates")
	for _, m := range src.Missing {
		parts = append(parts, fmt.Sprintf("not listed: %s", m.Name))
	}
	return fmt.Sprintf("%s: %s; %v", src.Name, strings.Join(parts, ", "), src.Size(f))
}

// Named returns the names of the collectors.
func (s *Selection) Named() []string {
	var out []string
	for _, src := range s.Sources {
		out = append(out, src.Name)
	}
	return slices.Clip(out)
}
