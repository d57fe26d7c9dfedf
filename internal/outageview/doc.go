// Package outageview shows outages on a terminal: as a table, as lines while they come, as a
// timeline. Fold puts outages of one incident into one row or line. Names of ASes come from other
// networks and are shown without control characters.
//
// All but Gather are pure functions. The package starts no goroutine; the caller runs Gather.Run.
package outageview
