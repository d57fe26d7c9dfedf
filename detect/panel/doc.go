// Package panel decides who votes in one address family (docs/detection.md, Panel).
//
// A Session is what is known of one peer of one collector: whether it is up, sends its table at the moment, is masked, and how
// large its table is. At each quarter hour of event time the Panel chooses members from the full feeds; in between only masks
// change. A Voter is an ASN: it holds a prefix if any of its sessions that vote does.
//
// Where no tables exist (updates alone), every session votes from its first message on, and the panel's knowledge is learned.
//
// The package is pure: no I/O, no goroutine, no clock but the times it is given (Unix seconds of event time). Sessions are
// numbered like the slots of a rib.Table; nothing that is decided depends on the numbers.
package panel
