// Package rib keeps which peer holds which prefix of one address family: state only, no I/O, no clock, no goroutine.
//
// A Table has rows (prefixes) and slots (peers). Per row it keeps a bitset of the slots that hold the prefix, and per
// (origin, upstream) pair a bitset of the slots that last heard it there. A withdrawal clears the former and leaves the latter:
// that is the evidence of where a lost prefix was heard last. With ADD-PATH (RFC 7911) a slot holds a prefix while any path id
// of it is there. A session that ends leaves the same evidence of what it held (Vacate), which its next table is compared with (Lapsed).
//
// While a gap of a slot is open (messages of it are missing), two more bitsets note of each pair of row and slot whether the live
// stream has said something of it since the gap began (touched), and whether what answers the gap has (known): a table applies
// where neither is set, a fill (the messages that were missing) where touched is not. A Check compares slots with a table dump in
// the same way while they go on, and changes everything at its end. A slot whose session comes or goes leaves its gap and check.
//
// Everything is a flat slice of integers or a map of integers, so the garbage collector has nothing to follow. The budget of a
// prefix with w words of slots (64 slots each) and p pairs is
//
//	8 key + 4 first pair + 8w held + p x (12 pair + 8w heard) + 40 index + 1/8 dirty
//
// octets, append's slack not counted: 92 for one pair at up to 64 slots, 288 for two at 400. While any gap or check is open it is
// 16w more: 108 and 400. So 1.25 million prefixes take 115 to 360 MB, and up to 500 MB where 400 slots are known and a gap is
// open; a check takes up to 16 MB beside that. TestBudget holds it.
//
// Rows and slots are numbered in the order in which they came, which depends on how collectors are interleaved: nothing that is
// decided or printed may depend on the numbers. A Table is for one goroutine.
package rib
