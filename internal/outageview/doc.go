// Package outageview shows outages to people at a terminal: as a table, as lines while they come, as a timeline. Outages of one
// incident are folded into one row or line (Fold). What comes from strangers, the names of ASes, is shown without control characters.
//
// Everything but Gather is a pure function. No goroutine is started; whoever makes a Gather runs it.
package outageview
