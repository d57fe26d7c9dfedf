package playback

import (
	"fmt"
	"slices"
)

const (
	// leastShare is the share of the time of all files below which a collector's files are
	// reported: less than one in leastShare.
	leastShare = 2
	// mostNamed bounds the collectors that are named.
	mostNamed = 5
)

// extent is the time that a collector's files cover, microseconds.
type extent struct {
	c        *collectorPlan
	from, to int64
	first    *filePlan
	files    int
}

// extents returns the extents of the collectors whose files have times, in order. The update files
// count. If a collector has none, its tables count.
func extents(collectors []collectorPlan) []extent {
	var out []extent
	for i := range collectors {
		c := &collectors[i]
		files := c.updates
		if len(files) == 0 {
			files = c.tables
		}
		e := extent{c: c}
		for _, f := range files {
			if f.first == 0 {
				continue
			}
			if e.files++; e.first == nil {
				e.first, e.from, e.to = f, f.first, f.last
			}
			e.from, e.to = min(e.from, f.first), max(e.to, f.last)
		}
		if e.first != nil {
			out = append(out, e)
		}
	}
	return out
}

// otherTimes returns sentences about collectors whose files share no time with any other's, or
// cover less than half of the time of all.
func otherTimes(collectors []collectorPlan) []string {
	all := extents(collectors)
	if len(all) < 2 {
		return nil
	}
	from, to := all[0].from, all[0].to
	for _, e := range all {
		from, to = min(from, e.from), max(to, e.to)
	}
	var out []string
	for i, e := range all {
		alone := !slices.ContainsFunc(all, func(o extent) bool {
			return o.c != e.c && o.from <= e.to && o.to >= e.from
		})
		k := nearest(all, i)
		switch {
		case alone && k < i && nearest(all, k) == i && len(all) == 2:
			continue // the note on the other one covers both
		case alone:
			out = append(out, fmt.Sprintf("%s shares no time with the other collectors: %s. "+
				"The nearest is %s: %s. Neither confirms what the other tells",
				e.c.name, e.what(), all[k].c.name, all[k].what()))
		case leastShare*(e.to-e.from) < to-from:
			out = append(out, fmt.Sprintf("%s covers a part of the time only: %s; "+
				"all files together are from %s to %s. Outside of its part it counts as down",
				e.c.name, e.what(), clock(from), clock(to)))
		}
	}
	if n := len(out) - mostNamed; n > 0 {
		out = append(out[:mostNamed], fmt.Sprintf("and %d more collectors cover another time than the rest", n))
	}
	return out
}

// nearest returns the index of the collector whose time is nearest to that of collector i.
func nearest(all []extent, i int) int {
	best, least := -1, int64(0)
	for k, o := range all {
		if k == i {
			continue
		}
		if away := max(o.from-all[i].to, all[i].from-o.to); best < 0 || away < least {
			best, least = k, away
		}
	}
	return best
}

func (e *extent) what() string {
	if e.files == 1 {
		return fmt.Sprintf("%s is from %s to %s", e.first.title, clock(e.from), clock(e.to))
	}
	return fmt.Sprintf("%d files are from %s (%s) to %s", e.files, clock(e.from), e.first.title, clock(e.to))
}
