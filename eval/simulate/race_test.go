//go:build race

package simulate

// raceDetector is true if the race detector is on. It makes these tests about eight times as slow,
// and they have one goroutine, so they use fewer seeds.
const raceDetector = true
