package playback

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	// leastHole is the shortest silence between two files that may be a missing file, microseconds.
	// The shortest files of the archives hold 5 minutes.
	leastHole = 240 * 1_000_000
	// unusual is the factor by which a silence between two files must exceed the longest silence
	// within files.
	unusual = 2
	// enoughSilences is the number of silences within files that show the usual one. enoughFiles is
	// the number of files that show the usual silence between them.
	enoughSilences = 30
	enoughFiles    = 5
)

// hole is a part of a collector's stream that no file holds, microseconds.
type hole struct {
	begin, end int64
	named      bool   // file names show it
	known      bool   // a table before the hole gives the peers' routes
	answered   bool   // known, and a later table gives the routes after the hole
	why        string // the known cause; may be empty
}

// Missing is a time without a collector's updates, such as that of a file that its archive does not
// have.
type Missing struct {
	Collector  string // as in Input
	Begin, End time.Time
	Name       string // name of the missing file
}

// missingOf returns the missing times of a collector, by time.
func missingOf(all []Missing, collector string) []Missing {
	var out []Missing
	for _, m := range all {
		if m.Collector == collector {
			out = append(out, m)
		}
	}
	slices.SortStableFunc(out, func(a, b Missing) int { return a.Begin.Compare(b.Begin) })
	return out
}

// rhythm holds the usual intervals of a collector.
type rhythm struct {
	longest int64 // silence; 0: too few records
	step    int64 // between the names of files; 0: unknown
}

// long reports whether a silence between two files is so long that files are missing.
func (r rhythm) long(silence int64) bool {
	return r.longest > 0 && silence > max(leastHole, unusual*r.longest)
}

// findHoles determines where updates are missing, and which tables are played.
func (c *collectorPlan) findHoles() {
	r := c.rhythm()
	var before *filePlan
	last := int64(0)
	for _, f := range c.updates {
		if f.first == 0 {
			continue
		}
		if before != nil {
			f.hole = r.between(before, f, last)
		}
		c.explain(before, f, last)
		before, last = f, max(last, f.last)
	}
	c.endsEarly(before, last)
	c.chooseTables(r, last)
}

// explain records the cause of updates missing between two consecutive files, if it is known: the
// earlier file is cut, or the archive does not have a file. before is nil if f is the first. last
// is the latest time before f.
func (c *collectorPlan) explain(before, f *filePlan, last int64) {
	h := hole{begin: last, end: f.first, named: true}
	if b := stamp(f.title); b > last && b < f.first {
		h.end = b
	}
	var why []string
	if before != nil && before.cut {
		why = append(why, before.title+" ends too early")
	}
	for len(c.missing) > 0 && c.missing[0].Begin.UnixMicro() <= f.first {
		m := c.missing[0]
		if c.missing = c.missing[1:]; before == nil && h.begin == 0 {
			h.begin = m.Begin.UnixMicro()
		}
		why = append(why, "missing in the archive: "+m.Name)
	}
	if len(why) == 0 {
		return
	}
	if f.hole == nil {
		h.end = max(h.end, h.begin)
		f.hole = &h
	}
	f.hole.named, f.hole.why = true, strings.Join(why, ", ")
}

// endsEarly records the updates missing after the last file, as far as they are known.
func (c *collectorPlan) endsEarly(before *filePlan, last int64) {
	h := hole{begin: last, end: last}
	var why []string
	if before != nil && before.cut {
		why = append(why, before.title+" ends too early")
	}
	for _, m := range c.missing {
		h.end = max(h.end, m.End.UnixMicro())
		if h.begin == 0 {
			h.begin = m.Begin.UnixMicro()
		}
		why = append(why, "missing in the archive: "+m.Name)
	}
	if len(why) > 0 {
		h.why = strings.Join(why, ", ")
		c.after = &h
	}
}

// between returns the hole between two consecutive files, or nil if there is none. last is the
// latest time before f.
func (r rhythm) between(before, f *filePlan, last int64) *hole {
	h := &hole{begin: last, end: f.first}
	if a, b := stamp(before.title), stamp(f.title); r.step > 0 && b-a > r.step {
		h.named = true
		if b > last && b < f.first {
			h.end = b
		}
	}
	if !h.named && !r.long(h.end-h.begin) {
		return nil
	}
	return h
}

// rhythm measures the silences within the collector's files. If there are enough files, it also
// takes the median silence between them, because most files are whole.
func (c *collectorPlan) rhythm() rhythm {
	var r rhythm
	silences, last := int64(0), int64(0)
	var between []int64
	for _, f := range c.updates {
		before := int64(0)
		for i := range f.rows {
			s := &f.rows[i]
			if s.odd {
				continue
			}
			r.longest = max(r.longest, s.step)
			silences += s.records - 1
			if before != 0 {
				r.longest = max(r.longest, s.low-before)
				silences++
			}
			before = max(before, s.high)
		}
		if f.first != 0 && last != 0 {
			between = append(between, f.first-last)
		}
		last = max(last, f.last)
	}
	if len(between)+1 >= enoughFiles {
		slices.Sort(between)
		r.longest = max(r.longest, between[len(between)/2])
	}
	if silences < enoughSilences {
		r.longest = 0
	}
	r.step = c.step()
	return r
}

