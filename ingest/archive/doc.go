// Package archive finds and fetches the files of the public archives: table dumps and updates of RIPE RIS and RouteViews.
//
// A Finder lists what there is of a collector in a span of time. Three do: the BGPKIT Broker's HTTP API, a directory that is laid
// out as the archives are, and an index (a list of files as lines of tab-separated values). A Fetcher brings a file to this
// machine: downloads go on where they were broken off, even by another process, and are kept in a cache of bounded size.
//
// In: HTTP, directories. Out: paths of files that are complete as far as their length and checksum tell; what is inside is
// judged by whoever reads it (internal/capture).
//
// Invariants: a file appears under its name in the cache only whole; what is in use, here or by another process, is not removed; every response has a cap;
// an error names the URL. A Fetcher and the Finders are safe for concurrent use and start no goroutine. Fetcher.mu is not held
// while anything is read or written but for looking at the cache's folder.
package archive
