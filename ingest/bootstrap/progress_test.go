package bootstrap_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/darkmap/darkmap/ingest/bootstrap"
)

// doing keeps the last progress of each collector whose answer has not ended.
type doing struct {
	mu   sync.Mutex
	last map[string]string // by collector: Progress.Doing
}

// note implements Deps.Progress.
func (d *doing) note(p bootstrap.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		d.last = map[string]string{}
	}
	d.last[p.Collector] = p.Doing
	if p.Ended {
		delete(d.last, p.Collector)
	}
}

// count returns how many collectors' progress contains text.
func (d *doing) count(text string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, doing := range d.last {
		if strings.Contains(doing, text) {
			n++
		}
	}
	return n
}

func (d *doing) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprint(d.last)
}

// waitDoing waits until the progress of n collectors contains text.
func (sc *scene) waitDoing(text string, n int) {
	sc.t.Helper()
	waitFor(sc.t, func() bool { return sc.doing.count(text) == n }, sc.worker)
}
