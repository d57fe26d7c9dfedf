package bootstrap

import (
	"time"

	dto "github.com/prometheus/client_model/go"
)

// Planned returns the nominal time of the dump of a collector's next check. It is zero if none is
// planned.
func (w *Worker) Planned(name string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.collectors[name]; c != nil {
		return c.dump
	}
	return time.Time{}
}

// Late returns the number of checks that were too late to begin.
func (w *Worker) Late() int {
	var m dto.Metric
	if err := w.metrics.late.Write(&m); err != nil {
		return -1
	}
	return int(m.GetCounter().GetValue())
}

// Idle reports whether no job runs.
func (w *Worker) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.collectors {
		if c.cancel != nil {
			return false
		}
	}
	return true
}
