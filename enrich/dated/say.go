package dated

import (
	"fmt"
	"slices"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

const (
	day  = 24 * time.Hour
	year = 365.25 * 24 * time.Hour
	// soon is up to when data that are newer than the records are not worth a warning: registries change little in a month.
	soon = 30 * day
)

// Says are sentences for whoever replays records from begin to end: which snapshots are in force, how much newer the data are where none
// is, and that a later snapshot is not used.
func (c Choice) Says(begin, end time.Time) (lines []string) {
	p, o := c.Places, c.Owners
	switch {
	case p.Snapshot && o.Snapshot && p.From == o.From:
		lines = append(lines, fmt.Sprintf("the geography and the AS data are those of %s (%s)", dayText(p.Day), p.From))
	case p.Snapshot && o.Snapshot:
		lines = append(lines, fmt.Sprintf("the geography is that of %s (%s), the AS data are those of %s (%s)", dayText(p.Day), p.From, dayText(o.Day), o.From))
	case p.Snapshot:
		lines = append(lines, fmt.Sprintf("the geography is that of %s (%s)", dayText(p.Day), p.From))
	case o.Snapshot:
		lines = append(lines, fmt.Sprintf("the AS data are those of %s (%s)", dayText(o.Day), o.From))
	}
	if warning := c.warning(begin); warning != "" {
		lines = append(lines, warning)
	}
	if c.at.IsZero() || !p.Snapshot && !o.Snapshot || c.newer(p) || c.newer(o) {
		return lines
	}
	later := slices.IndexFunc(c.days, func(d time.Time) bool { return d.After(begin) && !d.After(end) })
	if later >= 0 {
		lines = append(lines, fmt.Sprintf("the snapshot of %s comes into force within these files and is not used: a replay has one geography, so that no outage is one of the files' change", dayText(c.days[later])))
	}
	return lines
}

// warning says how much newer the data are than the first record; empty where they are not, or by less than a month.
func (c Choice) warning(begin time.Time) string {
	if begin.IsZero() {
		return ""
	}
	far := func(s Set) bool { return s.Day.Sub(begin) >= soon }
	p, o := c.Places, c.Owners
	what := ""
	switch {
	case far(p) && far(o) && p.Day.Equal(o.Day):
		what = fmt.Sprintf("the geography and the AS data are of %s (%s), %s later", dayText(p.Day), from(p, o), apart(p.Day.Sub(begin)))
	case far(p) && far(o):
		what = fmt.Sprintf("the geography is of %s (%s), %s later, the AS data are of %s (%s), %s later",
			dayText(p.Day), p.From, apart(p.Day.Sub(begin)), dayText(o.Day), o.From, apart(o.Day.Sub(begin)))
	case far(p):
		what = fmt.Sprintf("the geography is of %s (%s), %s later", dayText(p.Day), p.From, apart(p.Day.Sub(begin)))
	case far(o):
		return fmt.Sprintf("warning: the files begin on %s, the AS data are of %s (%s), %s later: names and owners are those of that day", dayText(begin), dayText(o.Day), o.From, apart(o.Day.Sub(begin)))
	default:
		return ""
	}
	return fmt.Sprintf("warning: the files begin on %s, %s: space counts for the country of that day (of Ukraine's, 14 %% changed its country between 2022 and 2026). "+
		"`darkmap fetch --geo-date %s` brings the delegations of the day", dayText(begin), what, dayText(begin))
}

// from names where both kinds are from.
func from(p, o Set) string {
	if p.From == o.From {
		return p.From
	}
	return p.From + ", " + o.From
}

// apart is a length of time in years, or below one in days.
func apart(d time.Duration) string {
	if d < time.Duration(year) {
		return bgp.Count(int(d/day), "day")
	}
	return fmt.Sprintf("%.1f years", float64(d)/float64(year))
}
