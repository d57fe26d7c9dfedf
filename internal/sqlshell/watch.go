package sqlshell

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/darkmap/darkmap/internal/bgp"
)

// Done is how far a statement is.
type Done struct {
	// Read is how many rows it has read, of about Total; 0 is not known.
	Read, Total uint64
}

const (
	// watchAfter is when a statement is long enough to say how far it is, and watchEvery how often that is said.
	watchAfter, watchEvery = time.Second, 500 * time.Millisecond
)

// Watch draws how far a statement is from watchAfter on, until the function that it returns is called. look may fail.
func Watch(ctx context.Context, draw func(text string), erase func(), look func(ctx context.Context) (Done, error)) (stop func()) {
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

// doneText says how far a statement is.
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
