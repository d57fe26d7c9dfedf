package bootstrap

import "time"

const (
	// badFor is the number of RetryIntervals for which a listed dump that cannot be fetched is
	// skipped. The server may have it later.
	badFor = 3
	// maxBad bounds the dumps of a collector that are remembered as unusable: more than archives
	// have within any DumpAgeLimit.
	maxBad = 1024
)

// isBad reports whether a dump is to be skipped.
func (w *Worker) isBad(name, url string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.collectors[name]
	return c != nil && w.d.Now().Before(c.bad[url])
}

// setBad skips a dump for span. DumpAgeLimit means for good, because older dumps are not searched.
// Above maxBad the entry with the earliest end is dropped.
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
