// Package report draws what the commands below `darkmap notify` print: how targets stand, what became of an outage, what would have been sent,
// what was given up, and silences. Tables and sentences for people; objects, one a line, for programs.
package report
