//go:build race

package simulate

// raceDetector makes everything here about eight times as slow, and there is one goroutine: fewer seeds do.
const raceDetector = true
