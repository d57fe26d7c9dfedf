package sqlshell

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Done is the progress of a statement.
type Done struct {
	// Read is the number of rows read, of about Total; 0 is unknown.
	Read, Total uint64
}

const (
	// watchAfter is the time after which a statement's progress is shown, watchEvery the interval
	// of its updates.
	watchAfter, watchEvery = time.Second, 500 * time.Millisecond
)

// Watch draws the progress of a statement from watchAfter on, until stop is called. If look fails,
// Watch draws the elapsed time alone.
func Watch(
	ctx context.Context, draw func(text string), erase func(),
	look func(ctx context.Context) (Done, error),
) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	began := time.Now()
	go func() { // ends with stop
		defer close(ended)
		defer erase()
		t := time.NewTimer(watchAfter)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			done, err := look(ctx)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				done = Done{}
			}
			draw(doneText(time.Since(began), done))
			t.Reset(watchEvery)
		}
	}()
	return func() { cancel(); <-ended }
}

// doneText writes the progress of a statement in words.
func doneText(took time.Duration, done Done) string {
	text := bgp.DurationText(took)
	if done.Read > 0 {
		text += ", " + strconv.FormatUint(done.Read, 10)
		if done.Total > done.Read {
			text += fmt.Sprintf(" of about %s (%d %%)", strconv.FormatUint(done.Total, 10), 100*done.Read/done.Total)
		}
		text += " rows read"
	}
	return text + "; Ctrl-C cancels"
}
