// Package progress measures and shows the progress of a run: it measures the work of the slowest
// stage, writes it in words, and draws it on a terminal without disturbing other output there.
//
// Tracker, Costs and Run do no I/O. Their input is the work read from the files, the positions of
// the consumer groups and the time; their output is the finished work, the remaining time and the
// share. Line writes to the terminal. Only Line.Busy and Line.Follow start a goroutine, which their
// stop ends. Several goroutines may use one Line.
package progress
