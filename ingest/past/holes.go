package past

import (
	"slices"
	"strings"
	"time"

	"github.com/darkmap/darkmap/ingest/archive"
	"github.com/darkmap/darkmap/ingest/playback"
	"github.com/darkmap/darkmap/internal/bgp"
)

// step returns the usual interval between the begins of update files, which are by time. It is 0 if
// there are no files.
func step(files []archive.File) time.Duration {
	var all []time.Duration
	for i := 1; i < len(files); i++ {
		all = append(all, files[i].Begin.Sub(files[i-1].Begin))
	}
	switch {
	case len(all) > 0:
		slices.Sort(all)
		return all[(len(all)-1)/2]
	case len(files) > 0:
		return files[0].End.Sub(files[0].Begin)
	}
	return 0
}

// holes returns the times from begin to until for which the archive lists no updates. The times in
// names of old files are minutes off, so less than half a file is no hole.
func (src *Source) holes(begin, until time.Time) []playback.Missing {
	if src.step <= 0 {
		return nil
	}
	var out []playback.Missing
	at := begin
	add := func(end time.Time) {
		if end.Sub(at) > src.step/2 {
			out = append(out, playback.Missing{Begin: at, End: end, Name: src.named(at, end)})
		}
	}
	for _, f := range src.Updates {
		add(f.Begin)
		at = f.Begin.Add(src.step)
	}
	add(until)
	return out
}

// named returns the names of the files that would hold the time from begin to end.
func (src *Source) named(begin, end time.Time) string {
	const layout = "20060102.1504"
	like := src.Updates[0]
	old := like.Begin.UTC().Format(layout)
	name, n := base(like), int((end.Sub(begin)+src.step/2)/src.step)
	if !strings.Contains(name, old) || n < 1 {
		return "its file of " + minute(begin)
	}
	name = strings.Replace(name, old, begin.Truncate(time.Minute).UTC().Format(layout), 1)
	if n > 1 {
		name += " and " + bgp.Count(n-1, "more file")
	}
	return name
}

// lacking returns the time of a file that the archive lists and does not have.
func (src *Source) lacking(f archive.File) playback.Missing {
	end := f.End
	if !end.After(f.Begin) {
		end = f.Begin.Add(src.step)
	}
	return playback.Missing{Begin: f.Begin, End: end, Name: base(f)}
}

// joined sorts missing times and joins those that touch.
func joined(all []playback.Missing) []playback.Missing {
	slices.SortStableFunc(all, func(a, b playback.Missing) int { return a.Begin.Compare(b.Begin) })
	var out []playback.Missing
	for _, m := range all {
		if n := len(out) - 1; n >= 0 && !m.Begin.After(out[n].End) {
			if m.End.After(out[n].End) {
				out[n].End = m.End
			}
			out[n].Name += ", " + m.Name
			continue
		}
		out = append(out, m)
	}
	return out
}
