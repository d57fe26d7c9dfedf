package bootstrap

import "time"

const (
	// badFor is how many RetryIntervals a dump is left alone that is listed and cannot be had: perhaps the server has it later.
	badFor = 3
	// maxBad bounds the dumps of a collector that are remembered as of no use: more than archives have within any DumpAgeLimit.
	maxBad = 1024
)

// isBad reports whether a dump is to be left alone.
func (w *Worker) isBad(name, url string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.collectors[name]
	return c != nil && w.d.Now().Before(c.bad[url])
}

// setBad leaves a dump alone for a time: DumpAgeLimit for good, for it is not asked for any more then. Beyond maxBad those that are left
// alone for the shortest are forgotten.
func (w *Worker) setBad(name, url string, span time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.collectors[name]
	if c == nil {
		return
	}
	c.bad[url] = w.d.Now().Add(span)
	for len(c.bad) > maxBad {
		first := url
		for u, until := range c.bad {
			if until.Before(c.bad[first]) {
				first = u
			}
		}
		delete(c.bad, first)
	}
}
