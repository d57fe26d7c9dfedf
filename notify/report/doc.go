// Package report formats the output of the commands below `darkmap notify`: the status of targets,
// the handling of an outage, messages that would have been sent, parked messages, and silences. It
// writes tables and sentences for people, and JSON objects, one a line, for programs.
package report
