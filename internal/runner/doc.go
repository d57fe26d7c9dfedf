// Package runner runs the stages of a process. Outputs start first and inputs last. At the end the
// inputs end first, each stage finishes its work, and the outputs end last. The first stage that
// fails ends them all.
//
// It owns one goroutine per stage and waits for each.
package runner
