// Package archive finds and fetches the files of the public archives: table dumps and updates of
// RIPE RIS and RouteViews.
//
// A Finder lists the files of a collector in a span of time. There are three: the BGPKIT Broker's
// HTTP API, a directory with the layout of the archives, and an index (a list of files as lines of
// tab-separated values). A Fetcher brings a file to this machine. An interrupted download continues
// at the same octet, even in another process. Files are kept in a cache of bounded size.
//
// In: HTTP, directories. Out: paths of files that are complete as far as their length and checksum
// show. The reader of a file (internal/capture) checks its contents.
//
// Invariants: a file appears under its name in the cache only when it is whole. A file in use, here
// or by another process, is not removed. Every response has a cap. An error names the URL. A
// Fetcher and the Finders are safe for concurrent use and start no goroutine. While Fetcher.mu is
// held, nothing is read or written, except for listing the cache's folder and removing files from
// it.
package archive
