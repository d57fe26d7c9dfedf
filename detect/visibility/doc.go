// Package visibility counts, window by window, what of every entity the panel still sees (docs/detection.md, A prefix and Space).
//
// A State belongs to one family. It reads a rib.Table: rows that changed are looked at again when a window closes, all rows when
// other peers vote. Per prefix it knows how visible it usually is (the median of 24 hourly samples of one byte), who usually
// originates it, and where it lies. Prefixes that are known, or seen by half of the voters, stand in a radix trie. The region of
// a prefix is what it covers less what the prefixes below it in the trie cover. Then, in whole addresses,
//
//   - a country's, region's and the world's visible space is the sum of the regions that are visible: whose prefix is, or one
//     above it by the same origin. With s(p) the share of a prefix in the entity that is the sum over all prefixes of
//     s(p) x (visible(p) - visible(parent of p)), so a prefix that changes touches itself and what lies below it, no more;
//
//   - an AS's is the union of the visible prefixes that it originates: nobody else's prefix changes it.
//
//   - a watch list's is the same sum over the prefixes that belong to the list, of which only those count as above. A prefix that only
//     covers members without routes of their own stands alone, with their space.
//
// Only entities that are touched are counted again. What was lost, moved, withdrawn when and by whom is kept for prefixes that
// are losing, and answers outage.View.
//
// Of a prefix that is lost, partial or moved, a trough keeps the worst minute: who voted, and who still held it. It tells a return
// of the routes from a change of the panel (docs/detection.md, Why an event ended).
//
// Holdings says who holds the prefixes and who sees them, where that changed and once a day (docs/detection.md, Who holds a prefix).
//
// A prefix costs 50 octets here, one whose hourly samples differ 24 more, one in the trie 24 to 48 more, one with a trough some 250 more,
// and 5 for each hour in which it changed. Nothing depends on the order in which collectors are interleaved within a window, on map order
// or on floats. A State is for one goroutine.
package visibility
