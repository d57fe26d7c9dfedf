package bootstrap

import "time"

// Planned is the nominal time of the dump of a collector's next check, zero where none is planned.
func (w *Worker) Planned(name string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.collectors[name]; c != nil {
		return c.dump
	}
	return time.Time{}
}
