// Package watchlist keeps the watch lists that the log holds (docs/detection.md, Watch lists).
//
// A Keeper reads WatchList and HostAddresses records. What records of a window say is taken over when it closes: a whole list when its
// last part has come, addresses always. A record that cannot be is refused with a reason, and changes nothing. Everything is bounded:
// MaxLists, MaxMembers and MaxAddresses.
//
// A Keeper is pure and for one goroutine; a List that it hands out is not changed any more.
package watchlist
