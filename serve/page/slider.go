package page

import (
	"fmt"
	"time"
)

// slider holds links to other moments of a day. They work without a script.
type slider struct {
	// At is the moment of the page, and Day its day.
	At  time.Time
	Day string
	// Hours are the full hours of the day.
	Hours []step
	// Back and Forward are links to nearby moments, Back from far to near and Forward from near to
	// far.
	Back, Forward []step
}

// step is a link to a moment.
type step struct {
	Text, Label, Link string
	// Current marks the hour of the page. Off marks moments after the newest minute.
	Current, Off bool
}

// slider returns the slider of the page. It returns nil if no minute is known.
func (a *asked) slider() *slider {
	at := a.Until()
	if at.IsZero() {
		return nil
	}
	newest := a.site.deps.Snapshot(a.Request).Until()
	if a.Dataset != a.site.deps.Dataset {
		newest = at.AddDate(100, 0, 0) // find falls back to the end of the dataset
	}
	day := at.Truncate(24 * time.Hour)
	s := &slider{At: at, Day: day.Format(time.DateOnly)}
	link := func(t time.Time) string { return a.Link("/", "at", t.Format(minuteForm)) }
	for h := range 24 {
		t := day.Add(time.Duration(h) * time.Hour)
		s.Hours = append(s.Hours, step{
			Text: fmt.Sprintf("%02d", h), Label: clock(t), Link: link(t),
			Current: !at.Before(t) && at.Before(t.Add(time.Hour)), Off: t.After(newest),
		})
	}
	for _, x := range []struct {
		text  string
		moves time.Duration
	}{{"1 day", 24 * time.Hour}, {"1 h", time.Hour}, {"10 min", 10 * time.Minute}, {"1 min", time.Minute}} {
		back, forward := at.Add(-x.moves), at.Add(x.moves)
		s.Back = append(s.Back, step{Text: "−" + x.text, Label: clock(back), Link: link(back)})
		s.Forward = append([]step{
			{Text: "+" + x.text, Label: clock(forward), Link: link(forward), Off: forward.After(newest)},
		}, s.Forward...)
	}
	return s
}
