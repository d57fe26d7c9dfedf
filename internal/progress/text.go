package progress

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Run is the state of a run for its line of progress.
type Run struct {
	// Done is the work that the slowest stage has finished.
	Done    Point
	Outages int
	// Damaged is the number of parts of the input that could not be read.
	Damaged uint64
	// Took is the time since the program started. Busy is the time in which Done was finished
	// (Costs.Measured).
	Took, Busy time.Duration
	// Rest is the estimated remaining time (Costs.Rest).
	Rest time.Duration
	// Least is the share shown before: the share never decreases.
	Least int
}

// Share returns the elapsed part of the estimated total time, in percent: at most 99, because a
// running run is never complete.
func (r Run) Share() int {
	if r.Busy < leastBusy {
		return r.Least
	}
	return max(r.Least, min(99, int(100*float64(r.Took)/float64(r.Took+r.Rest))))
}

// leastBusy is the least Busy with a share and a remaining time: an earlier guess would jump.
const leastBusy = 3 * time.Second

// Text returns the line of progress: share, event time, rate, outages, remaining time. There is no
// share before the slowest stage has been measured for leastBusy.
func (r Run) Text() string {
	var b strings.Builder
	if share := r.Share(); share > 0 {
		fmt.Fprintf(&b, "%2d %%", share)
	} else {
		b.WriteString("starting")
	}
	if r.Done.EventTime > 0 {
		fmt.Fprintf(&b, "  %s UTC", time.UnixMicro(r.Done.EventTime).UTC().Format("2006-01-02 15:04"))
	}
	if s := r.Busy.Seconds(); s >= 1 && r.Done.Messages > 0 {
		fmt.Fprintf(&b, "  %.0f messages/s", float64(r.Done.Messages)/s)
	}
	fmt.Fprintf(&b, "  %s", bgp.Count(max(r.Outages, 0), "outage"))
	if r.Damaged > 0 {
		fmt.Fprintf(&b, "  %s damaged", bgp.Count(r.Damaged, "part"))
	}
	if r.Busy >= leastBusy {
		fmt.Fprintf(&b, "  about %s left", Span(r.Rest))
	}
	return b.String()
}

// Span writes a remaining time: whole seconds up to two minutes, then minutes, then hours and
// minutes.
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

// Bytes writes a size in B, kB or MB.
func Bytes(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%d MB", n/1_000_000)
	case n >= 10_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%d B", n)
}

// Transfer writes the progress of a download: done octets of total (0: unknown) in the time took
// since the first octets.
func Transfer(done, total int64, took time.Duration) string {
	switch {
	case total > 0 && done >= total:
		return Bytes(total) + " have come and are checked"
	case done == 0 && total > 0:
		return "waiting for the first of " + Bytes(total)
	}
	var b strings.Builder
	if total > 0 {
		fmt.Fprintf(&b, "%2d %%  %s of %s", 100*done/total, Bytes(done), Bytes(total))
	} else {
		b.WriteString(Bytes(done))
	}
	if s := took.Seconds(); s >= 1 && done > 0 {
		rate := float64(done) / s
		fmt.Fprintf(&b, "  %s/s", Bytes(int64(rate)))
		if total > done && took >= leastBusy {
			fmt.Fprintf(&b, "  about %s left", Span(time.Duration(float64(total-done)/rate*float64(time.Second))))
		}
	}
	return b.String()
}
