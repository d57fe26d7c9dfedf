// Package timespan reads the times that a user types: --from, --to and --at. It imports nothing of this module.
package timespan

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Day is how long a date lasts: what is named without a time is a whole day of UTC.
const Day = 24 * time.Hour

// forms are how a time may be written, with how long each of them lasts. Without a zone it is UTC. Seconds may have a fraction.
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

// Seconds since 1970 are read between these ends, 1973 and 5138: a year alone (2014) or a date without hyphens (20141222) is not taken
// for seconds.
const leastSeconds, mostSeconds = 1e8, 1e11

// Parse reads a date, a date with a time, or seconds since 1970 as bgpdump prints them. It returns the first moment of what is named, in
// UTC, and how long that lasts: a date Day, a time a minute or a second, a time with a fraction a microsecond. Empty text is the zero time.
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
	return time.Time{}, 0, fmt.Errorf("%q is not a time: write it as 2014-12-22, \"2014-12-22 16:15\", 2014-12-22T16:15:00Z (UTC), or as seconds since 1970", s)
}

// resolution is how long a text lasts that lasts so long without a fraction.
func resolution(s string, lasts time.Duration) time.Duration {
	if strings.ContainsAny(s, ".,") {
		return time.Microsecond
	}
	return lasts
}

// ParseWindow reads the two ends of a window. A date begins a window at its first moment and ends one after its last. A time ends a window
// before it or, with whole, after what it names: 16:15 after this minute. Empty text is the zero time: no end. The errors begin with the
// flag, --from or --to.
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

// ParseLength reads how long something is: as Go's durations, and days: 7d, 1d12h, 90m. It is above 0.
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
