// Package rib keeps which peer holds which prefix of one address family: state only, no I/O, no clock, no goroutine.
//
// A Table has rows (prefixes) and slots (peers). Per row it keeps a bitset of the slots that hold the prefix, and per
// (origin, upstream) pair a bitset of the slots that last heard it there. A withdrawal clears the former and leaves the latter:
// that is the evidence of where a lost prefix was heard last. With ADD-PATH (RFC 7911) a slot holds a prefix while any path id
// of it is there.
//
// Everything is a flat slice of integers or a map of integers, so the garbage collector has nothing to follow. The budget of a
// prefix with w words of slots (64 slots each) and p pairs is
//
//	8 key + 4 first pair + 8w held + p x (12 pair + 8w heard) + 40 index + 1/8 dirty
//
// octets, append's slack not counted: 92 for one pair at up to 64 slots, 288 for two at 400. During a gap another 8w mark what
// was touched. TestBudget holds it.
//
// Rows and slots are numbered in the order in which they came, which depends on how collectors are interleaved: nothing that is
// decided or printed may depend on the numbers. A Table is for one goroutine.
package rib
