// Package panel decides who votes in one address family (docs/detection.md, Panel).
//
// A Session is the knowledge about one peer of one collector: whether it is up, is sending its
// table, or is masked, and how large its table is. At each multiple of decide_interval (a quarter
// hour) of event time, while no verdict is possible, and when all members are down, the Panel
// chooses members from the full feeds; in between only masks and doubts change. A Voter is an ASN.
// It holds a prefix if any of its voting sessions holds it.
//
// If no tables exist (updates alone), every session votes from its first message on, and the
// panel's knowledge is learned.
//
// The package is pure: no I/O, no goroutine, and no clock but the times that it is given (Unix
// seconds of event time). Sessions are numbered like the slots of a rib.Table. No decision depends
// on the numbers.
package panel