// step returns the interval between the names of the collector's update files: 5, 15 or 60 minutes,
// if the name of each readable file has a time. 0 means unknown.
func (c *collectorPlan) step() int64 {
	least, before := int64(0), int64(0)
	for _, f := range c.updates {
		if f.first == 0 {
			continue
		}
		at := stamp(f.title)
		if at <= before {
			return 0
		}
		if d := at - before; before != 0 && (least == 0 || d < least) {
			least = d
		}
		before = at
	}
	switch least / minuteMicroseconds {
	case 5, 15, 60:
		return least
	}
	return 0
}

var stamped = regexp.MustCompile(`(\d{8})[._-]?(\d{4})(?:\D|$)`)

// stamp returns the time in the name of an archive's file, such as updates.20261124.1205.gz,
// microseconds. It returns 0 if there is none.
func stamp(path string) int64 {
	m := stamped.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return 0
	}
	t, err := time.Parse("200601021504", m[1]+m[2])
	if err != nil {
		return 0
	}
	return t.UnixMicro()
}

// chooseTables leaves out the tables that do not help: those later than all updates, and those with
// updates missing after them. last is the last update's time, 0 if there are none.
func (c *collectorPlan) chooseTables(r rhythm, last int64) {
	var holes []*hole
	for _, f := range c.updates {
		if f.hole != nil {
			holes = append(holes, f.hole)
		}
	}
	var played []*filePlan
	for _, t := range c.tables {
		if last != 0 && t.first > last {
			c.notes = append(c.notes, fmt.Sprintf("%s: the table of %s, %s, "+
				"is younger than all updates of its collector, the last of %s: it is not played",
				c.name, clock(t.first), t.title, clock(last)))
			continue
		}
		if i := slices.IndexFunc(holes, func(h *hole) bool {
			return t.first > h.begin && t.first < h.end && (h.named || r.long(h.end-t.first))
		}); i >= 0 {
			c.notes = append(c.notes,
				fmt.Sprintf("%s: the table of %s, %s, is not played: updates are missing behind it",
					c.name, clock(t.first), t.title))
			continue
		}
		played = append(played, t)
		for _, h := range holes {
			h.known = h.known || t.first <= h.begin
			h.answered = h.answered || h.known && t.first > h.begin
		}
	}
	c.tables = played
}

// tellHoles returns sentences about the missing updates and their effect.
func (c *collectorPlan) tellHoles() []string {
	out := c.notes
	for _, g := range c.gaps() {
		out = append(out, c.name+": "+g.text)
	}
	return out
}

// gap is a hole with its description.
type gap struct {
	*hole
	text string
}

// gaps returns the holes of the collector, by time.
func (c *collectorPlan) gaps() []gap {
	var out []gap
	for i, f := range c.updates {
		if f.hole == nil {
			continue
		}
		then := "what its peers hold is learned anew"
		switch {
		case f.hole.answered:
			then = "its next table tells what its peers hold; until then they do not vote"
		case f.hole.known:
			then = "no later table tells what its peers hold: they do not vote from then on"
		}
		where := "before " + f.title
		if before := c.before(i); before != nil {
			where = fmt.Sprintf("between %s and %s", before.title, f.title)
		}
		if f.hole.why != "" {
			where += " (" + f.hole.why + ")"
		}
		out = append(out, gap{
			f.hole,
			fmt.Sprintf("updates are missing from %s to %s, %s: %s", clock(f.hole.begin), clock(f.hole.end),
				where, then),
		})
	}
	if c.after != nil {
		until := ""
		if c.after.end > c.after.begin {
			until = " to " + clock(c.after.end)
		}
		out = append(out, gap{
			c.after,
			fmt.Sprintf("updates are missing from %s%s, at its end (%s): it counts as down from then on",
				clock(c.after.begin), until, c.after.why),
		})
	}
	return out
}

// Unanswered returns the times without updates between a collector's files after which no later
// table gives its peers' routes.
func (p *Plan) Unanswered() []Missing {
	var out []Missing
	for _, c := range p.collectors {
		for _, f := range c.updates {
			if h := f.hole; h != nil && !h.answered {
				out = append(out, Missing{
					Collector: c.name, Begin: time.UnixMicro(h.begin).UTC(), End: time.UnixMicro(h.end).UTC(),
					Name: f.title,
				})
			}
		}
	}
	return out
}

// before returns the last update file with times before file i, or nil if there is none.
func (c *collectorPlan) before(i int) *filePlan {
	for i--; i >= 0; i-- {
		if c.updates[i].first != 0 {
			return c.updates[i]
		}
	}
	return nil
}
