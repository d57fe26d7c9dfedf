package detect

import (
	"fmt"
	"strings"
	"time"

	"github.com/darkmap/darkmap/internal/telemetry"
)

const (
	// heldAfter is the time without the end of a minute after which Ready reports the delay.
	// Normally minutes end one after the other, a few seconds late.
	heldAfter = 70 * time.Second
	// maxHolders is the number of collectors that the text names at most.
	maxHolders = 5
)

// HeldError is a reason of Ready: no minute has ended for more than heldAfter, so detect decides
// nothing.
type HeldError struct{ Text string }

func (e *HeldError) Error() string { return e.Text }

// undecided returns the reason why detect decides nothing at present: the open minute does not end,
// or no verdict is possible. It is nil if neither holds.
func (x *session) undecided(now time.Time) error {
	lacks := x.detector.NoVerdict()
	since, opened := x.clock.Open()
	switch {
	case opened && now.Sub(x.ended) >= heldAfter:
		all := append([]string{heldText(since, x.clock.Holding())}, lacks...)
		return telemetry.WaitingError{Err: &HeldError{strings.Join(all, "; ")}}
	case len(lacks) > 0:
		return telemetry.WaitingError{Err: &NoVerdictError{strings.Join(lacks, "; ")}}
	}
	return nil
}

// heldText returns the text of a HeldError. since is the beginning of the open minute, seconds
// since 1970.
func heldText(since int64, holders []string) string {
	text := "nothing is decided since " + time.Unix(since, 0).UTC().Format(time.DateTime) +
		" UTC, all events stay as they are: "
	if len(holders) == 0 {
		return text + "the records of that minute have not come to their end"
	}
	more := ""
	if n := len(holders) - maxHolders; n > 0 {
		holders, more = holders[:maxHolders], fmt.Sprintf(" and %d more", n)
	}
	return text + "it is not known whether more will come from " + strings.Join(holders, ", ") + more
}
