// Package watch reads watch lists, and writes them to bgp.updates.v1 as records.
//
// A list has a name and members: prefixes, ASes, countries and hosts. Section is the section
// `watch` of the configuration. Read builds the lists from it and from the files that it names.
// Bodies builds the records of a list.
//
// Source writes the lists of a running ingest, in the streams of the pseudo-collectors
// watch/<name>, lane watch: at the start, when one has changed, and once an hour. The replica with
// the partition of a list's stream writes the list, in a fencing epoch of its own. The last written
// state is kept on the compacted topic bgp.watch.v1. So a list that was removed from the
// configuration while no ingest ran is written as removed, and the last addresses of a host survive
// a restart.
//
// Input: the configuration file and the files of members, checked every few seconds; DNS (package
// hosts). Neither delays the feeds: Source has goroutines of its own.
//
// Goroutines: Source.Run starts one that writes, one that checks the files, and those of
// hosts.Table. They end with it.
package watch
