// Package visibility counts, window by window, the part of every entity that the voters of the
// panel still see (docs/detection.md, A prefix and Space).
//
// A State belongs to one family. It reads a rib.Table. A row is the number of a prefix there. When
// a window closes, it judges the rows that changed, or all rows if the voters changed or a new hour
// began. For each prefix it keeps the usual visibility (the median of 24 hourly samples of one
// byte), the usual origins, and the place. Prefixes that are known, or seen by half of the voters,
// are in a radix trie. The own range of a prefix is its addresses without those of the prefixes
// below it in the trie. Visible space is then counted in whole addresses:
//
//   - The visible space of a country, a region and the world is the sum of the visible own ranges.
//     An own range is visible if its prefix is visible, or a prefix above it by the same origin.
//     Let s(p) be the share of a prefix in the entity, and visible(p) be 1 if the own range of p is
//     visible, otherwise 0. The space is then the sum over all prefixes of s(p) x (visible(p) -
//     visible(parent of p)). So a prefix that changes affects only itself and the prefixes below
//     it.
//
//   - The visible space of an AS is the union of the visible prefixes that it originates. Prefixes
//     of other ASes do not change it.
//
//   - The visible space of a watch list is the same sum as for a country, over the prefixes that
//     belong to the list. A prefix that only covers members without routes of their own counts
//     separately, with the space of these members.
//
// Only entities that are touched are counted again. For prefixes that are losing routes the State
// keeps the times and voters of withdrawals, moves and losses. With them it implements outage.View.
//
// For a prefix that is lost, partly visible or moved, a trough keeps the voters and the holders of
// its worst minute. These two distinguish a return of the routes from a change of the panel
// (docs/detection.md, Why an event ended).
//
// Holdings returns the origins and observers of the prefixes: of those that changed, and of each
// prefix once a day (docs/detection.md, Who holds a prefix).
//
// Memory in octets:
//
//   - a prefix: 50
//   - a prefix whose hourly samples differ: 24 more
//   - a prefix in the trie: 24 to 48 more
//   - a prefix with a trough: some 250 more
//   - each hour in which a prefix changed: 5 more
//
// No result depends on the order in which collectors are interleaved within a window, on map order
// or on floats. The bounds maxYoung, maxOriginSets, maxPlaces, maxWatchSets and maxExpected are
// exceptions: beyond them, those that come first have room. A State is for one goroutine.
package visibility
