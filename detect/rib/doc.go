// Package rib keeps which peer holds which prefix of one address family: state only, no I/O, no clock, no goroutine.
//
// A Table has rows (prefixes) and slots (peers). Per row and slot it keeps a status: the slot holds the prefix, it is gone, or the slot was
// never heard of it; and for the first two the (origin, upstream) pair over which the slot last heard it. A withdrawal changes the status
// and leaves the pair: that is the evidence of where a lost prefix was heard last. With ADD-PATH (RFC 7911) a slot holds a prefix while any
// path id of it is there. A session that ends leaves the same evidence of what it held (Vacate), which its next table is compared with
// (Lapsed).
//
// While a gap of a slot is open (messages of it are missing), two more bitsets note of each pair of row and slot whether the live
// stream has said something of it since the gap began (touched), and whether what answers the gap has (known): a table applies
// where neither is set, a fill (the messages that were missing) where touched is not. A Check compares slots with a table dump in
// the same way while they go on, and changes everything at its end. A slot whose session comes or goes leaves its gap and check.
//
// A status that most rows have, and a row's largest pair, take no memory (statuses, pairs): a row has a run of octets for what differs. So
// the budget of a prefix is
//
//	8 key + 3 to 6 index + 10 runs + 8 main pair + what differs + 1/8 dirty
//
// octets. What differs is 1 octet and 2 for each slot of another status than the usual one; and for each other pair 6 octets (10 where it has
// another origin) and 2 for each slot. Bitsets of 8 octets for 64 slots take the place of lists that are longer. At 400 slots and 4 pairs
// that is some 80 octets, 0.2 for each prefix and slot. While a gap or a check is open it is up to 16 octets more for each 64 slots of which
// some are in it; a check takes up to 16 MB beside that. TestBudget holds it.
//
// Rows and slots are numbered in the order in which they came, which depends on how collectors are interleaved: nothing that is
// decided or printed may depend on the numbers. A Table is for one goroutine.
package rib
