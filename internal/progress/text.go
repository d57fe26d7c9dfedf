package progress

import (
	"fmt"
	"strings"
	"time"
)

// Run is how far a run is.
type Run struct {
	// Done is what the slowest stage has finished, of TotalWork.
	Done      Point
	TotalWork float64
	Outages   int
	// Damaged is how many parts of the input could not be read.
	Damaged uint64
	// Before is how long it took until the slowest stage had finished something, Begun of the work; Took is the time since then.
	Before time.Duration
	Begun  float64
	Took   time.Duration
	// Least is the share that was told before: it never goes back.
	Least int
}

// Share is the part of the whole time that has passed, percent, if the rest of the work takes as long as what is done. A run that goes
// on has never done all of it.
func (r Run) Share() int {
	part := r.part()
	if part <= 0 {
		return r.Least
	}
	if whole := r.Before + time.Duration(float64(r.Took)/part); whole > 0 {
		part = float64(r.Before+r.Took) / float64(whole)
	}
	return max(r.Least, min(99, int(100*part)))
}

// part is the part of the work that was done in Took; 0 where that is not known.
func (r Run) part() float64 {
	if r.TotalWork <= r.Begun || r.Done.Work <= r.Begun {
		return 0
	}
	return min(1, (r.Done.Work-r.Begun)/(r.TotalWork-r.Begun))
}

// The time left is told once this share was done and this time has passed: before, a guess would jump.
const (
	leastShare = 3
	leastTook  = 3 * time.Second
)

// Left is about how long the rest takes; false while that cannot be told.
func (r Run) Left() (time.Duration, bool) {
	share := r.Share()
	part := r.part()
	if share < leastShare || r.Took < leastTook || part <= 0 {
		return 0, false
	}
	return time.Duration(float64(r.Took) * (1 - part) / part), true
}

// Text is the line: share, event time, rate, outages, time left. There is no share before the speed of the slowest stage shows.
func (r Run) Text() string {
	var b strings.Builder
	if r.part() > 0 || r.Least > 0 {
		fmt.Fprintf(&b, "%2d %%", r.Share())
	} else {
		b.WriteString("starting")
	}
	if r.Done.EventTime > 0 {
		fmt.Fprintf(&b, "  %s UTC", time.UnixMicro(r.Done.EventTime).UTC().Format("2006-01-02 15:04"))
	}
	if s := r.Took.Seconds(); s >= 1 && r.Done.Messages > 0 {
		fmt.Fprintf(&b, "  %.0f messages/s", float64(r.Done.Messages)/s)
	}
	fmt.Fprintf(&b, "  %s", countOf(uint64(max(r.Outages, 0)), "outage"))
	if r.Damaged > 0 {
		fmt.Fprintf(&b, "  %s damaged", countOf(r.Damaged, "part"))
	}
	if left, ok := r.Left(); ok {
		fmt.Fprintf(&b, "  about %s left", Span(left))
	}
	return b.String()
}

func countOf(n uint64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Span writes a time that is left as people do: whole seconds up to two minutes, then minutes, then hours and minutes.
func Span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", max(1, int(d.Round(time.Second)/time.Second)))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	}
	m := int(d.Round(time.Minute) / time.Minute)
	return fmt.Sprintf("%d h %d min", m/60, m%60)
}

// Bytes writes a size as people do.
func Bytes(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n >= 10_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d B", n)
}

// Transfer words how far a download is: how much of the total (0: not known) came in took.
func Transfer(done, total int64, took time.Duration) string {
	var b strings.Builder
	if total > 0 {
		fmt.Fprintf(&b, "%2d %%  %s of %s", min(100, 100*done/total), Bytes(min(done, total)), Bytes(total))
	} else {
		b.WriteString(Bytes(done))
	}
	if s := took.Seconds(); s >= 1 && done > 0 {
		rate := float64(done) / s
		fmt.Fprintf(&b, "  %s/s", Bytes(int64(rate)))
		if total > done {
			fmt.Fprintf(&b, "  about %s left", Span(time.Duration(float64(total-done)/rate*float64(time.Second))))
		}
	}
	return b.String()
}
