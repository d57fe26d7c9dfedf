// Package watchlist keeps the watch lists that the log holds (docs/detection.md, Watch lists).
//
// A Keeper reads WatchList and HostAddresses records. The records of a window take effect when the
// window closes: a list when its last part has come, addresses always. An invalid record is refused
// with a reason and changes nothing. All memory is bounded: MaxLists, MaxMembers and MaxAddresses.
//
// A Keeper is pure and serves one goroutine. A List that it returns does not change any more.
package watchlist
