// Package rib keeps which peer holds which prefix of one address family. It is state only: no I/O,
// no clock, no goroutine.
//
// A Table has rows (prefixes) and slots (peers). For each row and slot it keeps a status: the slot
// holds the prefix, the prefix is gone, or the slot never heard it. For the first two it also keeps
// the (origin, upstream) pair over which the slot last heard the prefix. A withdrawal changes the
// status and leaves the pair, which is the evidence of where a lost prefix was heard last. With
// ADD-PATH (RFC 7911) a slot holds a prefix while it has any path id of it. A session that ends
// leaves the same evidence of the prefixes that it held (Vacate). The slot's next table is compared
// with that evidence (Lapsed).
//
// While a gap of a slot is open (messages of the slot are missing), two more bitsets have a bit for
// each pair of row and slot. touched is set if the live stream has named the pair since the gap
// began; known is set if the answer to the gap has named it. A table applies to pairs with neither
// bit; a fill (the messages that were missing) applies to pairs without touched. A Check compares
// slots with a table dump in the same way while the slots go on, and changes all pairs at its end.
// A slot whose session comes or goes leaves its gap and check.
//
// The usual status of a slot and the largest pair of a row take no memory of their own (statuses,
// pairs): a row has a run of octets for its differences alone. So the budget of a prefix is
//
//	8 key + 3 to 6 index + 10 runs + 8 main pair + differences + 1/4 bits
//
// octets. The bits mark a row that changed, and one that may have several origins. The differences
// are 1 octet, and 2 for each slot with another status than its usual one; and for each other pair
// 6 octets (10 if it has another origin), and 2 for each slot. Bitsets of 8 octets for 64 slots
// replace longer lists. At 400 slots and 4 pairs that is some 80 octets, 0.2 for each prefix and
// slot. While a gap or a check is open, a prefix takes up to 16 octets more for each 64 slots of
// which some are in it. A check takes up to 16 MB beside that. TestBudget checks the budget.
//
// The end of a session changes the status of its slot in every row. One pass over the rows serves
// all sessions that end in a window (pending).
//
// Rows and slots are numbered in the order in which they came. That order depends on how collectors
// are interleaved, so no decision and no output may depend on the numbers. A Table is for one
// goroutine.
package rib
