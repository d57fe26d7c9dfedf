// Package panel decides who votes in one address family (docs/detection.md, Panel).
//
// A Session is the knowledge about one peer of one collector: whether it is up, is sending its
// table, or is masked, and how large its table is. The Panel chooses members from the full feeds at
// each multiple of decide_interval (a quarter hour) of event time, and when all members are down.
// While there is no panel from tables and no verdict is possible, it tries in each window. Between
// these times the members stay, and whether a member votes depends on its session (Reason). Each
// ASN with a voting session is one voter (Voters). It holds a prefix if any of its voting sessions
// holds it.
//
// If no tables exist (updates alone), a session votes once it has announced a prefix (witness), and
// the panel's knowledge is learned.
//
// The package is pure: no I/O, no goroutine and no clock. The caller passes all times (Unix seconds
// of event time). Sessions are numbered like the slots of a rib.Table. No decision depends on the
// numbers.
package panel
