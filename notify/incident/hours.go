package incident

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // so that zones are the same on machines without a zone database

	"github.com/darkmap/darkmap/internal/bgp"
)

// clockTime is a time of day, in minutes.
type clockTime int

// parseClock parses HH:MM.
func parseClock(s string) (clockTime, error) {
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day such as 22:00", s)
	}
	return clockTime(t.Hour()*60 + t.Minute()), nil
}

// on returns the time of day on the day of t, days later. A time that is skipped by daylight saving
// time moves by the same amount.
func (c clockTime) on(t time.Time, days int) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day()+days, int(c)/60, int(c)%60, 0, 0, t.Location())
}

// parseZone parses a zone of the IANA database; empty is UTC. It rejects the machine's own zone,
// which differs between machines.
func parseZone(s string) (*time.Location, error) {
	if s == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(s, "local") {
		return nil, errors.New("the machine's zone has no fixed meaning: name one such as Europe/Berlin")
	}
	return time.LoadLocation(s)
}

// quietHours is a parsed QuietHours.
type quietHours struct {
	from, to clockTime
	zone     *time.Location
	drop     bool
	except   []string
}

// parseQuietHours parses the section. It returns nil if there are no quiet hours.
func parseQuietHours(q QuietHours) (*quietHours, error) {
	if q.From == "" {
		return nil, nil //nolint:nilnil // no quiet hours are none
	}
	out := &quietHours{drop: q.Do == "drop", except: q.Except}
	var errs [3]error
	out.from, errs[0] = parseClock(q.From)
	out.to, errs[1] = parseClock(q.To)
	out.zone, errs[2] = parseZone(q.TimeZone)
	return out, errors.Join(errs[:]...)
}

// until returns the end of the quiet hours that apply at t to a severity; zero if none apply.
func (q *quietHours) until(t time.Time, s bgp.Severity) time.Time {
	if q == nil || slices.Contains(q.except, string(s)) {
		return time.Time{}
	}
	local := t.In(q.zone)
	for days := -1; days <= 0; days++ { // yesterday's and today's
		begin, end := q.from.on(local, days), q.to.on(local, days)
		if q.to <= q.from {
			end = q.to.on(local, days+1)
		}
		if !t.Before(begin) && t.Before(end) {
			return end.UTC()
		}
	}
	return time.Time{}
}

// schedule holds the times of digests.
type schedule struct {
	weekly  bool
	weekday time.Weekday
	at      clockTime
	zone    *time.Location
}

var weekdays = map[string]time.Weekday{"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

// parseSchedule parses "daily 08:00 Europe/Berlin" or "weekly mon 08:00 Europe/Berlin". The zone is
// optional. It returns nil if s is empty.
func parseSchedule(s string) (*schedule, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no digest is none
	}
	words := strings.Fields(s)
	var out schedule
	switch {
	case len(words) >= 2 && words[0] == "daily":
		words = words[1:]
	case len(words) >= 3 && words[0] == "weekly":
		day, ok := weekdays[strings.ToLower(words[1])]
		if !ok {
			return nil, fmt.Errorf("%q is no day of the week such as mon", words[1])
		}
		out.weekly, out.weekday, words = true, day, words[2:]
	default:
		return nil, fmt.Errorf("%q begins neither with daily nor with weekly and a day", s)
	}
	if len(words) > 2 {
		return nil, fmt.Errorf("%q has too many words", s)
	}
	var errs [2]error
	out.at, errs[0] = parseClock(words[0])
	out.zone = time.UTC
	if len(words) == 2 {
		out.zone, errs[1] = parseZone(words[1])
	}
	return &out, errors.Join(errs[:]...)
}

// next returns the first scheduled time after t.
func (s *schedule) next(t time.Time) time.Time {
	local := t.In(s.zone)
	for days := 0; ; days++ { // at most eight iterations: every day, or every weekday, has one
		at := s.at.on(local, days)
		if at.After(t) && (!s.weekly || at.Weekday() == s.weekday) {
			return at.UTC()
		}
	}
}
