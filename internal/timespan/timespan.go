// Package timespan parses the times that a user types: --from, --to and --at. It imports no other
// package of this module.
package timespan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Day is the length of a date: a date without a time is a whole day in UTC.
const Day = 24 * time.Hour

// forms are the forms of a time, with the length of each. A time without a zone is UTC. Seconds may
// have a fraction.
var forms = []struct {
	layout string
	lasts  time.Duration
}{
	{time.DateOnly, Day},
	{"2006-01-02T15:04", time.Minute},
	{"2006-01-02 15:04", time.Minute},
	{"2006-01-02T15:04Z07:00", time.Minute},
	{"2006-01-02 15:04Z07:00", time.Minute},
	{"2006-01-02T15:04:05", time.Second},
	{"2006-01-02 15:04:05", time.Second},
	{time.RFC3339, time.Second},
	{"2006-01-02 15:04:05Z07:00", time.Second},
}

// Seconds since 1970 are accepted between these bounds, 1973 and 5138, so that a year (2014) or a
// date without hyphens (20141222) is not read as seconds.
const leastSeconds, mostSeconds = 1e8, 1e11

// Parse parses a date, a date with a time, or seconds since 1970 in bgpdump's form. It returns the
// first moment, in UTC, and the length: Day for a date, a minute or a second for a time, a
// microsecond for a time with a fraction. Empty text is the zero time.
func Parse(s string) (t time.Time, lasts time.Duration, err error) {
	if s == "" {
		return t, 0, nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= leastSeconds && n < mostSeconds {
		return time.UnixMicro(int64(n*1e6 + 0.5)).UTC(), resolution(s, time.Second), nil
	}
	for _, f := range forms {
		if t, err = time.Parse(f.layout, s); err == nil {
			return t.UTC(), resolution(s, f.lasts), nil
		}
	}
	return time.Time{}, 0, fmt.Errorf("%q is not a time: write it as 2014-12-22, \"2014-12-22 16:15\", "+
		"2014-12-22T16:15:00Z (UTC), or as seconds since 1970", s)
}

// resolution returns the length of a time: a microsecond if it has a fraction, else lasts.
func resolution(s string, lasts time.Duration) time.Duration {
	if strings.ContainsAny(s, ".,") {
		return time.Microsecond
	}
	return lasts
}

// ParseWindow parses the two ends of a window. A date as start is its first moment, a date as end
// the moment after it. A time as end is that moment or, with whole, the end of its minute, second or
// microsecond: 16:15 includes that minute. Empty text is the zero time: no bound. The errors begin
// with the flag, --from or --to.
func ParseWindow(from, to string, whole bool) (begin, end time.Time, err error) {
	if begin, _, err = Parse(from); err != nil {
		return begin, end, fmt.Errorf("--from %w", err)
	}
	end, lasts, err := Parse(to)
	if err != nil {
		return begin, end, fmt.Errorf("--to %w", err)
	}
	if whole || lasts == Day {
		end = end.Add(lasts)
	}
	if from != "" && to != "" && !begin.Before(end) {
		return begin, end, fmt.Errorf("--from %s --to %s: the window ends before it begins", from, to)
	}
	return begin, end, nil
}

// ParseLength parses a length of time in the form of Go's durations, or with days: 7d, 1d12h, 90m.
// It must be above 0.
func ParseLength(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "0", s
	}
	n, err := strconv.ParseUint(days, 10, 16)
	var d time.Duration
	if err == nil && rest != "" {
		d, err = time.ParseDuration(rest)
	}
	if d += time.Duration(n) * Day; err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a length of time: write it as 7d, 2h, 90m or 1d12h", s)
	}
	return d, nil
}
