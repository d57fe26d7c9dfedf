package outagelog

import (
	"fmt"
	"time"
)

// timeForms are how a time may be written. Without a zone it is UTC.
var timeForms = []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02T15:04Z", time.RFC3339, "2006-01-02 15:04:05Z07:00"}

// ParseWindow reads the two ends of a window: dates, dates with a time, or RFC 3339. A date begins a window at its first moment, and
// ends one after its last. An empty text is the zero time. The errors begin with the flag, --from or --to.
func ParseWindow(from, to string) (begin, end time.Time, err error) {
	if begin, _, err = ParseTime(from); err != nil {
		return begin, end, fmt.Errorf("--from %w", err)
	}
	end, date, err := ParseTime(to)
	if err != nil {
		return begin, end, fmt.Errorf("--to %w", err)
	}
	if date {
		end = end.AddDate(0, 0, 1)
	}
	if !begin.IsZero() && !end.IsZero() && !begin.Before(end) {
		return begin, end, fmt.Errorf("--from %s --to %s: the window ends before it begins", from, to)
	}
	return begin, end, nil
}

// ParseTime reads a time as ParseWindow does, and says whether it is a date alone: then it is its first moment.
func ParseTime(s string) (t time.Time, date bool, err error) {
	if s == "" {
		return t, false, nil
	}
	if t, err = time.Parse(time.DateOnly, s); err == nil {
		return t, true, nil
	}
	for _, form := range timeForms {
		if t, err = time.Parse(form, s); err == nil {
			return t.UTC(), false, nil
		}
	}
	return t, false, fmt.Errorf("%q is not a time: write it as 2014-12-22, \"2014-12-22 16:15\" or 2014-12-22T16:15:00Z (UTC)", s)
}
