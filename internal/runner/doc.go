// Package runner runs the stages of a process: outputs start first and inputs last; told to end, the inputs end first,
// each stage finishes what it has, and the outputs go last. The first stage that fails ends them all.
//
// It owns one goroutine per stage and waits for each.
package runner
