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
	// soon is the least age difference that gives a warning if the data are newer than the records:
	// registries change little within a month. old is the same for older data, which were valid
	// until newer data replaced them.
	soon = 30 * day
	old  = year
)

// far reports whether the day of the data is far enough from begin for a warning.
func (s Set) far(begin time.Time) bool {
	return !s.Day.IsZero() && !begin.IsZero() && (s.Day.Sub(begin) >= soon || begin.Sub(s.Day) >= old)
}

// Says returns messages for a replay of records from begin to end: the snapshots in use, a warning
// if their days are far from the records, and a note if a later snapshot is not used.
func (c Choice) Says(begin, end time.Time) (lines []string) {
	p, o := c.Places, c.Owners
	sayPlaces, sayOwners := p.Snapshot && !p.far(begin), o.Snapshot && !o.far(begin)
	switch {
	case sayPlaces && sayOwners && p.From == o.From:
		lines = append(lines,
			fmt.Sprintf("the geography and the AS data are those of %s (%s)", dayText(p.Day), p.From))
	case sayPlaces && sayOwners:
		lines = append(lines, fmt.Sprintf("the geography is that of %s (%s), the AS data are those of %s (%s)",
			dayText(p.Day), p.From, dayText(o.Day), o.From))
	case sayPlaces:
		lines = append(lines, fmt.Sprintf("the geography is that of %s (%s)", dayText(p.Day), p.From))
	case sayOwners:
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
		lines = append(lines,
			fmt.Sprintf(
				"the snapshot of %s comes into force within these files and is not used: "+
					"a replay has one geography, so that no outage is one of the files' change",
				dayText(c.days[later])))
	}
	return lines
}

// warning returns a text on how far the days of the data are from the first record. It is empty if
// they are close.
func (c Choice) warning(begin time.Time) string {
	p, o := c.Places, c.Owners
	var what string
	switch {
	case p.far(begin) && o.far(begin) && p.Day.Equal(o.Day):
		what = fmt.Sprintf("the geography and the AS data are of %s (%s), %s", dayText(p.Day), from(p, o),
			apart(begin, p.Day))
	case p.far(begin) && o.far(begin):
		what = fmt.Sprintf("the geography is of %s (%s), %s, the AS data are of %s (%s), %s",
			dayText(p.Day), p.From, apart(begin, p.Day), dayText(o.Day), o.From, apart(begin, o.Day))
	case p.far(begin):
		what = fmt.Sprintf("the geography is of %s (%s), %s", dayText(p.Day), p.From, apart(begin, p.Day))
	case o.far(begin):
		return fmt.Sprintf(
			"warning: the files begin on %s, the AS data are of %s (%s), %s: names and owners are those of that day",
			dayText(begin), dayText(o.Day), o.From, apart(begin, o.Day))
	default:
		return ""
	}
	return fmt.Sprintf(
		"warning: the files begin on %s, %s. Space counts for the country that it was in then: "+
			"of Ukraine's, 14 %% changed its country between 2022 and 2026. %s",
		dayText(begin), what, c.advice(begin))
}

// advice returns a text on how to get the geography of the day.
func (c Choice) advice(begin time.Time) string {
	brings := fmt.Sprintf("`darkmap fetch --geo-date %s` brings the delegations of the day", dayText(begin))
	if c.listOnly {
		return brings + ", which are read if enrich.snapshots.directory names their folder: " +
			"enrich.geo.files goes before the default folder"
	}
	return brings
}

// from joins the source names of both kinds.
func from(p, o Set) string {
	if p.From == o.From {
		return p.From
	}
	return p.From + ", " + o.From
}

// apart formats how much later or earlier than begin a day is: in years, or in days if less than a
// year.
func apart(begin, at time.Time) string {
	d, way := at.Sub(begin), "later"
	if d < 0 {
		d, way = -d, "earlier"
	}
	if d < year {
		return bgp.Count(int(d/day), "day") + " " + way
	}
	return fmt.Sprintf("%.1f years %s", float64(d)/float64(year), way)
}
